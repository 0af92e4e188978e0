"""What measuring costs: a profile against the bare forward pass of the same network over the same shards.

Goals: one site at most 1.05 ×, two sites 1.10 ×, four sites 1.15 × of the forward pass as torch runs it, one shard
after another. Both are also run as a worker does on a processor: shards side by side, each on one thread, with a twin
of the network; the last column is against the bare forward pass that is run in the same way.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial

from avss_core.activations.forward import run_base
from avss_core.activations.measure import measure
from avss_core.corpora.windows import Window, shard_windows
from avss_core.models.load import LoadedModel
from avss_core.models.twin import twin_of
from benchmarks.measuring import batches_of, default_model, print_table, timed_in_turns, windows_of
from benchmarks.shards_at_work import Way, Work, models_at_work, one_after_another

BARE = "bare forward pass"
SITES = {
    "one site (residual)": ("residual",),
    "two sites (residual, update)": ("residual", "update"),
    "four sites": ("residual", "update", "mlp", "attention"),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=8192)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--dtype", default="bfloat16")
    wanted = parser.parse_args()

    model = default_model(wanted.dtype)
    shards, at_work = shard_windows(windows_of(model, wanted.tokens)), models_at_work((model, twin_of(model)))
    ways: dict[str, Way] = {
        "one after another": partial(one_after_another, model),
        "side by side": at_work,
    }
    works: dict[str, Work] = {BARE: bare} | {name: partial(profile, sites=sites) for name, sites in SITES.items()}
    tasks = {f"{name}, {way}": partial(run, work, shards) for way, run in ways.items() for name, work in works.items()}
    seconds = timed_in_turns(tasks, wanted.rounds)
    print_table(
        f"Profile of {wanted.tokens} tokens, default model, {wanted.dtype}, median of {wanted.rounds}",
        ("", "seconds", "tokens/s", "× bare", "× bare in the same way"),
        [
            (
                name,
                value,
                round(wanted.tokens / value),
                value / seconds[f"{BARE}, one after another"],
                value / seconds[f"{BARE}, {name.rpartition(', ')[2]}"],
            )
            for name, value in seconds.items()
        ],
    )


def bare(model: LoadedModel, shard: Sequence[Window]) -> None:
    """The blocks and nothing else."""
    for batch in batches_of(model, shard):
        run_base(model, batch)


def profile(model: LoadedModel, shard: Sequence[Window], sites: tuple[str, ...]) -> None:
    """What a worker does with a shard."""
    measure(model, shard, sites)


if __name__ == "__main__":
    main()
