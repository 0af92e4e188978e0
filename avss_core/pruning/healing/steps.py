"""What training says of itself, step by step: the points of the loss curve."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Losses:
    """One model's losses on one step's text, before the update (the parts are nan where they have no weight)."""

    total: float
    next_token: float
    logits: float
    states: float


@dataclass(frozen=True)
class Step:
    """One update of the pruned model, and of the control on the same text (None: there is none, or it stays as it is).

    number counts from 1; tokens: real tokens read so far; seconds: since the start.
    """

    number: int
    tokens: int
    seconds: float
    learning_rate: float
    pruned: Losses
    control: Losses | None

    def to_dict(self) -> dict[str, Any]:
        """One flat row: the losses are `pruned_total`, …, `control_states`."""
        row: dict[str, Any] = {
            "number": self.number,
            "tokens": self.tokens,
            "seconds": self.seconds,
            "learning_rate": self.learning_rate,
        }
        for who, losses in (("pruned", self.pruned), ("control", self.control)):
            for part in fields(Losses):
                row[f"{who}_{part.name}"] = float("nan") if losses is None else getattr(losses, part.name)
        return row


def steps_table(steps: Iterable[Step]) -> pd.DataFrame:
    """One row a step, for figures and for Parquet."""
    return pd.DataFrame([step.to_dict() for step in steps])
