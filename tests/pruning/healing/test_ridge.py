from __future__ import annotations

import math

import numpy as np
import pytest

from avss_core.errors import NumericalError
from avss_core.pruning.healing.ridge import Sums, solve

TOKENS, FEATURES, HIDDEN = 50, 4, 3


def data(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    z = generator.normal(size=(TOKENS, FEATURES)) * [1.0, 30.0, 0.01, 2.0] + [0.0, 5.0, 1.0, -3.0]
    d = z @ generator.normal(size=(FEATURES, HIDDEN)) + generator.normal(size=(TOKENS, HIDDEN))
    return z, d, generator.uniform(0.01, 4.0, size=TOKENS)


def sums_of(z: np.ndarray, d: np.ndarray, w: np.ndarray) -> Sums:
    return Sums(w.sum(), w @ z, w @ d, z.T @ (w[:, None] * z), z.T @ (w[:, None] * d), len(z))


def by_least_squares(
    z: np.ndarray, d: np.ndarray, w: np.ndarray, shrinkage: float, offset: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The same minimum as one plain least-squares problem: the penalties are further rows that want 0."""
    mean = w @ z / w.sum()
    scale = np.sqrt(w @ (z - mean * offset) ** 2 / w.sum())
    ones = np.ones((len(z), 1)) * offset
    penalties = np.diag(scale) * math.sqrt(shrinkage * w.sum())
    rows = [np.hstack([z, ones]) * np.sqrt(w)[:, None], np.hstack([penalties, np.zeros((FEATURES, 1))])]
    if offset:
        rows.append(math.sqrt(shrinkage * w.sum()) * np.append(mean, 1.0)[None])
    wanted = np.zeros((sum(map(len, rows)), HIDDEN))
    wanted[: len(z)] = d * np.sqrt(w)[:, None]
    solution = np.linalg.lstsq(np.vstack(rows), wanted, rcond=None)[0]
    return solution[:-1].T, solution[-1]


@pytest.mark.parametrize("offset", [True, False])
def test_equal_to_a_least_squares_problem_with_rows_that_want_zero(offset: bool) -> None:
    z, d, w = data()
    shrinkages = [1e-6, 0.1, 1.0, 50.0]
    for solution, shrinkage in zip(solve(sums_of(z, d, w), shrinkages, offset), shrinkages, strict=True):
        weight, constant = by_least_squares(z, d, w, shrinkage, offset)
        assert solution.shrinkage == shrinkage
        np.testing.assert_allclose(solution.weight, weight, rtol=1e-6, atol=1e-9)
        if offset:
            assert solution.offset is not None
            np.testing.assert_allclose(solution.offset, constant, rtol=1e-6, atol=1e-9)
        else:
            assert solution.offset is None


@pytest.mark.parametrize("offset", [True, False])
def test_infinite_shrinkage_is_the_identity_and_large_shrinkage_nearly(offset: bool) -> None:
    z, d, w = data()
    nearly, none = solve(sums_of(z, d, w), [1e9, math.inf], offset)
    assert not none.weight.any()
    assert none.offset is None or not none.offset.any()
    moved = z @ nearly.weight.T + (0 if nearly.offset is None else nearly.offset)
    assert np.abs(moved).max() < 1e-6 * np.abs(d).max()


def test_a_feature_that_goes_with_no_other_is_halved_by_a_shrinkage_of_1() -> None:
    z = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]) * [3.0, 0.2]
    d = z @ np.array([[2.0], [-5.0]])
    (solution,) = solve(sums_of(z, d, np.ones(4)), [1.0], True)
    np.testing.assert_allclose(solution.weight, [[1.0, -2.5]])


def test_the_unit_of_a_feature_does_not_matter() -> None:
    z, d, w = data()
    (first,) = solve(sums_of(z, d, w), [0.3], True)
    (second,) = solve(sums_of(z * [1.0, 1000.0, 1.0, 0.001], d, w), [0.3], True)
    np.testing.assert_allclose(second.weight * [1.0, 1000.0, 1.0, 0.001], first.weight, rtol=1e-8)


def test_a_feature_that_never_moves_is_not_read() -> None:
    z, d, w = data()
    (with_it,) = solve(sums_of(np.hstack([z, np.zeros((TOKENS, 1))]), d, w), [0.3], False)
    (without,) = solve(sums_of(z, d, w), [0.3], False)
    np.testing.assert_allclose(with_it.weight, np.hstack([without.weight, np.zeros((HIDDEN, 1))]))


def test_sums_add_up() -> None:
    z, d, w = data()
    halves = sums_of(z[:20], d[:20], w[:20]) + sums_of(z[20:], d[20:], w[20:])
    (one,) = solve(sums_of(z, d, w), [0.3], True)
    (two,) = solve(halves, [0.3], True)
    assert halves.tokens == TOKENS
    np.testing.assert_allclose(two.weight, one.weight, rtol=1e-9)


def test_states_that_are_not_finite() -> None:
    z, d, w = data()
    d[3, 1] = np.nan
    with pytest.raises(NumericalError, match="not finite"):
        list(solve(sums_of(z, d, w), [1.0], True))
