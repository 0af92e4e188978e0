"""What contrastive training says of itself, step by step: the points of the loss curves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import pandas as pd


@dataclass(frozen=True)
class ContrastStep:
    """One update. number: from 1. tokens: read so far. The losses are those before the update, unweighted, in nats;
    margin: mean cosine of truthful pairs − mean cosine of truthful with made-up answers, over the trained blocks."""

    number: int
    tokens: int
    seconds: float
    learning_rate: float
    total: float
    contrast: float
    language: float
    margin: float


def steps_frame(steps: Iterable[ContrastStep]) -> pd.DataFrame:
    """One row a step, for figures and for Parquet."""
    return pd.DataFrame([asdict(step) for step in steps])
