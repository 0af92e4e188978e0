"""One pass over a site's activations in main memory: sums, norms, histogram and per-feature sums together.

The plain path (`plain_kernel.py`) reads the tensor some eight times; this one reads it once, row by row, so that a row
is still in the first-level cache when it is binned. Both give the same numbers (tests compare them).
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from avss_core.activations.magnitude_bins import BITS_OFFSET, BITS_SHIFT, N_BINS

_SHIFT = np.uint32(BITS_SHIFT)
_OFFSET = np.int64(BITS_OFFSET)
_LAST_BIN = np.int64(N_BINS - 1)
_NO_SIGN = np.uint32(0x7FFFFFFF)
_FAST = {"reassoc", "contract", "nsz"}  # reorder sums, but keep nan and inf as they are


@numba.njit(inline="always")
def _widen(source: NDArray, row: int, shift: np.uint32, target: NDArray) -> None:  # type: ignore[type-arg]
    """Copy one row's bits into float32 bits; a bfloat16 is a float32's upper half, hence the shift by 16."""
    for j in range(target.size):
        target[j] = np.uint32(source[row, j]) << shift


@numba.njit(parallel=True, nogil=True, cache=True, fastmath=_FAST)
def measure_rows(
    after: NDArray,  # type: ignore[type-arg]
    before: NDArray,  # type: ignore[type-arg]
    groups: NDArray[np.int8],
    n_groups: int,
    threads: int,
    rows_out: NDArray[np.float64],
    histogram: NDArray[np.int64],
    features: NDArray[np.float64],
) -> None:
    """Measure a = after − before (or a = after, when `before` has no rows).

    after, before  (rows, features): the bits of float32 (uint32) or of bfloat16 (uint16)
    groups         (rows,): the group of each row, −1 where it is padding
    rows_out       (rows, 5): filled with Σa, Σ|a|, Σa², max |a| and its feature, of each real row
    histogram      (n_groups, N_BINS): added to
    features       (n_groups, 3, features): Σa, Σ|a|, Σa² per feature, added to
    """
    n_rows, width = after.shape
    shift = np.uint32(32 - 8 * after.itemsize)
    counts = np.zeros((threads, n_groups, N_BINS), dtype=np.int32)
    sums = np.zeros((threads, n_groups, 3, width), dtype=np.float64)
    for part in numba.prange(threads):
        bits = np.empty(width, dtype=np.uint32)
        minus_bits = np.empty(width, dtype=np.uint32)
        value = bits.view(np.float32)
        minus = minus_bits.view(np.float32)
        for row in range(part * n_rows // threads, (part + 1) * n_rows // threads):
            group = groups[row]
            if group < 0:
                continue
            _widen(after, row, shift, bits)
            if before.shape[0] > 0:
                _widen(before, row, shift, minus_bits)
                for j in range(width):
                    value[j] -= minus[j]
            feature_sum = sums[part, group, 0]
            feature_abs = sums[part, group, 1]
            feature_square = sums[part, group, 2]
            total = 0.0
            absolute = 0.0
            square = 0.0
            largest = np.float32(0.0)
            for j in range(width):
                a = np.float64(value[j])
                total += a
                absolute += abs(a)
                square += a * a
                feature_sum[j] += a
                feature_abs[j] += abs(a)
                feature_square[j] += a * a
                largest = max(largest, abs(value[j]))
            count = counts[part, group]
            for j in range(width):
                index = np.int64((bits[j] & _NO_SIGN) >> _SHIFT) - _OFFSET
                count[min(max(index, 0), _LAST_BIN)] += 1
            where = 0
            for j in range(width):
                if abs(value[j]) == largest:
                    where = j
                    break
            rows_out[row, 0] = total
            rows_out[row, 1] = absolute
            rows_out[row, 2] = square
            rows_out[row, 3] = largest
            rows_out[row, 4] = where
    for part in range(threads):
        for group in range(n_groups):
            for k in range(N_BINS):
                histogram[group, k] += counts[part, group, k]
            for statistic in range(3):
                for j in range(width):
                    features[group, statistic, j] += sums[part, group, statistic, j]
