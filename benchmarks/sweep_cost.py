"""A sweep as the Sweep page plans it: one prefix tree against each cut on its own, with its blocks physically removed.

Every cutoff from 0 to 50 % of the blocks along the orders of several methods: each order's tree, all orders in one
tree, and with them the random cuts of every size that the page draws as a band; the first and the last block stay, as
they do there at first. Both ways must give the same values on the same tokens. A last table counts the block runs of
each order with its band alone; --rounds 0 counts all of them and runs none.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from functools import partial

from avss_core.importance.rank import rank
from avss_core.importance.settings import RankSettings
from avss_core.models.load import LoadedModel
from avss_core.pruning.protect import protected_ends
from avss_core.pruning.random_cuts import DRAWS
from avss_core.pruning.sweep import Sweep, plan_sweep
from benchmarks.measuring import batches_of, default_model, print_table, windows_of
from benchmarks.tree_or_alone import HEADER, Ways, compare

METHODS = "avss,block_influence,ablation"
BANDED = ", with its band"


def sweeps_of(
    orders: Mapping[str, Sequence[int]], n_blocks: int, max_fraction: float, draws: int, protect: int
) -> dict[str, Sweep]:
    """Each order by itself, all together, all with random cuts of each size, and each with its own of these.

    protect: so many blocks at either end stay.
    """
    protected = protected_ends(n_blocks, protect, protect)
    plan = partial(plan_sweep, n_blocks=n_blocks, max_fraction=max_fraction, protected=protected)
    planned = {name: plan({name: order}, draws=0) for name, order in orders.items()}
    if len(orders) > 1:
        planned["all in one tree"] = plan(orders, draws=0)
    if draws:
        planned[f"all, and {draws} random cuts of each size"] = plan(orders, draws=draws)
        planned |= {f"{name}{BANDED}": plan({name: order}, draws=draws) for name, order in orders.items()}
    return planned


def orders_of(model: LoadedModel, methods: Sequence[str], tokens: int) -> dict[str, list[int]]:
    """Orders of removal by the engine, on the part that is profiled."""
    rankings = rank(model, windows_of(model, tokens, "profile"), RankSettings(tuple(methods)))
    return {ranking.name: ranking.removal_order for ranking in rankings}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=1024, help="to rank on, and as many others to evaluate on")
    parser.add_argument("--methods", default=METHODS)
    parser.add_argument("--max-fraction", type=float, default=0.5)
    parser.add_argument("--draws", type=int, default=DRAWS, help="random cuts of each size (0: none)")
    parser.add_argument("--protect", type=int, default=1, help="blocks at either end that stay")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dtype", default="bfloat16")
    wanted = parser.parse_args()

    model = default_model(wanted.dtype)
    batches = batches_of(model, windows_of(model, wanted.tokens, "evaluate"))
    orders = orders_of(model, wanted.methods.split(","), wanted.tokens)
    planned = sweeps_of(orders, model.n_blocks, wanted.max_fraction, wanted.draws, wanted.protect)
    rows, building = [], 0.0
    for name, sweep in planned.items():
        if name.endswith(BANDED) or not wanted.rounds:
            continue
        started = time.perf_counter()
        ways = Ways.of(model, batches, sweep.variants)
        building += time.perf_counter() - started
        row = compare(name, ways, wanted.rounds)
        assert row[2:4] == (sweep.block_runs, sweep.block_runs_naive), "the page counts what runs"
        rows.append(row)
        print(" | ".join(map(str, row)), flush=True)
    if rows:
        print_table(
            f"Every cutoff from 0 to {wanted.max_fraction:.0%}, {wanted.protect} at either end protected, "
            f"{wanted.tokens} tokens, default model, {wanted.dtype}, median of {wanted.rounds}; building the pruned "
            f"networks took {building:.1f} s more",
            HEADER,
            rows,
        )
    counted = {name: sweep for name, sweep in planned.items() if name.endswith(BANDED) or not wanted.rounds}
    print_table(
        f"Block runs, {wanted.draws} random cuts of each size",
        HEADER[:5],
        [
            (name, len(each.cuts), each.block_runs, each.block_runs_naive, each.block_runs / each.block_runs_naive)
            for name, each in counted.items()
        ],
    )


if __name__ == "__main__":
    main()
