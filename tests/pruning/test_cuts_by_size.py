"""Cuts of every size along an order or as stretches, and how far to go, against counting by hand."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from avss_core.errors import CutError, SettingError
from avss_core.pruning import Cut, Reduction
from avss_core.pruning.cuts_by_size import (
    along_order,
    best_stretches,
    most_tolerated,
    number_of_parameters,
    number_of_share,
    number_that_may_go,
    stretches_by_distance,
)
from avss_core.pruning.outcome import Outcome
from avss_core.tasks import Evaluation

ORDER = (4, 2, 5, 1, 3, 0)
CUTS = along_order(ORDER, 6, protected=(0,))


def test_along_an_order() -> None:
    assert CUTS == ((), (4,), (2, 4), (2, 4, 5), (1, 2, 4, 5), (1, 2, 3, 4, 5))
    assert along_order(ORDER, 6)[-1] == (1, 2, 3, 4, 5), "one block stays where none is protected"
    assert along_order(ORDER, 6, protected=range(6)) == ((),)


@pytest.mark.parametrize("protected", [(), (0,), (0, 9), (4,), (0, 3, 9)])
def test_best_stretches_against_trying_all(protected: tuple[int, ...]) -> None:
    scores = np.random.default_rng(len(protected)).random(10).tolist()
    found = best_stretches(scores, protected)
    for n in range(10):
        tried = [
            cut
            for cut in combinations(range(10), n)
            if (not cut or cut[-1] - cut[0] == n - 1) and not set(cut) & set(protected)
        ]
        if tried:
            assert found[n] == min(tried, key=lambda cut: sum(scores[block] for block in cut))
        else:
            assert len(found) <= n


def test_a_method_that_measures_stretches_is_asked_for_them() -> None:
    turns = {1: [0.1, 0.2, 0.3], 2: [0.5, 0.4]}
    assert best_stretches([0.0, 9.0, 9.0], turns=turns) == ((), (0,), (1, 2))
    assert best_stretches([0.0, 9.0, 9.0], protected=(2,), turns=turns) == ((), (0,), (0, 1))


def test_stretches_by_distance_by_hand() -> None:
    distances = {1: [0.1, 0.5, 0.4, 0.6, 0.2], 2: [0.1, 0.3, 0.9, 0.3], 3: [0.1, 0.7, 0.2], 4: [0.1, 0.2]}
    assert stretches_by_distance(distances, 5) == ((), (0,), (0, 1), (0, 1, 2), (0, 1, 2, 3))
    assert stretches_by_distance(distances, 5, (0,)) == ((), (4,), (1, 2), (2, 3, 4), (1, 2, 3, 4))
    # Between protected blocks no stretch is longer than 2.
    assert stretches_by_distance(distances, 5, (2,)) == ((), (0,), (0, 1))
    assert stretches_by_distance(distances, 5, range(5)) == ((),)
    with pytest.raises(CutError, match="no block 5"):
        stretches_by_distance(distances, 5, (5,))


def test_shares() -> None:
    assert [number_of_share(CUTS, 6, share) for share in (0.0, 0.25, 0.4, 0.8)] == [0, 2, 2, 5]
    assert number_that_may_go(CUTS, 6, 5) == 5
    with pytest.raises(CutError, match="6 of 6 blocks are to be removed, but it can be 5 at most"):
        number_of_share(CUTS, 6, 1.0)
    for share in (-0.1, 1.1, math.nan):
        with pytest.raises(SettingError, match="between 0 and 1"):
            number_of_share(CUTS, 6, share)
    parameters = [10, 20, 30, 40, 50, 60]
    shares = (0.0, 50 / 300, 51 / 300, 0.5)
    assert [number_of_parameters(CUTS, parameters, 300, share) for share in shares] == [0, 1, 2, 4]
    with pytest.raises(CutError, match=r"have 66\.7% of the parameters, less than the 70\.0% asked for"):
        number_of_parameters(CUTS, parameters, 300, 0.7)


def outcomes(retained: dict[int, float], half: float = 0.04) -> dict[int, Outcome]:
    value = Evaluation("perplexity", "perplexity", 1.0, 1.0, 1.0, 3, False)
    return {
        n: Outcome(Cut(CUTS[n], 6, ""), value, value, share, share - half, share + half, Reduction(0, 0.0, 0.0))
        for n, share in retained.items()
    }


def test_the_most_that_is_tolerated() -> None:
    measured = outcomes({0: 1.0, 1: 0.95, 2: 0.85, 3: 0.93, 4: 0.6, 5: 0.1})
    found = most_tolerated(CUTS, 6, measured, 0.9)
    assert (found.cut.removed, found.gaps, found.complete) == (CUTS[3], (2,), True)
    assert [cutoff.removed for cutoff in found.cutoffs] == list(range(6))
    assert most_tolerated(CUTS, 6, measured, 0.9, surely=True).cut.removed == CUTS[1]
    assert most_tolerated(CUTS, 6, measured, 1.5).cut.removed == ()
    # Six models of 6, 5, … 1 blocks; those that begin alike share what they begin with.
    assert found.block_runs_naive == 21
    assert 6 < found.block_runs < 21
    alone = most_tolerated(CUTS, 6, measured, 0.9, shares_prefixes=False)
    assert (alone.block_runs, alone.block_runs_naive, alone.cut) == (21, 21, found.cut)


def test_what_was_not_evaluated_is_not_taken() -> None:
    found = most_tolerated(CUTS, 6, outcomes({0: 1.0, 2: 0.95}), 0.9)
    assert (found.cut.removed, found.gaps, found.complete) == (CUTS[2], (), False)
    nothing = most_tolerated(CUTS, 6, {}, 0.9)
    assert (nothing.cut.removed, nothing.cutoffs, nothing.complete) == ((), (), False)
    undefined = most_tolerated(CUTS, 6, outcomes({0: 1.0, 1: math.nan}), 0.9)
    assert undefined.cut.removed == ()
    assert not any(found.nothing_to_retain for found in (found, nothing, undefined))
    assert most_tolerated(CUTS, 6, outcomes({0: math.nan, 1: math.nan}), 0.9).nothing_to_retain
    with pytest.raises(SettingError, match="must be positive"):
        most_tolerated(CUTS, 6, {}, 0.0)
