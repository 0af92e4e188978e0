"""A run in words that a figure can carry away."""

from __future__ import annotations

from avss_core.runs import Run


def model_and_text(run: Run) -> str:
    """What was run on what: the model and the text as they were asked for, the type of number where it was chosen."""
    model, corpus = run.spec["model"], run.spec["corpus"]
    dtype = "" if model.get("dtype", "auto") == "auto" else f" ({model['dtype']})"
    return f"{model['source']}{dtype} · {corpus['source']}"
