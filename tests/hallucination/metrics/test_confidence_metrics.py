"""Every metric against cases worked out by hand, an enumeration of all orders of a tie, and other libraries."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
import torchmetrics.functional.classification as known
from sklearn.metrics import brier_score_loss, roc_auc_score

from avss_core.errors import SettingError
from avss_core.hallucination.metrics import metrics_for
from avss_core.hallucination.metrics.acc_at import acc_at, most_confident
from avss_core.hallucination.metrics.auroc import AUROC
from avss_core.hallucination.metrics.brier import BRIER
from avss_core.hallucination.metrics.cov_at import cov_at
from avss_core.hallucination.metrics.ece import ECE, bin_of

# Sorted by confidence: right, wrong, right, right, wrong.
CONFIDENCE = np.array([0.4, 0.9, 0.8, 0.1, 0.6])
CORRECT = np.array([1, 1, 0, 0, 1])


def sure(n: int, seed: int, levels: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Confidences that say something about right and wrong; with `levels`, so many different ones."""
    random = np.random.default_rng(seed)
    confidence = random.random(n)
    if levels:
        confidence = np.ceil(confidence * levels) / levels
    return confidence, (random.random(n) < 0.2 + 0.6 * confidence).astype(float)


def test_acc_at_q_by_hand() -> None:
    assert acc_at(0.2).value(CONFIDENCE, CORRECT) == 1  # the first
    assert acc_at(0.4).value(CONFIDENCE, CORRECT) == 1 / 2
    assert acc_at(0.5).value(CONFIDENCE, CORRECT) == 2 / 3  # ⌈2.5⌉ = 3
    assert acc_at(1.0).value(CONFIDENCE, CORRECT) == 3 / 5


def test_cov_at_p_by_hand() -> None:
    # Accuracies of the 1 … 5 most confident: 1, 1/2, 2/3, 3/4, 3/5.
    assert cov_at(0.9).value(CONFIDENCE, CORRECT) == 1 / 5
    assert cov_at(0.7).value(CONFIDENCE, CORRECT) == 4 / 5  # past the 1/2 at two: the largest share counts
    assert cov_at(0.6).value(CONFIDENCE, CORRECT) == 1
    assert cov_at(0.5).value(CONFIDENCE, CORRECT) == 1
    assert cov_at(0.5).value(CONFIDENCE, 1 - CORRECT) == 2 / 5
    assert cov_at(0.9).value(CONFIDENCE, 1 - CORRECT) == 0


def test_ece_brier_and_auroc_by_hand() -> None:
    # Five bins of one answer each.
    assert ECE.value(CONFIDENCE, CORRECT) == pytest.approx((0.6 + 0.1 + 0.8 + 0.1 + 0.4) / 5)
    assert BRIER.value(CONFIDENCE, CORRECT) == pytest.approx((0.36 + 0.01 + 0.64 + 0.01 + 0.16) / 5)
    assert AUROC.value(CONFIDENCE, CORRECT) == pytest.approx(4 / 6)  # 0.8 beats 0.6 and 0.4


def test_answers_of_one_bin_balance_each_other() -> None:
    assert ECE.value(np.array([0.21, 0.25]), np.array([0, 0])) == pytest.approx(0.23)
    assert ECE.value(np.array([0.21, 0.25]), np.array([1, 0])) == pytest.approx(0.27)


def test_an_edge_belongs_to_the_bin_above_and_one_to_the_last() -> None:
    edges = np.arange(16) / 15
    np.testing.assert_array_equal(bin_of(edges), [*range(15), 14])
    np.testing.assert_array_equal(bin_of(edges[:-1] + 1 / 30), range(15))


@pytest.mark.parametrize(("n", "q", "k"), [(30, 0.1, 3), (7, 0.5, 4), (300, 0.5, 150), (5, 0.01, 1), (1, 0.5, 1)])
def test_how_many_are_the_most_confident(n: int, q: float, k: int) -> None:
    assert most_confident(n, q) == k


def test_a_tie_is_the_mean_over_all_its_orders() -> None:
    confidence = np.array([0.9, 0.5, 0.5, 0.5, 0.5, 0.2])
    correct = np.array([0, 1, 0, 1, 1, 0])
    orders = [(0, *middle, 5) for middle in itertools.permutations(range(1, 5))]
    for k in range(1, 7):
        expected = np.mean([correct[list(order)][:k].mean() for order in orders])
        assert acc_at(k / 6).value(confidence, correct) == pytest.approx(expected)
    # Expected accuracies of the 1 … 6 most confident: 0, .375, .5, .5625, .6, .5
    assert cov_at(0.5).value(confidence, correct) == 1
    assert cov_at(0.55).value(confidence, correct) == pytest.approx(5 / 6)
    assert cov_at(0.61).value(confidence, correct) == 0


def test_all_of_one_confidence_say_nothing() -> None:
    confidence, correct = np.full(9, 0.4), np.array([1, 0, 0] * 3)
    assert acc_at(0.5).value(confidence, correct) == pytest.approx(1 / 3)
    assert cov_at(1 / 3).value(confidence, correct) == 1
    assert cov_at(0.34).value(confidence, correct) == 0
    assert AUROC.value(confidence, correct) == 0.5
    assert ECE.value(confidence, correct) == pytest.approx(0.4 - 1 / 3)


@pytest.mark.parametrize("levels", [None, 5, 37])
def test_other_libraries_say_the_same(levels: int | None) -> None:
    confidence, correct = sure(400, seed=levels or 0, levels=levels)
    said, right = torch.from_numpy(confidence), torch.from_numpy(correct).long()
    assert AUROC.value(confidence, correct) == pytest.approx(float(known.binary_auroc(said, right)), abs=1e-6)
    # torchmetrics gives 1.0 a bin of its own.
    inside = confidence < 1
    expected = known.binary_calibration_error(said[inside].double(), right[inside], n_bins=15, norm="l1")
    assert ECE.value(confidence[inside], correct[inside]) == pytest.approx(float(expected), abs=1e-6)


def test_scikit_learn_says_the_same() -> None:
    confidence, correct = sure(400, seed=3, levels=20)
    assert AUROC.value(confidence, correct) == pytest.approx(roc_auc_score(correct, confidence))
    assert BRIER.value(confidence, correct) == pytest.approx(brier_score_loss(correct, confidence))


@pytest.mark.parametrize("metric", metrics_for(0.5, 0.6), ids=lambda metric: metric.name)
def test_a_resample_is_worth_what_its_answers_are(metric) -> None:
    """What the bootstrap does at once for all resamples, against writing each resample out."""
    confidence, correct = sure(40, seed=1, levels=9)
    rows = np.random.default_rng(5).integers(40, size=(30, 40))
    drawn = np.array([np.bincount(row, minlength=40) for row in rows], dtype=float)
    together = metric.of(confidence, correct, drawn)
    apart = [metric.value(confidence[row], correct[row]) for row in rows]
    np.testing.assert_allclose(together, apart, atol=1e-12)


def test_the_interval_of_a_mean_is_that_of_the_textbook() -> None:
    confidence, correct = sure(500, seed=2)
    errors = (confidence - correct) ** 2
    measured = BRIER.measure(confidence, correct)
    assert measured.value == pytest.approx(errors.mean())
    half = 1.96 * errors.std() / math.sqrt(500)
    assert measured.low == pytest.approx(errors.mean() - half, abs=0.1 * half)
    assert measured.high == pytest.approx(errors.mean() + half, abs=0.1 * half)
    assert measured.n == 500


def test_the_interval_reaches_the_value_of_an_estimator_more_even_than_its_resamples() -> None:
    confidence, correct = np.full(100, 0.3), np.tile([1, 1, 1, 0, 0, 0, 0, 0, 0, 0], 10)
    measured = ECE.measure(confidence, correct)
    assert measured.value == pytest.approx(0, abs=1e-12)
    assert measured.low == pytest.approx(0, abs=1e-12)
    assert 0.05 < measured.high < 0.15


def test_all_right_or_all_wrong() -> None:
    confidence = np.linspace(0.1, 0.9, 10)
    for kind in (0, 1):
        correct = np.full(10, kind)
        assert acc_at(0.5).value(confidence, correct) == kind
        assert cov_at(0.5).value(confidence, correct) == kind
        undefined = AUROC.measure(confidence, correct)
        assert math.isnan(undefined.value)
        assert math.isnan(undefined.low)
    assert "all answers are of one kind" in AUROC.undefined
    # Of five answers, five right: the rule of Clopper and Pearson is (α/2)^(1/n), not a certainty.
    all_right = acc_at(0.5).measure(confidence, np.ones(10))
    assert (all_right.low, all_right.high) == (pytest.approx(0.025 ** (1 / 5)), 1)
    none_right = acc_at(0.5).measure(confidence, np.zeros(10))
    assert (none_right.low, none_right.high) == (0, pytest.approx(1 - 0.025 ** (1 / 5)))


def test_one_answer_has_values_and_no_interval() -> None:
    for metric in metrics_for():
        measured = metric.measure(np.array([0.8]), np.array([1]))
        assert measured.n == 1
        assert math.isnan(measured.low)
        assert math.isnan(measured.high)
    values = [metric.value(np.array([0.8]), np.array([1])) for metric in metrics_for()]
    np.testing.assert_allclose(values, [1, 1, 0.2, 0.04, np.nan])


def test_names_follow_q_and_p_and_directions_are_said() -> None:
    names = {metric.name: metric.higher_is_better for metric in metrics_for(0.5, 0.9)}
    assert names == {"acc@50": True, "cov@90": True, "ece": False, "brier": False, "auroc": True}
    assert "150" not in acc_at(0.5).card()["formula"]


def test_what_cannot_be_measured_is_said() -> None:
    with pytest.raises(SettingError, match="2 confidences for 1 answers"):
        ECE.value(np.array([0.1, 0.2]), np.array([1]))
    with pytest.raises(SettingError, match="no answer"):
        ECE.value(np.array([]), np.array([]))
    for bad in (np.nan, -0.1, 1.1):
        with pytest.raises(SettingError, match="outside 0 to 1"):
            BRIER.value(np.array([bad]), np.array([1]))
    with pytest.raises(SettingError, match="neither right"):
        BRIER.value(np.array([0.5]), np.array([0.5]))
    for share in (0, 1.01, 50, math.nan):
        with pytest.raises(SettingError, match="acc@q"):
            acc_at(share)
        with pytest.raises(SettingError, match="cov@p"):
            cov_at(share)


def test_what_all_resamples_repeat_has_no_interval() -> None:
    """Three right answers do not prove that all are: a width of 0 would say so."""
    for value, correct in ((1.0, np.ones(3)), (0.0, np.zeros(3))):
        coverage = cov_at(0.5).measure(np.array([0.2, 0.6, 0.9]), correct)
        assert coverage.value == value
        assert math.isnan(coverage.low)
        assert math.isnan(coverage.high)
    for metric, value in ((AUROC, 0.5), (BRIER, 0.25)):  # whatever the answers are, so this is known
        found = metric.measure(np.full(4, 0.5), np.array([0.0, 0, 1, 1]))
        assert found.low == found.value == found.high == value
    apart = AUROC.measure(np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.0, 0, 1, 1]))
    assert apart.value == 1
    assert math.isnan(apart.low)
