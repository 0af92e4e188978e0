"""The map itself, from sums: weighted least squares that shrink towards the identity.

    minimise over W, c    Σ_t w_t ‖d_t − W z_t − c‖²  +  λ · Σ_t w_t · (Σ_j s_j² ‖W_j‖² + ‖W z̄ + c‖²)

z: what the map reads (features), z̄ its weighted mean, d: what is missing (hidden), w_t = 1 / rms(target_t)², s_j²: the
weighted variance of feature j, W_j: the column of W that reads it. Where there is no offset, c = 0, s_j² is the
weighted square and z̄ does not appear. W = 0, c = 0 leaves every state as it is, so λ → ∞ is the identity.

A network normalises every token before it reads it, so what counts is an error relative to the token's size; without
the weights, the few tokens with massive activations are all that is fitted. In units of s_j a feature that is small
for every token is not held back more than the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from avss_core.errors import NumericalError

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sums:
    """Weighted sums over tokens. z: (features,), d: (hidden,).

    weight Σ w, z Σ w z, d Σ w d, zz Σ w z zᵀ (features, features), zd Σ w z dᵀ (features, hidden); tokens: how many.
    """

    weight: float
    z: Matrix
    d: Matrix
    zz: Matrix
    zd: Matrix
    tokens: int

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.weight + other.weight,
            self.z + other.z,
            self.d + other.d,
            self.zz + other.zz,
            self.zd + other.zd,
            self.tokens + other.tokens,
        )


@dataclass(frozen=True, eq=False)
class Solution:
    """W (hidden, features) and c (hidden,) for one λ; c is None where the map has no offset."""

    shrinkage: float
    weight: Matrix
    offset: Matrix | None


def solve(sums: Sums, shrinkages: Sequence[float], offset: bool) -> Iterator[Solution]:
    """The minimum for each λ, one after another.

    Raises NumericalError when the sums are not finite, or λ is so small that the features cannot be told apart.
    """
    if not (np.isfinite(sums.zz).all() and np.isfinite(sums.zd).all() and sums.weight > 0):
        raise NumericalError(
            "The states before or after the gap are not finite, so no map can be fitted; use --dtype float32, or check "
            "the model's weights."
        )
    mean_z, mean_d = sums.z / sums.weight, sums.d / sums.weight
    zz, zd = sums.zz / sums.weight, sums.zd / sums.weight
    if offset:
        zz -= np.outer(mean_z, mean_z)
        zd -= np.outer(mean_z, mean_d)
    square = np.diag(zz)
    # A feature that never moves says nothing; what rounding leaves of its variance must not be blown up.
    alive = square > 1e-12 * np.diag(sums.zz) / sums.weight
    unit = np.sqrt(np.where(alive, square, 1.0))[:, None]
    zz /= unit  # from here on in units of s_j: a matrix of correlations
    zz /= unit.T
    zd /= unit
    zz[~alive], zz[:, ~alive], zd[~alive] = 0.0, 0.0, 0.0
    for shrinkage in shrinkages:
        weight = (_solve(zz, zd, shrinkage) / unit).T
        yield Solution(shrinkage, weight, mean_d / (1 + shrinkage) - weight @ mean_z if offset else None)


def _solve(correlation: Matrix, wanted: Matrix, shrinkage: float) -> Matrix:
    if math.isinf(shrinkage):
        return np.zeros_like(wanted)
    held_back = correlation.copy()
    np.fill_diagonal(held_back, correlation.diagonal() + shrinkage)
    try:
        factor = cho_factor(held_back, overwrite_a=True, check_finite=False)
    except LinAlgError as error:
        raise NumericalError(
            f"With the shrinkage {shrinkage:g} the fit has no single solution; use a larger one, or more text."
        ) from error
    solution: Matrix = cho_solve(factor, wanted, check_finite=False)
    return solution
