"""The P(IK) probe: from a hidden state at the question's end to the probability that the answer will be right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from threadpoolctl import threadpool_limits

from avss_core.errors import SettingError
from avss_core.hallucination.folds import Indices, folds_of
from avss_core.hallucination.logistic import Numbers, log_loss, logistic_path, probabilities

FOLDS = 5  # outer: to score
INNER_FOLDS = 4  # inner: to choose the penalty
LEAST_OF_EACH = FOLDS  # right and wrong answers that are needed, so that every fit sees both
COMPONENTS = 64
PENALTIES = tuple(np.logspace(2, -2, 7))
HOW = (
    f"Logistic regression on the standardised state, reduced to its {COMPONENTS} main components; {FOLDS}-fold nested "
    "cross-validation: scaling, components, penalty and weights are found without the fold that is scored."
)


def can_fit(correct: Numbers, documents: Indices) -> str:
    """Why no probe can be fitted to these answers, both (n,); empty where one can."""
    texts = len(np.unique(documents))
    if texts < min(2 * FOLDS, len(documents)):
        return f"P(IK) needs questions about at least {2 * FOLDS} different texts to be fair; here are {texts}."
    right = int(correct.sum())
    wrong = len(correct) - right
    if min(right, wrong) >= LEAST_OF_EACH:
        return ""
    return (
        f"P(IK) needs at least {LEAST_OF_EACH} right and {LEAST_OF_EACH} wrong answers to learn from; "
        f"here are {right} right and {wrong} wrong."
    )


def out_of_fold(
    states: NDArray[np.floating],
    correct: Numbers,
    documents: Indices,
    seed: int = 0,
    told: Callable[[int], None] = lambda block: None,
) -> Numbers:
    """P(right) of every answer by a probe that was fitted without its question: (n, blocks), each in (0, 1).

    states: (n, blocks, hidden); correct: (n,) of 0 and 1; documents: (n,), answers of one document are never on both
    sides. The folds are the same for all blocks. told is called after each block and may raise. Raises SettingError
    when there are too few right or wrong answers (`can_fit` says so beforehand) or a state is not finite.
    """
    problem = can_fit(correct, documents)
    if problem:
        raise SettingError(problem)
    outer = folds_of(correct, documents, FOLDS, seed)
    found = np.empty(states.shape[:2])
    for block in range(states.shape[1]):
        state = states[:, block].astype(np.float64)
        if not np.isfinite(state).all():
            raise SettingError(
                f"A hidden state of block {block} is not a finite number, so no probe can read it; ask the questions "
                "again with --dtype float32."
            )
        # The matrices are small: a second thread waits more than it computes, and took ten times the processor time.
        with threadpool_limits(1, user_api="blas"):
            for fold in range(FOLDS):
                fit, score = outer != fold, outer == fold
                found[score, block] = _fit_and_score(state[fit], correct[fit], documents[fit], state[score], seed)
        told(block)
    return found


def _fit_and_score(states: Numbers, correct: Numbers, documents: Indices, others: Numbers, seed: int) -> Numbers:
    X, other_X = reduced(states, others)
    inner = folds_of(correct, documents, INNER_FOLDS, seed + 1)
    losses = np.zeros(len(PENALTIES))
    for fold in range(INNER_FOLDS):
        fit, score = inner != fold, inner == fold
        if not score.any():
            continue
        path = logistic_path(X[fit], correct[fit], PENALTIES)
        losses += [score.sum() * log_loss(probabilities(X[score], weights), correct[score]) for weights in path]
    best = int(np.argmin(losses))  # of equals the largest penalty
    *_, weights = logistic_path(X, correct, PENALTIES[: best + 1])
    return probabilities(other_X, weights)


def reduced(states: Numbers, others: Numbers, components: int = COMPONENTS) -> tuple[Numbers, Numbers]:
    """Both standardised by the mean and spread of `states`, on the main components of `states`.

    Components are taken of what is fitted on alone. All are divided by √hidden, so that a penalty means the same
    whatever the width. Shapes (m, hidden), (k, hidden) -> (m, c), (k, c), c ≤ components.
    """
    mean, spread = states.mean(axis=0), states.std(axis=0)
    scale = np.where(spread > 1e-12, spread, 1.0) * np.sqrt(states.shape[1])
    X, other_X = (states - mean) / scale, (others - mean) / scale
    size = min(X.shape)
    count = min(components, size)
    wide = X.shape[1] > X.shape[0]
    gram = X @ X.T if wide else X.T @ X
    values, vectors = eigh(gram, subset_by_index=[size - count, size - 1], check_finite=False)
    kept = values > 1e-10 * max(values[-1], 1e-300)
    axes = vectors[:, kept]
    if wide:
        axes = X.T @ (axes / np.sqrt(values[kept]))
    return X @ axes, other_X @ axes
