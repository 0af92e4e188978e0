"""A run in words, for figures and what stands under them."""

from __future__ import annotations

from avss_core.importance.intervals import MIN_SHARDS
from avss_core.runs import Run


def model_and_text(run: Run) -> str:
    """What was run on what: the model and the text as they were asked for, the type of number where it was chosen."""
    model, corpus = run.spec["model"], run.spec["corpus"]
    dtype = "" if model.get("dtype", "auto") == "auto" else f" ({model['dtype']})"
    return f"{model['source']}{dtype} · {corpus['source']}"


def bands(shards: int) -> str:
    """What the bands are that figures of so many shards have, or why they have none."""
    if shards < MIN_SHARDS:
        return f"No bands: fewer than {MIN_SHARDS} shards."
    return "Bands: 95 % intervals from resampling the shards of the text."
