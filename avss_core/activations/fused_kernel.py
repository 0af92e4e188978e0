"""One pass over a site's activations in main memory: norms, histogram, per-feature sums and the largest, together.

The plain path (`plain_accumulator.py`) reads the tensor some ten times; this one reads it once, a handful of rows at a
time, so that they are still in the first-level cache when they are binned. Both give the same numbers (tests compare
them).
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from avss_core.activations.largest import EMPTY, KEY_SHIFT, LOW_BITS
from avss_core.activations.magnitude_bins import BITS_OFFSET, BITS_SHIFT, N_BINS
from avss_core.activations.row_chunks import NO_ROW, ROWS_AT_ONCE

N_RAW_BINS = 1 << (31 - BITS_SHIFT)  # by the bits alone; those at either end are taken together afterwards

_SHIFT = np.uint32(BITS_SHIFT)
_NO_SIGN = np.uint32(0x7FFFFFFF)
_FAST = {"reassoc", "contract", "nsz"}  # reorder sums, but keep nan and inf as they are


@numba.njit(inline="always")
def _widen(source: NDArray, row: int, shift: np.uint32, target: NDArray) -> None:
    """Copy one row's bits into float32 bits; a bfloat16 is a float32's upper half, hence the shift by 16."""
    for j in range(target.size):
        target[j] = np.uint32(source[row, j]) << shift


@numba.njit(inline="always")
def _offer(keys: NDArray[np.int64], key: np.int64) -> None:
    """Put a key into its place in a descending list, from which the smallest drops out."""
    place = keys.size - 1
    if key <= keys[place]:
        return
    while place > 0 and keys[place - 1] < key:
        keys[place] = keys[place - 1]
        place -= 1
    keys[place] = key


@numba.njit(inline="always")
def _add_features(
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    third: NDArray[np.float32],
    fourth: NDArray[np.float32],
    sums: NDArray[np.float64],
) -> tuple[float, float, float, float]:
    """Add a handful of rows to Σa, Σ|a|, Σa² per feature, and return Σa² of each row: every value is widened once."""
    plain, absolute, square = sums[0], sums[1], sums[2]
    of_first, of_second, of_third, of_fourth = 0.0, 0.0, 0.0, 0.0
    for j in range(first.size):
        a, b, c, d = np.float64(first[j]), np.float64(second[j]), np.float64(third[j]), np.float64(fourth[j])
        aa, bb, cc, dd = a * a, b * b, c * c, d * d
        plain[j] += (a + b) + (c + d)
        absolute[j] += (abs(a) + abs(b)) + (abs(c) + abs(d))
        square[j] += (aa + bb) + (cc + dd)
        of_first += aa
        of_second += bb
        of_third += cc
        of_fourth += dd
    return of_first, of_second, of_third, of_fourth


_INTS, _INT_ROWS, _REALS = numba.int64[::1], numba.int64[:, ::1], numba.float64[::1]
_COUNTS, _FEATURES = numba.int32[:, ::1], numba.float64[:, :, ::1]


def _signature(bits: Any) -> Any:
    return numba.void(
        bits, bits, _INT_ROWS, _INTS, numba.int64, numba.int64, _INTS, _INTS, _REALS, _COUNTS, _FEATURES, _INT_ROWS
    )


# Compiled when this module is imported (and kept on disk), so that no batch waits for it.
@numba.njit(
    [_signature(numba.uint16[:, ::1]), _signature(numba.uint32[:, ::1])], nogil=True, cache=True, fastmath=_FAST
)
def measure_rows(
    after: NDArray,
    before: NDArray,
    chunk_rows: NDArray[np.int64],
    chunk_group: NDArray[np.int64],
    start: int,
    end: int,
    rank: NDArray[np.int64],
    floor: NDArray[np.int64],
    row_square: NDArray[np.float64],
    counts: NDArray[np.int32],
    features: NDArray[np.float64],
    largest: NDArray[np.int64],
) -> None:
    """Measure a = after − before (or a = after, when `before` has no rows) in the chunks from `start` to `end`.

    after, before            (rows, features): the bits of float32 (uint32) or of bfloat16 (uint16)
    chunk_rows, chunk_group  which rows to measure, in handfuls of one group (see `RowChunks`)
    rank                     (rows,): the rows' order by document and position
    floor                    (n_groups,): smaller keys (see `largest.py`) are not wanted
    row_square               (rows,): set to Σa² of each row that is measured
    counts                   (n_groups, N_RAW_BINS): numbers of |a| by bin, added to
    features                 (n_groups, 3, features): Σa, Σ|a|, Σa² per feature, added to
    largest                  (n_groups, N_LARGEST): descending keys, into which larger ones are put
    """
    width = after.shape[1]
    shift = np.uint32(32 - 8 * after.itemsize)
    bits = np.empty((ROWS_AT_ONCE, width), dtype=np.uint32)
    value = bits.view(np.float32)
    minus_bits = np.empty(width, dtype=np.uint32)
    minus = minus_bits.view(np.float32)
    bins = np.empty(width, dtype=np.uint16)
    for chunk in range(start, end):
        group = chunk_group[chunk]
        count = counts[group]
        keys = largest[group]
        for r in range(ROWS_AT_ONCE):
            row = chunk_rows[chunk, r]
            if row == NO_ROW:
                bits[r, :] = 0
                continue
            _widen(after, row, shift, bits[r])
            if before.shape[0] > 0:
                _widen(before, row, shift, minus_bits)
                for j in range(width):
                    value[r, j] -= minus[j]
            top = np.uint32(0)
            for j in range(width):  # all bins first: counting alone is a third faster than with their shifts between
                magnitude = np.uint32(bits[r, j] & _NO_SIGN)  # numba would go on in 64 bits, at half the speed
                bins[j] = np.uint16(magnitude >> _SHIFT)
                top = np.uint32(max(top, magnitude))
            for j in range(width):
                count[bins[j]] += 1
            if (np.int64(top) << KEY_SHIFT) + LOW_BITS > max(floor[group], keys[-1]):
                for j in range(width):
                    place = rank[row] * width + j
                    _offer(keys, (np.int64(bits[r, j] & _NO_SIGN) << KEY_SHIFT) + (LOW_BITS - place))
        squares = _add_features(value[0], value[1], value[2], value[3], features[group])
        for r in range(ROWS_AT_ONCE):
            row = chunk_rows[chunk, r]
            if row != NO_ROW:
                row_square[row] = squares[r]


@numba.njit(
    numba.void(
        numba.int32[:, :, ::1], numba.float64[:, :, :, ::1], numba.int64[:, :, ::1], _INT_ROWS, _FEATURES, _INT_ROWS
    ),
    nogil=True,
    cache=True,
)
def take_in(
    counts: NDArray[np.int32],
    features: NDArray[np.float64],
    keys: NDArray[np.int64],
    histogram: NDArray[np.int64],
    feature_sums: NDArray[np.float64],
    largest: NDArray[np.int64],
) -> None:
    """Add what the parts of `measure_rows` found (first dimension: parts) to a block's sums, and empty them.

    histogram: (n_groups, N_BINS); feature_sums and largest as in `measure_rows`.
    """
    for part in range(counts.shape[0]):
        for group in range(counts.shape[1]):
            raw = counts[part, group]
            histogram[group, 0] += raw[: BITS_OFFSET + 1].sum()
            for k in range(1, N_BINS - 1):
                histogram[group, k] += raw[BITS_OFFSET + k]
            histogram[group, N_BINS - 1] += raw[BITS_OFFSET + N_BINS - 1 :].sum()
            for key in keys[part, group]:
                _offer(largest[group], key)
    for part in range(counts.shape[0]):
        feature_sums += features[part]
    counts[:] = 0
    features[:] = 0.0
    keys[:] = EMPTY
