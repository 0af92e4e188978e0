"""The rows of a batch for the kernel: in handfuls of one group, so that sums per feature are touched once for each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROWS_AT_ONCE = 4
NO_ROW = -1


@dataclass(frozen=True, eq=False)
class RowChunks:
    """Indices of rows, `NO_ROW` where a group has no more; the group of each chunk; the rank of each row."""

    rows: NDArray[np.int64]  # (chunks, ROWS_AT_ONCE)
    group: NDArray[np.int64]  # (chunks,)
    rank: NDArray[np.int64]  # (rows,) see `TokenGroups`

    @classmethod
    def of(cls, codes: NDArray[np.int64], n_groups: int, rank: NDArray[np.int64]) -> RowChunks:
        """Divide the rows whose code is a group; rows with another code (padding) are in no chunk."""
        rows, group = [np.empty((0, ROWS_AT_ONCE), dtype=np.int64)], [np.empty(0, dtype=np.int64)]
        for code in range(n_groups):
            members = np.flatnonzero(codes == code)
            n_chunks = -(-len(members) // ROWS_AT_ONCE)
            filled = np.full(n_chunks * ROWS_AT_ONCE, NO_ROW)
            filled[: len(members)] = members
            rows.append(filled.reshape(n_chunks, ROWS_AT_ONCE))
            group.append(np.full(n_chunks, code))
        return cls(np.concatenate(rows), np.concatenate(group), rank)
