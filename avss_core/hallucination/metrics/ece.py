"""ECE: how far is confidence from accuracy, on average over bins?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avss_core.hallucination.metrics.metric import ConfidenceMetric
from avss_core.hallucination.metrics.ranked import Numbers

BINS = 15


def bin_of(confidence: Numbers, bins: int = BINS) -> NDArray[np.int64]:
    """Which of the equal-width bins each confidence is in, from 0; an inner edge belongs to the bin above it."""
    # 0.3 · 10 is 2.9999999999999996 to a computer: an edge must not fall by rounding.
    return np.minimum(np.floor(np.round(confidence * bins, 9)).astype(np.int64), bins - 1)


def of(confidence: Numbers, correct: Numbers, drawn: Numbers) -> Numbers:
    """Σ_b (n_b/n)·|acc_b − conf_b| for each resample; n_b cancels: |Σ over the bin of (correct − conf)|."""
    members = np.eye(BINS)[bin_of(confidence)]
    gaps: Numbers = np.abs((drawn * (correct - confidence)) @ members).sum(axis=1) / drawn.sum(axis=1)
    return gaps


ECE = ConfidenceMetric(
    name="ece",
    pretty_name="Expected calibration error",
    higher_is_better=False,
    formula="Σ over 15 equal-width bins of (n_b/n) · |accuracy_b − mean confidence_b|, confidences as given",
    of=of,
)
