"""What a metric of confidence says of itself, and its value with an interval."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import beta

from avss_core.errors import SettingError
from avss_core.hallucination.metrics.ranked import Numbers
from avss_core.tasks.bootstrap import LEVEL, bootstrap_interval

DRAWS = 1000


@dataclass(frozen=True)
class Measured:
    """A metric's value over n answers, with the ends of its 95 % interval (nan where there is none)."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class ConfidenceMetric:
    """A number made of (confidence, correct) pairs.

    name: as in tables (`acc@50`). formula: in words, for a page. of: confidence (n,), correct (n,) of 0 and 1, and how
    often each answer was drawn (resamples, n) -> (resamples,). out_of: for a share of answers, of how many of n.
    undefined: the sentence to show where the value is nan.
    """

    name: str
    pretty_name: str
    higher_is_better: bool
    formula: str
    of: Callable[[Numbers, Numbers, Numbers], Numbers]
    out_of: Callable[[int], int] | None = None
    undefined: str = ""

    def value(self, confidence: Numbers, correct: Numbers) -> float:
        """The metric of these answers; nan where it is not defined. Raises what `checked` raises."""
        confidence, correct = checked(confidence, correct)
        return float(self.of(confidence, correct, np.ones((1, len(correct))))[0])

    def measure(self, confidence: Numbers, correct: Numbers, seed: int = 0, draws: int = DRAWS) -> Measured:
        """The value with its percentile bootstrap 95 % interval over the answers.

        One answer has no interval, nor has what is not defined, nor what resamples can only repeat (the coverage
        where all are right, an AUROC of 1): its width of 0 would say that it is known for certain. An accuracy of 0 or
        1 has the exact interval of Clopper and Pearson instead. The ECE of a calibrated estimator may lie below
        that of all resamples, which are less even than the answers; the interval then reaches down to it. Raises what
        `checked` raises.
        """
        confidence, correct = checked(confidence, correct)
        value, n = self.value(confidence, correct), len(correct)
        if math.isnan(value) or n < 2:
            return Measured(value, math.nan, math.nan, n)
        low, high = bootstrap_interval(lambda drawn: self.of(confidence, correct, drawn), n, seed, draws)
        if low == high and (value in (0.0, 1.0) or correct.min() == correct.max()):
            if self.out_of is None:
                return Measured(value, math.nan, math.nan, n)
            low, high = _exact(value, self.out_of(n))
        return Measured(value, min(low, value), max(high, value), n)

    def card(self) -> dict[str, Any]:
        """What it says of itself, as JSON types."""
        return {
            "metric": self.name,
            "pretty_name": self.pretty_name,
            "higher_is_better": self.higher_is_better,
            "formula": self.formula,
        }


def checked(confidence: Numbers, correct: Numbers) -> tuple[Numbers, Numbers]:
    """Both as float64; SettingError when they differ in length, are empty, or lie outside [0, 1] and {0, 1}."""
    confidence, correct = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if confidence.shape != correct.shape or confidence.ndim != 1:
        raise SettingError(
            f"There are {confidence.size} confidences for {correct.size} answers; give one for each answer."
        )
    if not confidence.size:
        raise SettingError("There is no answer with a confidence to measure; judge some answers first.")
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise SettingError("A confidence lies outside 0 to 1 or is not a number; an answer without one counts as 0.")
    if not np.isin(correct, (0.0, 1.0)).all():
        raise SettingError("An answer is neither right (1) nor wrong (0); judge all answers first.")
    return confidence, correct


def share_of(share: float, what: str) -> float:
    """A share above 0 and up to 1; SettingError for anything else."""
    if not 0 < share <= 1:
        raise SettingError(f"{what} is a share above 0 and up to 1, not {share:g}.")
    return float(share)


def _exact(value: float, n: int) -> tuple[float, float]:
    """Clopper and Pearson's interval of none or all of n."""
    tail = (1 - LEVEL) / 2
    return (0.0, float(beta.ppf(1 - tail, 1, n))) if value == 0 else (float(beta.ppf(tail, n, 1)), 1.0)
