"""Running sums on the device that the model is on, with ordinary torch operations and without waiting for it.

Everything stays on the device until `pack`, so that one copy takes a whole shard to the host. Sums are pairs of numbers
(see `float32_pairs.py`): in float64, or in float32 where the device has nothing better (mps).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avss_core.activations import float32_pairs
from avss_core.activations.feature_sums import feature_and_row_sums
from avss_core.activations.largest import EMPTY, entries_of_keys, largest_keys, largest_of_entries, merge_entries
from avss_core.activations.layout import PADDING
from avss_core.activations.magnitude_bins import BITS_OFFSET, BITS_SHIFT, N_BINS
from avss_core.activations.moments import N_LARGEST
from avss_core.activations.moments_from_sums import NOTHING_MEASURED, SiteSums
from avss_core.activations.norms import norm_sums, norm_sums_in_pairs
from avss_core.activations.token_groups import TokenGroups
from avss_core.errors import SettingError

_NO_SIGN = 0x7FFFFFFF


class PlainAccumulator:
    """Sums of one site of `n_blocks` blocks on any device."""

    def __init__(self, n_blocks: int, n_groups: int, device: torch.device, dtype: torch.dtype) -> None:
        """dtype: float64, or float32 with compensation."""
        self._shape = (n_blocks, n_groups)
        self._device, self._dtype = device, dtype
        self._width: int | None = None
        self._sums: dict[str, float32_pairs.Pair] = {}
        self._largest: Tensor
        self._row_square: list[tuple[int, float32_pairs.Pair]] = []

    def add(self, block: int, after: Tensor, before: Tensor | None, groups: TokenGroups) -> None:
        """Add a = after − before (a = after without `before`), each (rows, features)."""
        values = after.float() if before is None else after.float() - before.float()
        # Padding rows may hold anything, nan too, and 0 × nan is nan: they are set to 0 before any sum.
        values = torch.where((groups.codes == PADDING)[:, None], 0.0, values)
        if self._width is None:
            self._start(values.shape[1])
        (high, low), row_square = feature_and_row_sums(values, groups.members)
        self._add("features", block, high.flatten(), low.flatten())
        self._row_square.append((block, row_square))
        self._histogram[block] += _histogram(values, groups)
        self._keys[block] = largest_keys(values.abs(), groups, self._keys[block])

    def end_batch(self, groups: TokenGroups) -> None:
        """Add what is cheaper for all blocks together."""
        if self._width is None or not self._row_square:
            return
        high, low = (torch.stack([square[k] for _, square in self._row_square]) for k in (0, 1))
        if self._dtype == torch.float64:
            sums = norm_sums(high, groups)
            norms = (sums, torch.zeros_like(sums))
        else:
            norms = norm_sums_in_pairs((high, low), groups)
        for k, (block, _) in enumerate(self._row_square):
            self._add("norms", block, norms[0][k], norms[1][k])
        self._row_square.clear()
        entries = entries_of_keys(self._keys, groups, self._width).flatten(1, 2)
        self._largest = merge_entries(self._largest, entries)
        self._keys.fill_(EMPTY)

    def pack(self) -> Tensor:
        """Everything as one row of int64, the sums by their bits."""
        if self._width is None:
            return torch.empty(0, dtype=torch.int64, device=self._device)
        bits = torch.int64 if self._dtype == torch.float64 else torch.int32
        sums = [part.flatten().view(bits).long() for name in ("features", "norms") for part in self._sums[name]]
        return torch.cat([*sums, self._histogram.flatten(), self._largest.flatten()])

    def sums(self, packed: NDArray[np.int64]) -> SiteSums:
        """What `pack` gave, on the host."""
        if self._width is None:
            raise SettingError(NOTHING_MEASURED)
        n_blocks, n_groups = self._shape
        shapes = [(n_blocks, n_groups, 3, self._width), (n_blocks, 2 * n_groups + 1)]
        sizes = [int(np.prod(shape)) for shape in shapes for _ in ("high", "low")] + [self._histogram.numel()]
        *parts, histogram, largest = np.split(packed, np.cumsum(sizes))
        real = [_as_float64(part, self._dtype) for part in parts]
        features, norms = (
            (high + low).reshape(shape) for high, low, shape in zip(real[::2], real[1::2], shapes, strict=True)
        )
        return SiteSums(
            l2_sum=norms[:, :n_groups],
            frobenius_sum=norms[:, n_groups:],
            histogram=histogram.reshape(n_blocks, n_groups, N_BINS),
            feature_sums=features,
            largest=largest_of_entries(largest.reshape(3, n_blocks, n_groups, N_LARGEST)),
        )

    def _start(self, width: int) -> None:
        self._width = width
        n_blocks, n_groups = self._shape
        for name, size in (("features", n_groups * 3 * width), ("norms", 2 * n_groups + 1)):
            zeros = torch.zeros((n_blocks, size), dtype=self._dtype, device=self._device)
            self._sums[name] = (zeros, zeros.clone())
        lists = n_blocks * n_groups
        self._histogram = torch.zeros((n_blocks, n_groups * N_BINS), dtype=torch.int64, device=self._device)
        self._keys = torch.full((n_blocks, n_groups, N_LARGEST), EMPTY, dtype=torch.int64, device=self._device)
        self._largest = torch.zeros((3, lists, N_LARGEST), dtype=torch.int64, device=self._device)

    def _add(self, name: str, block: int, high: Tensor, low: Tensor) -> None:
        sums = self._sums[name]
        sums[0][block], sums[1][block] = float32_pairs.add((sums[0][block], sums[1][block]), (high, low))


def _histogram(values: Tensor, groups: TokenGroups) -> Tensor:
    """Counts of |a| by group and bin, (G × N_BINS,)."""
    bins = (((values.view(torch.int32) & _NO_SIGN) >> BITS_SHIFT) - BITS_OFFSET).clamp(0, N_BINS - 1)
    spill = groups.members.shape[1] * N_BINS  # one place more takes the padding
    index = torch.where((groups.codes == PADDING)[:, None], spill, groups.codes[:, None] * N_BINS + bins).flatten()
    counts = torch.zeros(spill + 1, dtype=torch.int32, device=values.device)
    return counts.scatter_add_(0, index, torch.ones_like(index, dtype=torch.int32))[:-1]


def _as_float64(bits: NDArray[np.int64], dtype: torch.dtype) -> NDArray[np.float64]:
    if dtype == torch.float64:
        return bits.view(np.float64)
    return bits.astype(np.int32).view(np.float32).astype(np.float64)
