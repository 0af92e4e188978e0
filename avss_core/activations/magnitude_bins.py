"""Bins of |a| from which the sparsity at any ε is read without running the model again.

A bin is a float32's exponent and the first four bits of its mantissa, so every octave [2^k, 2^(k+1)) is cut into 16
bins of equal width 2^k / 16, and every power of two is an edge. Bin 0 holds |a| < 2^-40 (zero among them), the last bin
everything from 2^24 on. Edges are exact: |a| < edge is decided on the bits of the value.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS_PER_OCTAVE = 16
LOWEST_EXPONENT = -40
HIGHEST_EXPONENT = 24
N_BINS = (HIGHEST_EXPONENT - LOWEST_EXPONENT) * BINS_PER_OCTAVE + 2

# What a kernel needs: bin = clip((bits >> BITS_SHIFT) - BITS_OFFSET, 0, N_BINS - 1), bits a float32's without its sign.
BITS_SHIFT = 23 - 4
BITS_OFFSET = (LOWEST_EXPONENT + 127) * BINS_PER_OCTAVE - 1


def bin_edges() -> NDArray[np.float64]:
    """Lower edges of the bins, shape (N_BINS,): 0, then 2^-40 … 2^24 in 16 equal steps per octave."""
    octaves = np.arange(LOWEST_EXPONENT, HIGHEST_EXPONENT)
    steps = 1.0 + np.arange(BINS_PER_OCTAVE) / BINS_PER_OCTAVE
    inner = (np.exp2(octaves)[:, None] * steps).ravel()
    return np.concatenate([[0.0], inner, [2.0**HIGHEST_EXPONENT]])


def share_below(histogram: NDArray[np.int64], epsilon: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Equation (4), S = share of |a| < ε, from `histogram` (…, N_BINS); ε may be one value or one per row.

    Exact when ε is a bin edge; between two edges the bin's count is split linearly, so that the error is at most the
    share of activations in that one bin (`share_bounds` gives it). Bin 0 counts as below any ε inside it, since what it
    holds is mostly zeros. Rows without any activation give nan.
    """
    low, high = share_bounds(histogram, epsilon)
    edges = bin_edges()
    eps = np.broadcast_to(np.asarray(epsilon, dtype=np.float64), histogram.shape[:-1])
    index = _bin_of(eps)
    width = np.append(np.diff(edges), np.inf)[index]
    part = np.where(index == 0, 1.0, np.clip((eps - edges[index]) / width, 0.0, 1.0))
    return low + (high - low) * part


def share_bounds(
    histogram: NDArray[np.int64], epsilon: NDArray[np.float64] | float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest S(ε) that the histogram allows; equal when ε is a bin edge."""
    eps = np.broadcast_to(np.asarray(epsilon, dtype=np.float64), histogram.shape[:-1])
    index = _bin_of(eps)[..., None]
    below = np.cumsum(histogram, axis=-1)
    total = below[..., -1].astype(np.float64)
    total[total == 0] = np.nan
    upper = np.take_along_axis(below, index, axis=-1)[..., 0]
    inside = np.take_along_axis(histogram, index, axis=-1)[..., 0]
    on_edge = bin_edges()[index[..., 0]] == eps
    return (upper - inside) / total, np.where(on_edge, upper - inside, upper) / total


def quantile(histogram: NDArray[np.int64], q: float) -> NDArray[np.float64]:
    """The |a| below which a share `q` of the activations lies, from `histogram` (…, N_BINS).

    Linear within its bin, so that the relative error is at most 1/16; nan where the histogram cannot tell: without any
    activation, or in one of the two bins at either end (below 2^-40, from 2^24 on).
    """
    edges = np.append(bin_edges(), np.nan)
    below = np.cumsum(histogram, axis=-1)
    wanted = q * below[..., -1:]
    index = np.minimum((below < wanted).sum(axis=-1), N_BINS - 1)
    inside = np.take_along_axis(histogram, index[..., None], axis=-1)[..., 0]
    before = np.take_along_axis(below, index[..., None], axis=-1)[..., 0] - inside
    within = (wanted[..., 0] - before) / np.maximum(inside, 1)
    return np.where(index > 0, edges[index] + within * (edges[index + 1] - edges[index]), np.nan)


def _bin_of(value: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.clip(np.searchsorted(bin_edges(), value, side="right") - 1, 0, N_BINS - 1)
