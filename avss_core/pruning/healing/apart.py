"""How far a healed model is from the whole one that was given the same: the ratio of their perplexities."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from avss_core.tasks.evaluation import Evaluation
from avss_core.tasks.perplexity_table import retained_interval, summarise


@dataclass(frozen=True)
class Apart:
    """ratio: perplexity of `healed` / perplexity of `control`, 1 when nothing is lost; its paired 95 % interval."""

    healed: Evaluation
    control: Evaluation
    ratio: float
    low: float
    high: float

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON types."""
        return {
            "healed": self.healed.to_dict(),
            "control": self.control.to_dict(),
            "ratio": self.ratio,
            "low": self.low,
            "high": self.high,
        }


def apart_of(control: pd.DataFrame, healed: pd.DataFrame) -> Apart:
    """Compare two tables of `evaluate.score_network` on the same text.

    Raises SettingError when the documents differ.
    """
    low, high = retained_interval(control, healed)
    of_control, of_healed = summarise(control), summarise(healed)
    # What is retained is the inverse, so its ends change places.
    return Apart(of_healed, of_control, of_healed.value / of_control.value, _inverse(high), _inverse(low))


def _inverse(share: float) -> float:
    return 1 / share if share else math.inf
