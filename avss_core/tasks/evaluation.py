"""What one model can do at one task: a number with its direction and its uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from avss_core.errors import SettingError


@dataclass(frozen=True)
class Evaluation:
    """A metric's value on n documents, with the ends of its 95 % interval (nan where there is none: one document)."""

    task: str
    metric: str
    value: float
    low: float
    high: float
    n: int
    higher_is_better: bool

    def to_dict(self) -> dict[str, Any]:
        """`task, metric, value, low, high, n` as JSON types: None stands for nan and for infinity."""
        return {
            "task": self.task,
            "metric": self.metric,
            "value": _json_number(self.value),
            "low": _json_number(self.low),
            "high": _json_number(self.high),
            "n": self.n,
        }


def retained(before: Evaluation, after: Evaluation) -> float:
    """Retained performance, 1 when nothing is lost (formulas §1).

    P(after) / P(before) where higher is better, P(before) / P(after) where lower is (perplexity); nan when the divisor
    is 0. Raises SettingError when the two are not the same metric of the same task.
    """
    if (before.task, before.metric) != (after.task, after.metric):
        raise SettingError(
            f"{before.task} ({before.metric}) and {after.task} ({after.metric}) cannot be compared; "
            "evaluate the same task before and after."
        )
    above, below = (after.value, before.value) if before.higher_is_better else (before.value, after.value)
    return above / below if below else math.nan


def require_something_to_retain(unpruned: Evaluation) -> None:
    """Raise SettingError for a performance of which no share can be retained, such as an accuracy of 0."""
    if math.isnan(retained(unpruned, unpruned)):
        raise SettingError(
            f"The {unpruned.metric} of the unpruned model ({unpruned.task}) is {unpruned.value:g} here, so there is "
            "nothing of which a share could be retained; ask for no share, or measure by another task or on other text."
        )


def _json_number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
