from __future__ import annotations

import math

import pandas as pd
import pytest
from known_losses import KnownLosses

from avss_core.errors import CutError, SettingError
from avss_core.pruning import lowest_fraction
from avss_core.pruning.search import Limits, Problem
from avss_core.pruning.targets import most_that_retains, share_of_blocks, share_of_parameters
from avss_core.variants import Variant

ORDER = (4, 2, 5, 1, 3)


def of_cutoffs(retained: list[float]) -> KnownLosses:
    """Perplexity 10 / r after so many blocks of ORDER, whichever they are."""
    return KnownLosses(lambda removed: math.log(10 / ([1.0, *retained][len(removed)])))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.4, 0.5])
def test_a_share_of_blocks_is_that_of_the_rule(share: float) -> None:
    scores = [0.9, 0.4, 0.2, 0.5, 0.1, 0.3]
    assert share_of_blocks(ORDER, 6, share).removed == lowest_fraction(scores, share, protect_first=1).removed


def test_more_blocks_than_may_go() -> None:
    with pytest.raises(CutError, match="4 blocks are to be removed, but only 2 of 6 may go"):
        share_of_blocks((4, 2), 6, 0.7)
    with pytest.raises(SettingError, match="between 0 and 1"):
        share_of_blocks(ORDER, 6, 1.2)


def test_the_fewest_blocks_with_a_share_of_the_parameters() -> None:
    parameters = [10, 20, 30, 40, 50, 60]  # in order 50, 30, 60, 20, 40; 210 in blocks
    assert share_of_parameters(ORDER, parameters, 300, 0.0).removed == ()
    assert share_of_parameters(ORDER, parameters, 300, 50 / 300).removed == (4,)
    assert share_of_parameters(ORDER, parameters, 300, 51 / 300).removed == (2, 4)
    assert share_of_parameters(ORDER, parameters, 300, 0.25).removed == (2, 4)  # 80 of 75
    assert share_of_parameters(ORDER, parameters, 210, 0.5).removed == (2, 4, 5)  # 140 of 105
    with pytest.raises(CutError, match=r"have 66\.7% of the parameters, less than the 70\.0% asked for"):
        share_of_parameters(ORDER, parameters, 300, 0.7)
    # One block stays, even where none is protected.
    with pytest.raises(CutError, match="less than"):
        share_of_parameters((0, 1, 2), [1, 1, 1], 3, 1.0)


@pytest.mark.parametrize("every", [True, False])
@pytest.mark.parametrize(("retain", "n"), [(0.99, 0), (0.9, 2), (0.8, 3), (0.5, 4), (0.1, 5), (1.5, 0)])
def test_the_most_that_retains_a_share(retain: float, n: int, every: bool) -> None:
    problem = Problem(6, of_cutoffs([0.95, 0.91, 0.85, 0.6, 0.2]))
    found = most_that_retains(problem, ORDER, retain, every_cutoff=every)
    assert found.cut.removed == tuple(sorted(ORDER[:n]))
    assert found.gaps == ()
    assert found.complete is every


def test_every_cutoff_is_one_tree_and_halving_measures_few() -> None:
    known = of_cutoffs([0.95, 0.91, 0.85, 0.6, 0.2])
    every = most_that_retains(Problem(6, known), ORDER, 0.9)
    assert known.asked == [{(), (4,), (2, 4), (2, 4, 5), (1, 2, 4, 5), (1, 2, 3, 4, 5)}]
    # 012345; 5 after 0123; 3 5 after 01, which hold 013; 3 after 0; 0 itself.
    assert every.block_runs == 6 + 1 + 2 + 0 + 1 + 0
    assert every.block_runs_naive == 6 + 5 + 4 + 3 + 2 + 1
    assert [c.removed for c in every.cutoffs] == list(range(6))
    assert [c.retained for c in every.cutoffs] == pytest.approx([1, 0.95, 0.91, 0.85, 0.6, 0.2])

    known.asked.clear()
    halving = most_that_retains(Problem(6, known), ORDER, 0.9, every_cutoff=False)
    assert known.asked == [{(), (2, 4, 5)}, {(4,)}, {(2, 4)}]
    assert [c.removed for c in halving.cutoffs] == [1, 2, 3]
    assert halving.cut.removed == (2, 4)
    assert (halving.block_runs, halving.block_runs_naive) == (6 + 1 + 5 + 4, 6 + 3 + 5 + 4)


def test_performance_that_comes_back_is_found_by_measuring_all_and_may_be_missed_by_halving() -> None:
    retained = [0.8, 0.95, 0.7, 0.92, 0.5]
    every = most_that_retains(Problem(6, of_cutoffs(retained)), ORDER, 0.9)
    assert len(every.cut.removed) == 4
    assert every.gaps == (1, 3)
    halving = most_that_retains(Problem(6, of_cutoffs(retained)), ORDER, 0.9, every_cutoff=False)
    # 3 too little, 1 too little: nothing, though 2 and 4 would do.
    assert halving.cut.removed == ()
    assert not halving.complete


def test_surely_goes_by_the_low_end_of_the_interval() -> None:
    # Two documents of 10 tokens lose 0.02 and 0.18: resamples retain exp(−0.02), exp(−0.1) or exp(−0.18).
    def loss_of(variants: list[Variant]) -> dict[Variant, pd.DataFrame]:
        return {
            v: pd.DataFrame(
                {"document": [0, 1], "nll": [20 + 0.2 * len(v.removed), 20 + 1.8 * len(v.removed)], "tokens": [10, 10]}
            )
            for v in variants
        }

    problem = Problem(3, loss_of)
    assert most_that_retains(problem, (0, 1), 0.9).cut.removed == (0,)
    assert most_that_retains(problem, (0, 1), 0.9, surely=True).cut.removed == ()
    sure = most_that_retains(problem, (0, 1), 0.8, surely=True)
    assert sure.cut.removed == (0,)
    assert sure.cut.reason == "the most of the order that surely retains 0.8"
    assert (sure.cutoffs[1].low, sure.cutoffs[1].high) == pytest.approx((math.exp(-0.18), math.exp(-0.02)))


def test_protected_blocks_and_the_most_are_kept_to() -> None:
    known = of_cutoffs([0.99] * 5)
    problem = Problem(6, known, Limits(most=2, protected=(4,)))
    assert most_that_retains(problem, ORDER, 0.5).cut.removed == (2, 5)
    with pytest.raises(SettingError, match="must be positive"):
        most_that_retains(problem, ORDER, 0)
