"""Peak memory of a profile of 40,000 tokens against that of 4,000, in processes of their own. Goal: at most 1.05 ×.

All of it by one thread, and as a worker does on a processor: shards side by side, with a twin of the network.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from avss_core.activations.measure import measure
from avss_core.corpora.windows import Window, shard_windows
from avss_core.models.load import LoadedModel
from avss_core.models.twin import twin_of
from benchmarks.measuring import (
    default_model,
    forget_peak,
    in_a_process_of_its_own,
    peak_megabytes,
    print_table,
    windows_of,
)
from benchmarks.shards_at_work import models_at_work

TOKENS = (4000, 40000)


def by_one_thread(model: LoadedModel, windows: Sequence[Window]) -> None:
    """Torch's threads at one batch after another."""
    measure(model, windows)


def side_by_side(model: LoadedModel, windows: Sequence[Window]) -> None:
    """As the worker does it."""
    at_work = models_at_work((model, twin_of(model)))
    at_work(by_one_thread, shard_windows(windows))


WAYS = {"one after another": by_one_thread, "side by side": side_by_side}


def child(way: str, tokens: int) -> None:
    """Profile so many tokens and print the peak memory."""
    model = default_model()
    windows = windows_of(model, tokens)
    forget_peak()  # loading takes more for a moment, which would hide the rest
    loaded = peak_megabytes()
    WAYS[way](model, windows)
    print(json.dumps({"loaded": loaded, "peak": peak_megabytes()}))


def main() -> None:
    """Print the table."""
    if len(sys.argv) > 1:
        child(sys.argv[1], int(sys.argv[2]))
        return
    rows = []
    for way in WAYS:
        found = [in_a_process_of_its_own("benchmarks.profile_memory", way, str(tokens)) for tokens in TOKENS]
        rows += [
            (f"{tokens:,}, {way}", each["loaded"], each["peak"], each["peak"] / found[0]["peak"])
            for tokens, each in zip(TOKENS, found, strict=True)
        ]
    print_table(
        "Peak memory of the process that profiles, default model, bfloat16, two sites",
        ("tokens", "after loading (MB)", "peak (MB)", f"× that of {TOKENS[0]:,}"),
        rows,
    )


if __name__ == "__main__":
    main()
