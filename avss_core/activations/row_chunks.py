"""Rows in handfuls of one group each, so that sums per feature are touched once for a handful."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROWS_AT_ONCE = 4
NO_ROW = -1


@dataclass(frozen=True, eq=False)
class RowChunks:
    """rows: (chunks, ROWS_AT_ONCE) indices, `NO_ROW` where a group has no more; group: (chunks,) the group of each."""

    rows: NDArray[np.int64]
    group: NDArray[np.int64]

    @classmethod
    def of(cls, codes: NDArray[np.int64], n_groups: int) -> RowChunks:
        """Divide the rows whose code is a group; rows with another code (padding) are in no chunk."""
        rows, group = [np.empty((0, ROWS_AT_ONCE), dtype=np.int64)], [np.empty(0, dtype=np.int64)]
        for code in range(n_groups):
            members = np.flatnonzero(codes == code)
            n_chunks = -(-len(members) // ROWS_AT_ONCE)
            filled = np.full(n_chunks * ROWS_AT_ONCE, NO_ROW)
            filled[: len(members)] = members
            rows.append(filled.reshape(n_chunks, ROWS_AT_ONCE))
            group.append(np.full(n_chunks, code))
        return cls(np.concatenate(rows), np.concatenate(group))
