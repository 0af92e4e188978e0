"""One number per block from one method, with what it cost and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from avss_core.importance.avss import lowest_first
from avss_core.importance.method import Method

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class Ranking:
    """name: as asked for (`avss@update`). scores: one a block, the lowest removed first.

    standard_error, low, high (95 %): over documents, or over sampled orders of removal; None where the method has
    none or the text too few documents. seconds, block_runs, peak_bytes: of the pass that measured it, which other
    methods may share; block_runs counts a block once when it ran over the whole text; peak_bytes is beside what was
    held before (`peak_bytes.py`), None where it is not known. device: where that was, None where nothing was measured.
    samples: documents or orders behind the interval.
    """

    name: str
    method: Method
    scores: Numbers
    standard_error: Numbers | None = None
    low: Numbers | None = None
    high: Numbers | None = None
    samples: int = 0
    seconds: float = 0.0
    block_runs: float = 0.0
    peak_bytes: int | None = None
    device: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def direction(self) -> str:
        """How to read the scores."""
        return self.method.direction

    @property
    def removal_order(self) -> list[int]:
        """Blocks in the order they would be removed; ties by index."""
        return lowest_first(self.scores)

    def lowest(self, n: int) -> tuple[int, ...]:
        """The n blocks that it would remove, in block order: of a method that measures stretches the best one of n
        consecutive blocks (`details["stretches"]`), otherwise the n lowest scores."""
        best = next((found["first"] for found in self.details.get("stretches", ()) if found["n"] == n), None)
        return tuple(sorted(self.removal_order[:n])) if best is None else tuple(range(best, best + n))

    @property
    def ranks(self) -> list[int]:
        """Each block's rank: 1 is the most important, M the first to go."""
        ranks = [0] * len(self.scores)
        for place, block in enumerate(self.removal_order):
            ranks[block] = len(self.scores) - place
        return ranks

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON types, the method's card included; None stands for a number that is not finite."""
        return {
            "scores": _plain(self.scores),
            "direction": self.direction,
            "standard_error": _plain(self.standard_error),
            "low": _plain(self.low),
            "high": _plain(self.high),
            "samples": self.samples,
            "removal_order": self.removal_order,
            "seconds": self.seconds,
            "block_runs": self.block_runs,
            "peak_bytes": self.peak_bytes,
            "device": self.device,
            "details": dict(self.details),
            "card": self.method.card(),
        }


def rank_table(rankings: Sequence[Ranking]) -> pd.DataFrame:
    """One row per block and method: block, method, score, rank (1 = most important), low, high, spread.

    low, high: 95 % interval of the score. spread: standard deviation of what the score is the mean of, where the
    method tells it (CIM: over contexts); nan where it is not known.
    """
    return pd.DataFrame(
        [
            {
                "block": block,
                "method": ranking.name,
                "score": score,
                "rank": ranking.ranks[block],
                "low": math.nan if ranking.low is None else ranking.low[block],
                "high": math.nan if ranking.high is None else ranking.high[block],
                "spread": ranking.details["spread"][block] if "spread" in ranking.details else math.nan,
            }
            for ranking in rankings
            for block, score in enumerate(ranking.scores)
        ],
        columns=["block", "method", "score", "rank", "low", "high", "spread"],
    )


def _plain(values: Numbers | None) -> list[float | None] | None:
    return None if values is None else [value if math.isfinite(value) else None for value in values]
