"""Running sums on the device that the model is on, with ordinary torch reductions and no host synchronisation.

Everything stays on the device until `finish`, which copies it in one piece. Where the device has no float64 (mps),
each batch is reduced in float32 and added with Kahan's compensation.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avss_core.activations.magnitude_bins import BITS_OFFSET, BITS_SHIFT, N_BINS
from avss_core.activations.moments import LARGEST, N_LARGEST, SiteMoments
from avss_core.activations.moments_from_sums import SiteSums, moments_from_sums
from avss_core.activations.token_groups import PADDING, TokenGroups

_NO_SIGN = 0x7FFFFFFF


def sum_dtype(device: torch.device) -> torch.dtype:
    """The type statistics accumulate in on a device."""
    return torch.float32 if device.type == "mps" else torch.float64


class PlainAccumulator:
    """Sums of one site of `n_blocks` blocks on any device."""

    def __init__(self, n_blocks: int, group_names: tuple[str, ...]) -> None:
        self._n_blocks = n_blocks
        self._groups = group_names
        self._blocks: dict[int, _BlockSums] = {}

    def add(self, block: int, after: Tensor, before: Tensor | None, groups: TokenGroups) -> None:
        values = after.float() if before is None else after.float() - before.float()
        if block not in self._blocks:
            self._blocks[block] = _BlockSums(len(self._groups), values.shape[1], values.device)
        self._blocks[block].add(values, groups)

    def finish(self, tokens: NDArray[np.int64], sequences: NDArray[np.int64]) -> SiteMoments:
        packed = torch.stack([self._blocks[block].pack() for block in range(self._n_blocks)]).cpu().numpy()
        width = self._blocks[0].width
        sums = SiteSums.zeros(self._n_blocks, len(self._groups), width)
        for block, values in enumerate(packed):
            _unpack(values, sums, block)
        return moments_from_sums(sums, self._groups, tokens, sequences)


class _BlockSums:
    def __init__(self, n_groups: int, width: int, device: torch.device) -> None:
        self.width = width
        self._dtype = sum_dtype(device)
        n_sums = n_groups * 3 * width + n_groups + n_groups + 1
        self._sums = torch.zeros(n_sums, dtype=self._dtype, device=device)
        self._lost = torch.zeros_like(self._sums)
        self._histogram = torch.zeros(n_groups * N_BINS + 1, dtype=torch.int64, device=device)
        self._largest = torch.zeros((4, N_LARGEST), dtype=torch.int64, device=device)

    def add(self, values: Tensor, groups: TokenGroups) -> None:
        members = groups.members
        wide = values.to(self._dtype)
        # Padding rows may hold anything, nan too, and 0 × nan is nan: they are set to 0 before any sum.
        wide = torch.where((groups.codes == PADDING)[:, None], 0.0, wide)
        square = wide.square()
        row_square = square.sum(dim=1)
        features = torch.stack([members.T @ wide, members.T @ wide.abs(), members.T @ square], dim=1)
        by_sequence = (row_square[:, None] * members).view(groups.sequences, -1, members.shape[1]).sum(dim=1)
        frobenius = torch.cat([by_sequence.sqrt().sum(dim=0), by_sequence.sum(dim=1).sqrt().sum()[None]])
        self._add_compensated(torch.cat([features.flatten(), row_square.sqrt() @ members, frobenius]))
        self._add_histogram(values, groups)
        self._keep_largest(wide.abs(), groups)

    def pack(self) -> Tensor:
        """Everything in one row of int64, the sums by their bits, so that one copy takes it to the host."""
        sums = self._sums.to(torch.float64) if self._dtype == torch.float64 else self._sums.cpu().double()
        return torch.cat([sums.view(torch.int64), self._histogram[:-1].to(sums.device), self._largest.flatten().to(sums.device)])

    def _add_compensated(self, batch: Tensor) -> None:
        corrected = batch - self._lost
        total = self._sums + corrected
        self._lost = (total - self._sums) - corrected
        self._sums = total

    def _add_histogram(self, values: Tensor, groups: TokenGroups) -> None:
        bits = values.contiguous().view(torch.int32) & _NO_SIGN
        bins = ((bits >> BITS_SHIFT) - BITS_OFFSET).clamp(0, N_BINS - 1).long()
        spill = self._histogram.numel() - 1  # one extra place takes the padding
        index = torch.where((groups.codes == PADDING)[:, None], spill, groups.codes[:, None] * N_BINS + bins).flatten()
        self._histogram.scatter_add_(0, index, torch.ones_like(index))

    def _keep_largest(self, magnitude: Tensor, groups: TokenGroups) -> None:
        largest, feature = magnitude.max(dim=1)
        # A float32's bits, read as an integer, keep the order of values that are not negative.
        keys = torch.cat([self._largest[0], largest.float().contiguous().view(torch.int32).long()])
        rows = torch.stack([groups.documents, groups.positions, feature])
        facts = torch.cat([self._largest[1:], rows], dim=1)
        top = keys.topk(N_LARGEST)
        self._largest = torch.cat([top.values[None], facts[:, top.indices]])


def _unpack(values: NDArray[np.int64], sums: SiteSums, block: int) -> None:
    n_groups, _, width = sums.feature_sums[block].shape
    n_features, n_bins = n_groups * 3 * width, n_groups * N_BINS
    real, rest = np.split(values, [n_features + 2 * n_groups + 1])
    real = real.view(np.float64)
    sums.feature_sums[block] = real[:n_features].reshape(n_groups, 3, width)
    sums.l2_sum[block] = real[n_features : n_features + n_groups]
    sums.frobenius_sum[block] = real[n_features + n_groups :]
    sums.histogram[block] = rest[:n_bins].reshape(n_groups, N_BINS)
    magnitude, document, position, feature = rest[n_bins:].reshape(4, -1)
    found = np.zeros(magnitude.size, dtype=LARGEST)
    found["magnitude"] = magnitude.astype(np.int32).view(np.float32)
    found["document"], found["position"], found["feature"] = document, position, feature
    sums.keep_largest(block, found)
