from __future__ import annotations

import math
from itertools import combinations

import pandas as pd
import pytest
from known_losses import KnownLosses

from avss_core.errors import CutError, SettingError
from avss_core.pruning import Cut
from avss_core.pruning.outcome import Outcome, outcome_of
from avss_core.pruning.random_cuts import random_cuts_by_size
from avss_core.pruning.sweep import METHOD_COLUMNS, RANDOM_COLUMNS, OutcomeOf, plan_sweep, random_table, sweep_table
from avss_core.tasks.perplexity_table import summarise

N = 10
ORDERS = {"a": [3, 1, 4, 0, 5, 9, 2, 6, 8, 7], "b": [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]}


def outcomes(known: KnownLosses, missing: frozenset[tuple[int, ...]] = frozenset()) -> OutcomeOf:
    def evaluated(removed: tuple[int, ...]) -> tuple[object, pd.DataFrame]:
        frame = known.frame(removed)
        return summarise(frame), frame

    def outcome(removed: tuple[int, ...], reason: str) -> Outcome | None:
        if removed in missing:
            return None
        return outcome_of(Cut(removed, N, reason), evaluated(()), evaluated(removed), [10] * N, 150)

    return outcome


def test_every_cutoff_up_to_a_share() -> None:
    sweep = plan_sweep(ORDERS, N, 0.4, draws=0)
    assert sweep.methods["a"] == ((), (3,), (1, 3), (1, 3, 4), (0, 1, 3, 4))
    assert sweep.methods["b"] == ((), (9,), (8, 9), (7, 8, 9), (6, 7, 8, 9))
    assert sweep.random == {}
    assert sweep.cuts == ((), *sweep.methods["a"][1:], *sweep.methods["b"][1:])


@pytest.mark.parametrize(("share", "most"), [(0.0, 0), (0.25, 2), (0.35, 4), (0.5, 5), (1.0, 9)])
def test_the_last_cutoff_is_what_rule_a_removes(share: float, most: int) -> None:
    assert len(plan_sweep(ORDERS, N, share, draws=1).methods["a"][-1]) == most


def test_protected_blocks_are_in_no_cut() -> None:
    sweep = plan_sweep(ORDERS, N, 1.0, protected=(0, 9))
    assert not {0, 9} & {block for cut in sweep.cuts for block in cut}
    assert sweep.methods["b"][2] == (7, 8)
    assert max(map(len, sweep.cuts)) == 8


def test_random_cuts_of_every_size() -> None:
    sweep = plan_sweep(ORDERS, N, 0.4, protected=(0,), draws=25, seed=3)
    assert set(sweep.random) == {1, 2, 3, 4}
    assert sweep.random[1] == tuple((block,) for block in range(1, N))
    assert sweep.random[3] == tuple(random_cuts_by_size(N, [3], (0,), 25, 3)[3])
    assert [len(cuts) for cuts in sweep.random.values()] == [9, 25, 25, 25]


def test_block_runs_by_hand() -> None:
    sweep = plan_sweep({"from the end": [3, 2, 1, 0]}, 4, 0.75, draws=0)
    # 0123, 012, 01, 0 are one path.
    assert (sweep.block_runs, sweep.block_runs_naive) == (4, 10)
    alone = plan_sweep({"from the end": [3, 2, 1, 0]}, 4, 0.75, draws=0, shares_prefixes=False)
    assert (alone.block_runs, alone.block_runs_naive) == (10, 10)
    sweep = plan_sweep({"from the front": [0, 1, 2, 3]}, 4, 0.75, draws=0)
    assert (sweep.block_runs, sweep.block_runs_naive) == (10, 10)
    # A cut that both orders make is one variant.
    both = plan_sweep({"x": [3, 2], "y": [2, 3]}, 4, 0.5, draws=0)
    assert len(both.variants) == 4
    assert (both.block_runs, both.block_runs_naive) == (4 + 1, 4 + 3 + 2 + 3)


def test_cuts_of_no_order() -> None:
    sweep = plan_sweep({}, N, 0.3, draws=0, more={"stretch": [(5, 4), (4, 5, 6)]})
    assert sweep.methods == {"stretch": ((4, 5), (4, 5, 6))}
    with pytest.raises(CutError, match="no block 10"):
        plan_sweep({}, N, more={"stretch": [(10,)]})


def test_orders_that_cannot_be() -> None:
    with pytest.raises(CutError, match="Block 1 is named 2 times"):
        plan_sweep({"a": [1, 1, 2]}, N, 0.3)
    with pytest.raises(CutError, match="The order a names block 10"):
        plan_sweep({"a": [1, 10, 2]}, N, 0.3)
    with pytest.raises(SettingError, match="between 0 and 1"):
        plan_sweep(ORDERS, N, 1.1)


def test_where_no_block_may_go_nothing_is_swept() -> None:
    with pytest.raises(CutError, match="None of the 10 blocks can be removed; protect fewer"):
        plan_sweep(ORDERS, N, 0.4, protected=range(N))
    with pytest.raises(CutError, match="None of the 1 blocks"):
        plan_sweep({"a": [0]}, 1)
    assert plan_sweep(ORDERS, N, 0.4, protected=range(1, N)).methods["a"] == ((), (0,))


def test_rows_by_hand() -> None:
    known = KnownLosses(lambda removed: 2 + 0.1 * len(removed) + 0.01 * sum(removed))
    sweep = plan_sweep(ORDERS, N, 0.2, draws=0)
    table = sweep_table(sweep, outcomes(known, missing=frozenset({(8, 9)})))
    assert tuple(table.columns) == METHOD_COLUMNS
    assert table[["method", "removed", "share", "blocks"]].values.tolist() == [
        ["a", 0, 0.0, ""],
        ["a", 1, 0.1, "3"],
        ["a", 2, 0.2, "1 3"],
        ["b", 0, 0.0, ""],
        ["b", 1, 0.1, "9"],
    ]
    assert table["value"].tolist() == pytest.approx([math.exp(x) for x in (2, 2.13, 2.24, 2, 2.19)])
    assert table["retained"].tolist() == pytest.approx([math.exp(x) for x in (0, -0.13, -0.24, 0, -0.19)])
    assert ((table["low"] <= table["retained"] + 1e-9) & (table["retained"] <= table["high"] + 1e-9)).all()


def test_random_rows_by_hand() -> None:
    known = KnownLosses(lambda removed: 2 + 0.01 * sum(removed))
    sweep = plan_sweep({}, N, 0.3, protected=(0, 9), draws=20)
    table = random_table(sweep, outcomes(known, missing=frozenset({sweep.random[3][7]})))
    assert tuple(table.columns) == RANDOM_COLUMNS
    # Size 1: all 8 there are. Size 2: 20 of 28. Size 3: one is missing, so nothing is said.
    assert table["removed"].tolist() == [1, 2]
    assert table["draws"].tolist() == [8, 20]
    assert table["coverage"].tolist() == pytest.approx([1, 19 / 21])
    ones = sorted(math.exp(-0.01 * block) for block in range(1, 9))
    assert table.loc[0, ["low", "median", "high"]].tolist() == pytest.approx(
        [ones[0], (ones[3] + ones[4]) / 2, ones[-1]]
    )
    twos = sorted(math.exp(-0.01 * sum(cut)) for cut in sweep.random[2])
    assert table.loc[1, ["low", "high"]].tolist() == pytest.approx([twos[0], twos[-1]])


def test_the_whole_of_a_small_sweep_is_the_power_set() -> None:
    sweep = plan_sweep({}, 5, 1.0, draws=100)
    assert set(sweep.cuts) == {cut for size in range(5) for cut in combinations(range(5), size)}
    # The tree of all kept sets but the empty one has one node a set.
    assert sweep.block_runs == 2**5 - 1
    assert sweep.block_runs_naive == 5 * 2**4
