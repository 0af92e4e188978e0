"""Which blocks are trained: the most prone ones, and for control the least prone ones or random ones."""

from __future__ import annotations

import numpy as np
import pandas as pd

from avss_core.errors import SettingError

# By name, for people.
CHOICES = {"highest": "highest HCS", "lowest": "lowest HCS", "random": "random blocks"}


def choose_blocks(table: pd.DataFrame, choice: str, n_blocks: int, seed: int = 0) -> tuple[int, ...]:
    """The blocks to train, in block order, from a contrast table (`block`, `hcs`); of equal HCS the earlier block.

    Raises SettingError for another choice, or more blocks than there are.
    """
    if choice not in CHOICES:
        raise SettingError(f"Blocks are chosen by {', '.join(CHOICES)}, not by {choice!r}.")
    if not 1 <= n_blocks <= len(table):
        raise SettingError(f"From 1 to {len(table)} blocks can be trained, not {n_blocks}.")
    if choice == "random":
        drawn = np.random.default_rng(seed).choice(table["block"].to_numpy(), size=n_blocks, replace=False)
        return tuple(sorted(int(block) for block in drawn))
    ordered = table.sort_values(["hcs", "block"], ascending=[choice == "lowest", True])
    return tuple(sorted(int(block) for block in ordered["block"].iloc[:n_blocks]))
