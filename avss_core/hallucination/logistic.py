"""Logistic regression with an L2 penalty, by Newton's method: small, exact, and fast for a path of penalties."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

Numbers = NDArray[np.float64]

_MOST_STEPS = 50
_SMALL = 1e-10  # decrease of the objective, relative to the number of examples, that ends the steps


def logistic_path(features: Numbers, y: Numbers, penalties: Sequence[float]) -> Iterator[Numbers]:
    """For each penalty λ the weights (columns + 1,), the intercept last, that minimise the loss.

    Loss: Σ_i ln(1 + exp(−(2y_i − 1)·(x_i·w + b))) + λ/2 ‖w‖²; features is (examples, columns), y (examples,) of 0 and
    1. The intercept is not penalised. Each solution is where the next search begins: penalties go from large to small.
    """
    X = np.column_stack([features, np.ones(len(features))])
    weights = np.zeros(X.shape[1])
    # One class alone would send the intercept to infinity; it stays at most 8 from even odds (p = 0.0003).
    share = np.clip(y.mean(), expit(-8), expit(8))
    weights[-1] = np.log(share / (1 - share))
    for penalty in penalties:
        if 0 < y.mean() < 1:
            weights = _newton(X, y, penalty, weights)
        yield weights


def probabilities(features: Numbers, weights: Numbers) -> Numbers:
    """p(y = 1) of each row of features, (examples,)."""
    p: Numbers = expit(features @ weights[:-1] + weights[-1])
    return p


def log_loss(p: Numbers, y: Numbers) -> float:
    """Mean of −ln of the probability that was given to what came out."""
    return float(-np.log(np.clip(np.where(y == 1, p, 1 - p), 1e-12, None)).mean())


def _newton(features: Numbers, y: Numbers, penalty: float, weights: Numbers) -> Numbers:
    shrink = np.full(len(weights), penalty)
    shrink[-1] = 0.0
    loss = _loss(features, y, shrink, weights)
    for _ in range(_MOST_STEPS):
        p = expit(features @ weights)
        gradient = features.T @ (p - y) + shrink * weights
        curvature = (features * (p * (1 - p))[:, None]).T @ features
        curvature[np.diag_indices_from(curvature)] += shrink + 1e-9
        step = cho_solve(cho_factor(curvature, check_finite=False), gradient, check_finite=False)
        size, after = 1.0, _loss(features, y, shrink, weights - step)
        while after > loss and size > 1e-4:  # far from the minimum a whole step can lead uphill
            size /= 2
            after = _loss(features, y, shrink, weights - size * step)
        if after > loss:
            return weights
        weights = weights - size * step
        if loss - after < _SMALL * len(y):
            return weights
        loss = after
    return weights


def _loss(features: Numbers, y: Numbers, shrink: Numbers, weights: Numbers) -> float:
    return float(np.logaddexp(0, (1 - 2 * y) * (features @ weights)).sum() + (shrink * weights**2).sum() / 2)
