"""From per-example values to metrics, intervals and retained shares, worked by hand or by SciPy."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from avss_core.errors import CorpusError, SettingError
from avss_core.tasks import Metric, retained
from avss_core.tasks.metric import evaluate, retained_share

ACCURACY = Metric("accuracy", "Accuracy", higher_is_better=True, total="correct")


def table(correct: list[float], documents: list[int] | None = None) -> pd.DataFrame:
    return pd.DataFrame({"document": documents or list(range(len(correct))), "correct": correct})


def test_an_accuracy_is_the_mean_and_its_interval_the_bootstraps() -> None:
    values = [1.0] * 30 + [0.0] * 18 + [0.5] * 2
    found = evaluate("t", ACCURACY, table(values))
    assert (found.value, found.n, found.higher_is_better) == (pytest.approx(31 / 50), 50, True)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20000, method="percentile", rng=1).confidence_interval
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.03)


def test_examples_on_one_document_are_drawn_together() -> None:
    # Two documents: a resample is both of the first, one of each, or both of the second.
    found = evaluate("t", ACCURACY, table([1.0, 0.0, 1.0, 0.0], [0, 1, 0, 1]))
    assert (found.value, found.low, found.high, found.n) == (0.5, 0.0, 1.0, 4)
    uneven = evaluate("t", ACCURACY, table([1.0, 0.0, 0.0], [0, 1, 1]))
    assert uneven.value == pytest.approx(1 / 3)


@pytest.mark.parametrize("right", [0.0, 1.0])
def test_all_right_and_all_wrong_have_the_exact_interval(right: float) -> None:
    found = evaluate("t", ACCURACY, table([right] * 40))
    theirs = stats.binomtest(int(40 * right), 40).proportion_ci(method="exact")
    assert (found.value, found.low, found.high) == pytest.approx((right, theirs.low, theirs.high))


@pytest.mark.parametrize("right", [0.0, 1.0])
def test_one_example_has_a_value_and_no_interval(right: float) -> None:
    found = evaluate("t", ACCURACY, table([right]))
    assert found.value == right
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_nothing_to_evaluate_and_several_variants_are_said() -> None:
    with pytest.raises(CorpusError, match="no example"):
        evaluate("t", ACCURACY, table([]))
    with pytest.raises(SettingError, match="several variants"):
        evaluate("t", ACCURACY, table([1.0, 0.0]).assign(kept=["0", "1"]))


def test_the_retained_accuracy_is_a_ratio_over_paired_resamples() -> None:
    before, after = [1.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0]
    low, high = retained_share(ACCURACY, table(before), table(after))
    # Every sample of four out of four, by hand.
    ratios = []
    for drawn in product(range(4), repeat=4):
        old, new = sum(before[i] for i in drawn), sum(after[i] for i in drawn)
        ratios += [new / old] if old else []
    assert (low, high) == pytest.approx(np.quantile(ratios, [0.025, 0.975]), abs=0.05)
    assert low <= retained(evaluate("t", ACCURACY, table(before)), evaluate("t", ACCURACY, table(after))) <= high


def unseen(n: int) -> float:
    """How often what happened 0 times in n may happen, as SciPy has it."""
    return float(stats.binomtest(0, n).proportion_ci(method="exact").high)


def test_a_ratio_that_all_resamples_repeat_reaches_as_far_as_what_was_not_seen() -> None:
    alike = table([1.0] * 32 + [0.0] * 8)
    assert retained_share(ACCURACY, alike, alike) == pytest.approx((1 - unseen(40) / 0.8, 1 + unseen(40) / 0.8))
    half = table([0.5] * 32 + [0.0] * 8)
    assert retained_share(ACCURACY, alike, half) == pytest.approx((0.5 - unseen(40) / 0.8, 0.5 + unseen(40) / 0.8))
    all_lost = retained_share(ACCURACY, alike, table([0.0] * 40))
    assert all_lost == pytest.approx((0.0, unseen(40) / 0.8)), "a share is never below 0"
    thirds = table([1 / 3, 2 / 3, 1 / 3] * 10), table([0.1, 0.2, 0.1] * 10)
    assert retained_share(ACCURACY, *thirds)[1] == pytest.approx(0.3 + unseen(30) * 9 / 4), "alike up to rounding"


def test_of_examples_on_one_document_the_documents_are_what_was_seen() -> None:
    rows = table([1.0] * 12, [number // 3 for number in range(12)])
    assert retained_share(ACCURACY, rows, rows) == pytest.approx((1 - unseen(4), 1 + unseen(4)))
    assert all(map(math.isnan, retained_share(ACCURACY, rows[:3], rows[:3])))


def test_a_retained_share_of_nothing_is_not_a_number() -> None:
    assert all(map(math.isnan, retained_share(ACCURACY, table([0.0, 0.0]), table([1.0, 0.0]))))


def test_lower_is_better_turns_the_ratio_round() -> None:
    error = Metric("error", "Error", higher_is_better=False, total="correct")
    low, high = retained_share(error, table([0.5, 0.5]), table([1.0, 1.0]))
    assert (low, high) == pytest.approx((0.0, 0.5 + unseen(2)))


def test_other_documents_are_not_compared() -> None:
    with pytest.raises(SettingError, match="different documents"):
        retained_share(ACCURACY, table([1.0, 0.0]), table([1.0, 0.0], [0, 2]))
    with pytest.raises(SettingError, match="different documents"):
        retained_share(ACCURACY, table([1.0, 0.0]), table([1.0, 0.0, 0.0], [0, 1, 1]))
