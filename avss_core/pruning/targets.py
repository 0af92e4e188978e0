"""How much can be removed while a share of the performance is retained: the answer, and what it was read off."""

from __future__ import annotations

import math
from dataclasses import dataclass

from avss_core.pruning.cut import Cut


@dataclass(frozen=True)
class Cutoff:
    """How many blocks are removed, and what that retains, with its paired 95 % interval."""

    removed: int
    retained: float
    low: float
    high: float


@dataclass(frozen=True)
class Tolerated:
    """The cut that was asked for, and all that was measured on the way.

    cutoffs    those measured, by number removed, 0 included
    gaps       numbers below the chosen one that retain less than asked, though the chosen one does not: retained
               performance need not fall with every block
    complete   whether every cutoff was measured, so that `cut` is the largest there is and `gaps` are all
    """

    cut: Cut
    cutoffs: tuple[Cutoff, ...]
    gaps: tuple[int, ...]
    complete: bool
    block_runs: int
    block_runs_naive: int

    @property
    def nothing_to_retain(self) -> bool:
        """Whether the unpruned model was measured and has nothing of which a share could be retained."""
        return any(cutoff.removed == 0 and math.isnan(cutoff.retained) for cutoff in self.cutoffs)
