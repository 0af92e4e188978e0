"""One cell of the table: the mean of a task's metric over the cuts that r rankings chose, with both of its intervals.

What differs from repeat to repeat is the text that blocks were ranked on; the t interval over repeats tells how much
that matters. How much the held-out documents matter is another question, which a bootstrap over them answers.
A perplexity is the exponential of a mean loss, so its mean over repeats is taken of the loss as well (a geometric mean
of the perplexities): one broken cut among five would otherwise be all there is to see.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from avss_core.studies.repeats import t_interval
from avss_core.tasks.evaluation import retained
from avss_core.tasks.metric import Metric
from avss_core.tasks.task import Task


@dataclass(frozen=True)
class Cell:
    """value, with the 95 % t interval over repeats (low, high) and the bootstrap's over held-out documents.

    retained: 1 when nothing is lost, with both intervals alike. repeats: how many values it is the mean of; nan ends
    where there is no interval.
    """

    value: float
    low: float
    high: float
    document_low: float
    document_high: float
    retained: float
    retained_low: float
    retained_high: float
    retained_document_low: float
    retained_document_high: float
    repeats: int

    def to_dict(self) -> dict[str, Any]:
        """All numbers by name."""
        return asdict(self)


def whole_model(task: Task, before: pd.DataFrame) -> Cell:
    """The column of the unpruned model: nothing is repeated, so there is the interval over documents only."""
    found, nan = task.summarise(before), math.nan
    return Cell(found.value, nan, nan, found.low, found.high, 1.0, nan, nan, nan, nan, repeats=1)


def mean_cell(task: Task, before: pd.DataFrame, after: Sequence[pd.DataFrame]) -> Cell:
    """A method's cell from the per-document values of the whole model and of each repeat's cut (one at least)."""
    metric = task.metric()
    together = _mean_frame(metric, after)
    whole, mean = task.summarise(before), task.summarise(together)
    shares = [_share(metric, frame) for frame in after]
    low, high = t_interval(shares)
    if metric.exponential:
        low, high = _exp(max(low, 0.0)), _exp(high)  # a loss is not below 0, where the t interval may reach
    else:
        low, high = float(np.clip(low, 0, 1)), float(np.clip(high, 0, 1))
    kept = sorted(_retained(metric, whole.value, end) for end in (low, high))
    document_low, document_high = task.retained_interval(_sorted(before), together)
    return Cell(
        mean.value,
        low,
        high,
        mean.low,
        mean.high,
        retained(whole, mean),
        kept[0],
        kept[1],
        document_low,
        document_high,
        repeats=len(after),
    )


def _mean_frame(metric: Metric, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The values of the same documents averaged over repeats: what the metric is computed of is linear in them."""
    in_order = [_sorted(frame) for frame in frames]
    totals = np.mean([frame[metric.total].to_numpy(np.float64) for frame in in_order], axis=0)
    return in_order[0].assign(**{metric.total: totals})


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    keys = [name for name in ("document", "example") if name in frame]
    return frame.sort_values(keys, kind="stable", ignore_index=True)


def _share(metric: Metric, frame: pd.DataFrame) -> float:
    """Σ total / Σ count: an accuracy, or a perplexity's logarithm."""
    count = len(frame) if metric.count is None else float(frame[metric.count].sum())
    return float(frame[metric.total].sum()) / count


def _retained(metric: Metric, whole: float, value: float) -> float:
    above, below = (value, whole) if metric.higher_is_better else (whole, value)
    return above / below if below else math.nan


def _exp(value: float) -> float:
    return math.inf if value >= 700 else math.exp(value)  # nan stays nan
