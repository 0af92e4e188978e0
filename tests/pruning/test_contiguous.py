from __future__ import annotations

import math

import numpy as np
import pytest

from avss_core.errors import CutError, NumericalError, SettingError
from avss_core.pruning.contiguous import stretch_by_distance, stretch_by_scores, stretches

SCORES = [5.0, 1.0, 4.0, 2.0, 2.5, 0.5]


def test_all_stretches() -> None:
    assert stretches(4, 2) == [(0, 1), (1, 2), (2, 3)]
    assert stretches(4, 3) == [(0, 1, 2), (1, 2, 3)]
    assert stretches(6, 2, protected=(0, 3)) == [(1, 2), (4, 5)]


@pytest.mark.parametrize(("n", "protected"), [(4, ()), (5, ()), (2, (1, 2)), (3, (1,))])
def test_no_stretch_is_left(n: int, protected: tuple[int, ...]) -> None:
    with pytest.raises(CutError, match=f"no stretch of {n} consecutive blocks to remove from 4"):
        stretches(4, n, protected)
    with pytest.raises(SettingError, match="at least 1 block, not 0"):
        stretches(4, 0)


def test_by_distance() -> None:
    distances = [0.5, 0.2, 0.3, 0.2]
    found = stretch_by_distance(distances, 6, 3)
    assert found.cut.removed == (1, 2, 3)  # of equal ones the first
    assert dict(found.costs) == {0: 0.5, 1: 0.2, 2: 0.3, 3: 0.2}
    assert stretch_by_distance(distances, 6, 3, protected=(1,)).cut.removed == (3, 4, 5)
    assert set(stretch_by_distance(distances, 6, 3, protected=(1,)).costs) == {2, 3}
    with pytest.raises(SettingError, match="have 4 distances, not 5"):
        stretch_by_distance([*distances, 0.1], 6, 3)


def test_by_scores_of_single_blocks() -> None:
    sums = {first: sum(SCORES[first : first + 3]) for first in range(4)}
    found = stretch_by_scores(SCORES, 3)
    assert dict(found.costs) == pytest.approx(sums)
    assert found.cut.removed == (3, 4, 5)
    assert stretch_by_scores(np.array(SCORES), 3, protected=(5,)).cut.removed == (1, 2, 3)
    assert found.cut.reason == "the 3 consecutive blocks with the lowest sum of scores"


def test_costs_that_cannot_be_compared() -> None:
    with pytest.raises(NumericalError, match="from block 1 on has the value nan"):
        stretch_by_scores([1.0, 1.0, math.nan, 1.0], 2)
    with pytest.raises(NumericalError, match="from block 0 on has the value inf"):
        stretch_by_scores([math.inf, 1.0, 1.0], 1)
