"""Bins of |a|: edges, shares below any ε with their bounds, quantiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from avss_core.activations.magnitude_bins import N_BINS, bin_edges, quantile, share_below, share_bounds

VALUES = arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1e9, width=32))


def histogram_of(values: np.ndarray) -> np.ndarray:
    return np.histogram(np.abs(values), bins=np.append(bin_edges(), np.inf))[0]


def test_edges() -> None:
    edges = bin_edges()
    assert len(edges) == N_BINS
    assert set(2.0 ** np.arange(-40, 25)) <= set(edges)
    assert (np.diff(edges) > 0).all()
    inner = edges[1:]
    # Between two powers of two all bins are as wide, a sixteenth of the lower.
    assert set(np.diff(inner[inner <= 2.0]) / 2.0 ** np.floor(np.log2(inner[inner < 2.0]))) == {1 / 16}


@given(VALUES, st.integers(0, N_BINS - 1))
def test_shares_are_exact_at_every_edge(values: np.ndarray, k: int) -> None:
    epsilon = bin_edges()[k]
    exact = (values < epsilon).sum() / values.size
    assert share_below(histogram_of(values), epsilon) == exact
    low, high = share_bounds(histogram_of(values), epsilon)
    assert low == high == exact


@given(VALUES, st.floats(1e-12, 1e8))
def test_between_edges_the_bounds_hold(values: np.ndarray, epsilon: float) -> None:
    exact = (values < epsilon).sum() / values.size
    low, high = share_bounds(histogram_of(values), epsilon)
    assert low <= exact <= high
    assert low <= share_below(histogram_of(values), epsilon) <= high


def test_zeros_are_below_an_epsilon_under_the_lowest_edge() -> None:
    half_zeros = histogram_of(np.array([0.0, 0.0, 1.0, 2.0]))
    for epsilon in (1e-13, 1e-30, 2.0**-40):
        assert share_below(half_zeros, epsilon) == 0.5
    assert share_bounds(half_zeros, 1e-13) == (0, 0.5)


def test_one_epsilon_for_each_row_and_rows_without_activations() -> None:
    histograms = np.stack([histogram_of(np.array([0.5, 1.5, 3.0])), np.zeros(N_BINS, dtype=np.int64)])
    shares = share_below(histograms, np.array([2.0, 2.0]))
    assert shares[0] == pytest.approx(2 / 3)
    assert np.isnan(shares[1])
    assert share_below(histograms, np.array([1.0, 2.0]))[0] == pytest.approx(1 / 3)


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9, 0.999])
def test_quantiles_to_a_sixteenth(q: float) -> None:
    values = np.random.default_rng(0).lognormal(mean=-3, sigma=2, size=20_000)
    assert quantile(histogram_of(values), q) == pytest.approx(np.quantile(values, q), rel=1 / 16)


def test_quantiles_that_the_bins_cannot_tell() -> None:
    mostly_zero = histogram_of(np.array([0, 0, 0, 5.0]))
    assert np.isnan(quantile(mostly_zero, 0.5))
    assert quantile(mostly_zero, 0.9) == pytest.approx(5, rel=1 / 16)
    assert np.isnan(quantile(histogram_of(np.array([1e9, 1e9, 1.0])), 0.9))
    assert np.isnan(quantile(np.zeros(N_BINS, dtype=np.int64), 0.5))
