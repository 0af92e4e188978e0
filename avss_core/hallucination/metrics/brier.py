"""Brier score: mean squared distance of confidence from right (1) or wrong (0)."""

from __future__ import annotations

from avss_core.hallucination.metrics.metric import ConfidenceMetric
from avss_core.hallucination.metrics.ranked import Numbers


def of(confidence: Numbers, correct: Numbers, drawn: Numbers) -> Numbers:
    """Mean of (confidence − correct)² for each resample; 0 to 1 (Brier 1950, one class)."""
    score: Numbers = drawn @ (confidence - correct) ** 2 / drawn.sum(axis=1)
    return score


BRIER = ConfidenceMetric(
    name="brier",
    pretty_name="Brier score",
    higher_is_better=False,
    formula="mean of (confidence − correct)²",
    of=of,
)
