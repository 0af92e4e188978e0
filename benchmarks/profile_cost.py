"""What measuring costs: a profile against the bare forward pass of the same network over the same batches.

Goals: one site at most 1.05 ×, two sites 1.10 ×, four sites 1.15 ×.
"""

from __future__ import annotations

import argparse

from avss_core.activations.forward import run_base
from avss_core.activations.measure import measure
from avss_core.models.load import LoadedModel
from benchmarks.measuring import batches_of, default_model, print_table, timed_in_turns, windows_of

SITES = {
    "one site (residual)": ("residual",),
    "two sites (residual, update)": ("residual", "update"),
    "four sites": ("residual", "update", "mlp", "attention"),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--dtype", default="bfloat16")
    wanted = parser.parse_args()

    model = default_model(wanted.dtype)
    windows = windows_of(model, wanted.tokens)

    def bare(model: LoadedModel = model) -> None:
        for batch in batches_of(model, windows):
            run_base(model, batch)

    tasks = {"bare forward pass": bare} | {
        name: (lambda sites=sites: measure(model, windows, sites)) for name, sites in SITES.items()
    }
    seconds = timed_in_turns(tasks, wanted.rounds)
    reference = seconds["bare forward pass"]
    print_table(
        f"Profile of {wanted.tokens} tokens, default model, {wanted.dtype}, median of {wanted.rounds}",
        ("", "seconds", "tokens/s", "× bare"),
        [(name, value, round(wanted.tokens / value), value / reference) for name, value in seconds.items()],
    )


if __name__ == "__main__":
    main()
