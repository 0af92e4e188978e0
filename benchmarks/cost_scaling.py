"""What a profile costs per token from 2,000 to 64,000 tokens, and against the number of blocks.

Both should say that nothing but the model's own work grows: seconds per 1,000 tokens stay the same, and seconds grow by
the same amount with every block. The bare forward pass over the same text stands beside it, since a machine does not
run equally fast for minutes. The shorter models are the default model with only its first blocks.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial

import numpy as np

from avss_core.activations.forward import run_base
from avss_core.activations.measure import measure
from avss_core.corpora.windows import Window
from avss_core.models.load import LoadedModel
from avss_core.pruning.search.importance_scorer import pruned_model
from benchmarks.measuring import batches_of, default_model, print_table, timed_in_turns, windows_of

SITES = ("residual", "update")
LENGTHS = (2048, 16384, 65536)
DEPTHS = (5, 10, 15, 20, 25, 30)


def forward(model: LoadedModel, windows: Sequence[Window]) -> None:
    """The bare forward pass over the same batches."""
    for batch in batches_of(model, windows):
        run_base(model, batch)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()

    model = default_model()
    texts = {tokens: windows_of(model, tokens) for tokens in LENGTHS}
    seconds, bare = {}, {}
    for tokens, text in texts.items():
        found = timed_in_turns(
            {"profile": partial(measure, model, text, SITES), "bare": partial(forward, model, text)}, wanted.rounds
        )
        seconds[tokens], bare[tokens] = found["profile"], found["bare"]
    per_token = {tokens: 1000 * seconds[tokens] / tokens for tokens in LENGTHS}
    print_table(
        f"Cost per token, default model, bfloat16, two sites, median of {wanted.rounds}",
        ("tokens", "seconds", "seconds per 1,000 tokens", "× that of 2,048", "× bare forward pass"),
        [
            (
                tokens,
                seconds[tokens],
                per_token[tokens],
                per_token[tokens] / per_token[2048],
                seconds[tokens] / bare[tokens],
            )
            for tokens in LENGTHS
        ],
    )

    models = {depth: pruned_model(model, tuple(range(depth))) for depth in DEPTHS}
    by_depth = timed_in_turns(
        {str(depth): partial(measure, shorter, texts[2048], SITES) for depth, shorter in models.items()},
        wanted.rounds + 2,
    )
    values = np.array([by_depth[str(depth)] for depth in DEPTHS])
    slope, start = np.polyfit(DEPTHS, values, 1)
    line = start + slope * np.array(DEPTHS)
    explained = 1 - ((values - line) ** 2).sum() / ((values - values.mean()) ** 2).sum()
    print_table(
        f"Cost against depth, 2,048 tokens, median of {wanted.rounds + 2}; "
        f"line {start:.3f} s + {slope:.4f} s per block, R² = {explained:.4f}",
        ("blocks", "seconds", "× the line"),
        [(depth, by_depth[str(depth)], by_depth[str(depth)] / at) for depth, at in zip(DEPTHS, line, strict=True)],
    )


if __name__ == "__main__":
    main()
