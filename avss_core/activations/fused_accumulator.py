"""Running sums in main memory, by the kernel that reads each activation once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avss_core.activations.crew import Crew
from avss_core.activations.fused_kernel import N_RAW_BINS, measure_rows, take_in
from avss_core.activations.largest import EMPTY, KEY_SHIFT, entries_of_keys, largest_of_entries, merge_entries
from avss_core.activations.moments import N_LARGEST
from avss_core.activations.moments_from_sums import NOTHING_MEASURED, SiteSums
from avss_core.activations.norms import norm_sums
from avss_core.activations.row_chunks import RowChunks
from avss_core.activations.token_groups import TokenGroups
from avss_core.errors import SettingError

_BITS = {torch.float32: torch.uint32, torch.bfloat16: torch.uint16}


_ACTIVATIONS_A_PIECE = 1 << 17  # some 90 µs of work


class FusedAccumulator:
    """Sums of one site of `n_blocks` blocks; float32 and bfloat16 are read in place, other types by way of float32."""

    def __init__(self, n_blocks: int, n_groups: int) -> None:
        self._shape = (n_blocks, n_groups)
        self._sums: SiteSums | None = None
        self._parts: _Parts
        self._row_square: list[tuple[int, NDArray[np.float64]]] = []
        self._keys = np.full((n_blocks, n_groups, N_LARGEST), EMPTY)
        self._floor = np.full((n_blocks, n_groups), EMPTY)
        self._largest = torch.zeros((3, n_blocks * n_groups, N_LARGEST), dtype=torch.int64)

    def add(self, block: int, after: Tensor, before: Tensor | None, groups: TokenGroups) -> None:
        """Add a = after − before (a = after without `before`), each (rows, features)."""
        rows, width = after.shape
        if self._sums is None:
            self._sums = SiteSums.zeros(*self._shape, width)
            self._parts = _Parts.empty(torch.get_num_threads(), self._shape[1], width)
        if after.dtype not in _BITS or (before is not None and before.dtype != after.dtype):
            after, before = after.float(), None if before is None else before.float()
        bits = _as_bits(after)
        minus = bits[:0] if before is None else _as_bits(before)
        row_square = np.zeros(rows)
        self._parts.measure(bits, minus, groups.chunks, self._floor[block], row_square)
        self._parts.take_in(self._sums.histogram[block], self._sums.feature_sums[block], self._keys[block])
        self._row_square.append((block, row_square))

    def end_batch(self, groups: TokenGroups) -> None:
        """Add what is cheaper for all blocks together."""
        if self._sums is None or not self._row_square:
            return
        n_groups = self._shape[1]
        norms = norm_sums(torch.from_numpy(np.stack([square for _, square in self._row_square])), groups).numpy()
        blocks = [block for block, _ in self._row_square]
        np.add.at(self._sums.l2_sum, blocks, norms[:, :n_groups])
        np.add.at(self._sums.frobenius_sum, blocks, norms[:, n_groups:])
        self._row_square.clear()
        entries = entries_of_keys(torch.from_numpy(self._keys), groups, self._sums.feature_sums.shape[-1])
        self._largest = merge_entries(self._largest, entries.flatten(1, 2))
        self._keys.fill(EMPTY)
        smallest = self._largest[0, :, -1].numpy().reshape(self._shape)
        self._floor = np.maximum(smallest << KEY_SHIFT, EMPTY)

    def pack(self) -> Tensor:
        """Nothing: all is on the host."""
        return torch.empty(0, dtype=torch.int64)

    def sums(self, _packed: NDArray[np.int64]) -> SiteSums:
        """Everything that was added."""
        if self._sums is None:
            raise SettingError(NOTHING_MEASURED)
        self._sums.largest[:] = largest_of_entries(self._largest.numpy().reshape(3, *self._shape, N_LARGEST))
        return self._sums


@dataclass(frozen=True, eq=False)
class _Parts:
    """What each thread finds in its share of the rows, before it is added to a block's sums."""

    counts: NDArray[np.int32]
    features: NDArray[np.float64]
    keys: NDArray[np.int64]

    @classmethod
    def empty(cls, threads: int, n_groups: int, width: int) -> _Parts:
        return cls(
            counts=np.zeros((threads, n_groups, N_RAW_BINS), dtype=np.int32),
            features=np.zeros((threads, n_groups, 3, width)),
            keys=np.full((threads, n_groups, N_LARGEST), EMPTY),
        )

    def measure(
        self,
        bits: NDArray[np.unsignedinteger],
        minus: NDArray[np.unsignedinteger],
        chunks: RowChunks,
        floor: NDArray[np.int64],
        row_square: NDArray[np.float64],
    ) -> None:
        """Measure the chunks, in pieces that whichever thread is free takes."""
        n_chunks = len(chunks.group)
        pieces = 1 if len(self.counts) == 1 else max(1, bits.size // _ACTIVATIONS_A_PIECE)

        def measure_piece(worker: int, piece: int) -> None:
            start, end = n_chunks * piece // pieces, n_chunks * (piece + 1) // pieces
            found = self.counts[worker], self.features[worker], self.keys[worker]
            measure_rows(bits, minus, chunks.rows, chunks.group, start, end, chunks.rank, floor, row_square, *found)

        _crew(len(self.counts)).run(pieces, measure_piece)

    def take_in(self, histogram: NDArray[np.int64], feature_sums: NDArray[np.float64], keys: NDArray[np.int64]) -> None:
        """Add everything to a block's sums."""
        take_in(self.counts, self.features, self.keys, histogram, feature_sums, keys)


@cache
def _crew(size: int) -> Crew:
    return Crew(size)


def _as_bits(values: Tensor) -> NDArray[np.unsignedinteger]:
    return values.contiguous().view(_BITS[values.dtype]).numpy()
