from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from avss_core.errors import CutError, NumericalError, SettingError
from avss_core.pruning import Cut, authors_cumulative, below_threshold, lowest_fraction, lowest_k

SCORES = [0.30, 0.05, 0.20, 0.05, 0.10, 0.30]  # sums to 1
CUMULATIVE = [0.30, 0.35, 0.55, 0.60, 0.70, 1.00]


@pytest.mark.parametrize(
    ("p", "removed"),
    [
        (0.0, ()),
        (0.08, ()),  # 0.48 blocks
        (0.1, (1,)),  # 0.6 blocks; of the two equal scores the earlier goes
        (0.25, (1, 3)),  # 1.5 blocks: half to even, 2
        (0.5, (1, 3, 4)),
        (0.75, (1, 2, 3, 4)),  # 4.5 blocks: half to even, 4
        (0.8, (0, 1, 2, 3, 4)),  # of the two 0.30 the earlier goes
    ],
)
def test_lowest_fraction(p: float, removed: tuple[int, ...]) -> None:
    assert lowest_fraction(SCORES, p).removed == removed


@pytest.mark.parametrize(("k", "removed"), [(0, ()), (1, (1,)), (2, (1, 3)), (4, (1, 2, 3, 4))])
def test_lowest_k(k: int, removed: tuple[int, ...]) -> None:
    assert lowest_k(SCORES, k).removed == removed
    assert lowest_k(np.array(SCORES), k).removed == removed


@pytest.mark.parametrize(
    ("theta", "removed"), [(0.05, ()), (0.0500001, (1, 3)), (0.1, (1, 3)), (0.2, (1, 3, 4)), (0.3, (1, 2, 3, 4))]
)
def test_below_threshold_is_strict(theta: float, removed: tuple[int, ...]) -> None:
    assert below_threshold(SCORES, theta).removed == removed


@pytest.mark.parametrize(
    ("p", "removed"), [(0.0, ()), (0.29, ()), (0.3, (0,)), (0.6, (0, 1, 2, 3)), (0.99, (0, 1, 2, 3, 4))]
)
def test_authors_rule_goes_from_the_front(p: float, removed: tuple[int, ...]) -> None:
    assert authors_cumulative(CUMULATIVE, p).removed == removed


def test_authors_rule_stops_at_the_first_block_above() -> None:
    # Not a cumulative share, which never falls: "while" and "every block with" differ only here.
    assert authors_cumulative([0.1, 0.9, 0.2], 0.5).removed == (0,)


def test_protected_blocks_stay_and_still_count() -> None:
    assert lowest_fraction(SCORES, 0.5, protect_first=2, protect_last=1).removed == (2, 3, 4)
    assert lowest_k(SCORES, 2, protect_first=2).removed == (3, 4)
    assert below_threshold(SCORES, 0.25, protect_first=2).removed == (2, 3, 4)
    assert below_threshold(SCORES, 0.25, protect_first=6).removed == ()
    assert authors_cumulative(CUMULATIVE, 0.6, protect_first=1, protect_last=3).removed == (1, 2)
    # The first block's share is above p, so the rule stops there although it is protected.
    assert authors_cumulative(CUMULATIVE, 0.2, protect_first=1).removed == ()


def test_too_many_protected_is_an_error_and_not_a_smaller_cut() -> None:
    with pytest.raises(CutError, match="4 blocks are to be removed, but only 3 of 6 are not protected"):
        lowest_k(SCORES, 4, protect_first=1, protect_last=2)
    with pytest.raises(CutError, match="only 0 of 6"):
        lowest_fraction(SCORES, 0.5, protect_first=4, protect_last=4)


@pytest.mark.parametrize(
    "cut_all",
    [
        lambda: lowest_fraction(SCORES, 1.0),
        lambda: lowest_fraction(SCORES, 0.95),
        lambda: lowest_k(SCORES, 6),
        lambda: below_threshold(SCORES, 0.31),
        lambda: authors_cumulative(CUMULATIVE, 1.0),
    ],
)
def test_removing_every_block_is_refused(cut_all: Callable[[], Cut]) -> None:
    with pytest.raises(CutError, match="removes all 6 blocks; keep at least one"):
        cut_all()


def test_more_than_there_are_is_refused() -> None:
    with pytest.raises(CutError, match="7 blocks are to be removed, but only 6"):
        lowest_k(SCORES, 7)


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_a_share_lies_between_0_and_1(p: float) -> None:
    with pytest.raises(SettingError, match="between 0 and 1"):
        lowest_fraction(SCORES, p)
    with pytest.raises(SettingError, match="between 0 and 1"):
        authors_cumulative(CUMULATIVE, p)


def test_settings_out_of_range() -> None:
    with pytest.raises(SettingError, match="must not be negative; -1"):
        lowest_k(SCORES, -1)
    with pytest.raises(SettingError, match="protected blocks must not be negative"):
        lowest_k(SCORES, 1, protect_last=-1)
    with pytest.raises(SettingError, match="threshold must be a number"):
        below_threshold(SCORES, math.nan)


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_scores_that_cannot_be_compared(broken: float) -> None:
    for rule in (lowest_fraction, lowest_k, below_threshold, authors_cumulative):
        with pytest.raises(NumericalError, match="Block 1 has the score"):
            rule([0.5, broken, 0.5], 1)


def test_no_scores() -> None:
    with pytest.raises(CutError, match="no score"):
        lowest_k([], 0)


def test_the_reason_says_what_was_done() -> None:
    assert lowest_fraction(SCORES, 0.25).reason == "the 2 lowest of 6 scores (share 0.25)"
    assert lowest_k(SCORES, 2, 1, 1).reason == "the 2 lowest of 6 scores, protecting the first 1 and the last 1"
    assert below_threshold(SCORES, 0.1, protect_last=2).reason == "every share below 0.1, protecting the last 2"
    assert "authors' script" in authors_cumulative(CUMULATIVE, 0.3).reason
