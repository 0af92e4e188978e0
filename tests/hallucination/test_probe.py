"""The probe: its fit against a general optimiser, its folds against leaks, its speed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from avss_core.errors import SettingError
from avss_core.hallucination.folds import folds_of
from avss_core.hallucination.logistic import log_loss, logistic_path, probabilities
from avss_core.hallucination.metrics.auroc import AUROC
from avss_core.hallucination.probe import FOLDS, can_fit, out_of_fold, reduced


def problem(n: int = 80, features: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, features))
    p = 1 / (1 + np.exp(-(X @ np.linspace(-2, 2, features) - 0.7)))
    return X, (random.random(n) < p).astype(float)


def by_a_general_optimiser(features: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    def loss(w: np.ndarray) -> float:
        p = 1 / (1 + np.exp(-(features @ w[:-1] + w[-1])))
        return -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum() + penalty / 2 * (w[:-1] ** 2).sum()

    return minimize(loss, np.zeros(features.shape[1] + 1), method="BFGS", options={"gtol": 1e-8}).x


def test_each_penalty_has_the_weights_that_a_general_optimiser_finds() -> None:
    X, y = problem()
    penalties = (100.0, 1.0, 0.05)
    for penalty, weights in zip(penalties, logistic_path(X, y, penalties), strict=True):
        np.testing.assert_allclose(weights, by_a_general_optimiser(X, y, penalty), atol=2e-4)


def test_separable_and_one_sided_examples_still_have_finite_weights() -> None:
    X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    (separated,) = logistic_path(X, np.array([0, 0, 1, 1.0]), [0.01])
    p = probabilities(X, separated)
    assert p[1] < 0.1 < 0.9 < p[2]
    for kind in (0.0, 1.0):
        (weights,) = logistic_path(X, np.full(4, kind), [1.0])
        np.testing.assert_allclose(probabilities(X, weights), kind, atol=1e-3)


def test_log_loss_by_hand() -> None:
    assert log_loss(np.array([0.5, 0.9]), np.array([1.0, 0.0])) == pytest.approx((np.log(2) - np.log(0.1)) / 2)


@pytest.mark.parametrize("shape", [(30, 8), (8, 30)])
def test_components_are_those_of_the_fitted_states_and_lose_nothing_when_all_are_kept(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    states, others = random.normal(size=shape) * 5 + 2, random.normal(size=(6, shape[1]))
    states[:, 0] = 7.0  # a feature that never changes
    X, other_X = reduced(states, others)
    scale = np.where(states.std(axis=0) > 0, states.std(axis=0), 1) * np.sqrt(shape[1])
    plain, other_plain = (states - states.mean(axis=0)) / scale, (others - states.mean(axis=0)) / scale
    np.testing.assert_allclose(X @ X.T, plain @ plain.T, atol=1e-9)  # inner products are all a penalised fit sees
    np.testing.assert_allclose(other_X @ X.T, other_plain @ plain.T, atol=1e-9)
    few, _ = reduced(states, others, components=2)
    np.testing.assert_allclose(np.linalg.norm(few, axis=0), np.linalg.svd(plain)[1][:2][::-1])


def test_folds_keep_a_document_together_and_spread_right_and_wrong() -> None:
    random = np.random.default_rng(2)
    documents = np.repeat(np.arange(50), 3)
    correct = (np.repeat(random.random(50), 3) < 0.3).astype(float)
    fold = folds_of(correct, documents, 5, seed=0)
    assert all(len(set(fold[documents == one])) == 1 for one in range(50))
    assert sorted(set(fold)) == [0, 1, 2, 3, 4]
    rights = [correct[fold == number].sum() / 3 for number in range(5)]
    assert max(rights) - min(rights) <= 1
    np.testing.assert_array_equal(fold, folds_of(correct, documents, 5, seed=0))
    assert (fold != folds_of(correct, documents, 5, seed=1)).any()


def test_a_block_that_knows_is_told_from_one_that_does_not() -> None:
    random = np.random.default_rng(3)
    correct = (random.random(120) < 0.4).astype(float)
    states = random.normal(size=(120, 2, 20))
    states[:, 1, 4] += 3 * correct
    found = out_of_fold(states, correct, np.arange(120))
    assert ((found > 0) & (found < 1)).all()
    assert AUROC.value(found[:, 1], correct) > 0.9
    assert 0.3 < AUROC.value(found[:, 0], correct) < 0.7
    np.testing.assert_array_equal(found, out_of_fold(states, correct, np.arange(120)))


def test_no_question_is_in_both_fit_and_score() -> None:
    """Labels by chance, every question twice: a fit that had seen the other copy would know the answer."""
    random = np.random.default_rng(4)
    states = np.repeat(random.normal(size=(60, 1, 100)), 2, axis=0)
    correct = np.repeat(random.random(60) < 0.5, 2).astype(float)
    apart = out_of_fold(states, correct, np.repeat(np.arange(60), 2))
    assert AUROC.value(apart[:, 0], correct) < 0.65
    mixed = out_of_fold(states, correct, np.arange(120))
    assert AUROC.value(mixed[:, 0], correct) > 0.75, "this test would not see a leak"


def test_what_is_scored_has_no_part_in_its_own_probability() -> None:
    """Change the label and the state of some of one fold: the others of that fold keep their probabilities."""
    random = np.random.default_rng(5)
    states, documents = random.normal(size=(60, 1, 10)), np.arange(60)
    correct = np.tile([1.0, 0.0, 0.0], 20)
    before = out_of_fold(states, correct, documents)[:, 0]
    fold = folds_of(correct, documents, FOLDS, 0)
    mates = np.flatnonzero(fold == 2)
    changed = states.copy()
    changed[mates[0]] *= 1000
    after = out_of_fold(changed, correct, documents)[:, 0]
    np.testing.assert_array_equal(after[mates[1:]], before[mates[1:]])
    assert (after[fold != 2] != before[fold != 2]).any()


def test_too_few_of_one_kind_and_broken_states_are_said() -> None:
    correct = np.array([1.0] * 4 + [0.0] * 20)
    assert "4 right and 20 wrong" in can_fit(correct, np.arange(24))
    assert "different texts to be fair; here are 3" in can_fit(np.tile([0.0, 1.0], 12), np.arange(24) % 3)
    with pytest.raises(SettingError, match="4 right"):
        out_of_fold(np.zeros((24, 1, 3)), correct, np.arange(24))
    states = np.zeros((20, 2, 3))
    states[3, 1, 0] = np.inf
    with pytest.raises(SettingError, match="block 1"):
        out_of_fold(states, np.tile([0.0, 1.0], 10), np.arange(20))
