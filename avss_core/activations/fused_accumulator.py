"""Running sums in main memory, by the kernel that reads each activation once."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avss_core.activations.fused_kernel import measure_rows
from avss_core.activations.moments import LARGEST, N_LARGEST, SiteMoments
from avss_core.activations.moments_from_sums import SiteSums, moments_from_sums
from avss_core.activations.token_groups import PADDING, TokenGroups

_BITS = {torch.float32: torch.uint32, torch.bfloat16: torch.uint16}

class FusedAccumulator:
    """Sums of one site of `n_blocks` blocks; float32 and bfloat16 are read in place, other types by way of float32."""

    def __init__(self, n_blocks: int, group_names: tuple[str, ...]) -> None:
        self._n_blocks = n_blocks
        self._groups = group_names
        self._sums: SiteSums | None = None

    def add(self, block: int, after: Tensor, before: Tensor | None, groups: TokenGroups) -> None:
        n_groups, (rows, width) = len(self._groups), after.shape
        if self._sums is None:
            self._sums = SiteSums.zeros(self._n_blocks, n_groups, width)
        codes = groups.codes.numpy().astype(np.int8)
        per_row = np.zeros((rows, 5))
        bits = _as_bits(after)
        measure_rows(
            bits,
            _as_bits(before) if before is not None else bits[:0],
            codes,
            n_groups,
            torch.get_num_threads(),
            per_row,
            self._sums.histogram[block],
            self._sums.feature_sums[block],
        )
        self._add_norms(self._sums, block, per_row, groups)
        self._keep_largest(self._sums, block, per_row, codes, groups)

    def finish(self, tokens: NDArray[np.int64], sequences: NDArray[np.int64]) -> SiteMoments:
        if self._sums is None:
            raise ValueError("nothing was added")
        return moments_from_sums(self._sums, self._groups, tokens, sequences)

    def _add_norms(self, sums: SiteSums, block: int, per_row: NDArray[np.float64], groups: TokenGroups) -> None:
        members = groups.members.numpy()
        square = per_row[:, 2]
        sums.l2_sum[block] += np.sqrt(square) @ members
        by_sequence = (square[:, None] * members).reshape(groups.sequences, -1, members.shape[1]).sum(axis=1)
        sums.frobenius_sum[block, :-1] += np.sqrt(by_sequence).sum(axis=0)
        sums.frobenius_sum[block, -1] += np.sqrt(by_sequence.sum(axis=1)).sum()

    def _keep_largest(
        self, sums: SiteSums, block: int, per_row: NDArray[np.float64], codes: NDArray[np.int8], groups: TokenGroups
    ) -> None:
        magnitude = np.where(codes == PADDING, 0.0, per_row[:, 3])
        top = np.argsort(-magnitude, kind="stable")[:N_LARGEST]
        found = np.zeros(len(top), dtype=LARGEST)
        found["magnitude"], found["feature"] = magnitude[top], per_row[top, 4]
        found["document"], found["position"] = groups.documents.numpy()[top], groups.positions.numpy()[top]
        sums.keep_largest(block, found)

def _as_bits(values: Tensor) -> NDArray[np.unsignedinteger]:
    supported = values if values.dtype in _BITS else values.float()
    return supported.contiguous().view(_BITS[supported.dtype]).numpy()

