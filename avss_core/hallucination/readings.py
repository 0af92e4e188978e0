"""Do the three readings of HCS point to the same blocks? No torch."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from avss_core.hallucination.scores import READINGS, Reading, contribution
from avss_core.importance.agreement import agreement_of

TOP = 5


def top_blocks(table: pd.DataFrame, reading: Reading, top: int = TOP) -> list[int]:
    """The blocks of a contrast table with the highest HCS in a reading, highest first, ties in block order."""
    return [int(table["block"].iloc[place]) for place in np.argsort(-_hcs(table, reading), kind="stable")[:top]]


def readings_agreement(table: pd.DataFrame, top: int = TOP) -> pd.DataFrame:
    """One row for each two readings: `first`, `second`, `shared` (blocks that both have among their `top`), `share`
    (of them), `spearman` (rank correlation over all blocks, 1: the same order). With answers of one label only there
    is no HCS: nothing is shared, and the numbers are nan."""
    known = not table[["hsav", "hss"]].isna().any(axis=None)
    rows = []
    for first, second in combinations(READINGS, 2):
        shared = sorted(set(top_blocks(table, first, top)) & set(top_blocks(table, second, top))) if known else []
        rows.append(
            {
                "first": first,
                "second": second,
                "shared": shared,
                "share": len(shared) / min(top, len(table)) if known else math.nan,
                "spearman": _spearman(_hcs(table, first), _hcs(table, second)) if known else math.nan,
            }
        )
    return pd.DataFrame(rows)


def _spearman(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    return agreement_of(first.tolist(), second.tolist(), draws=1)["spearman"]


def _hcs(table: pd.DataFrame, reading: Reading) -> NDArray[np.float64]:
    return contribution(table["hsav"].to_numpy(), table["hss"].to_numpy(), reading, float(table["n"].iloc[0]))
