"""All metrics of confidence. To add one: a file that defines it, and its line here."""

from __future__ import annotations

from avss_core.hallucination.metrics.acc_at import acc_at
from avss_core.hallucination.metrics.auroc import AUROC
from avss_core.hallucination.metrics.brier import BRIER
from avss_core.hallucination.metrics.cov_at import cov_at
from avss_core.hallucination.metrics.ece import ECE
from avss_core.hallucination.metrics.metric import ConfidenceMetric


def metrics_for(q: float = 0.5, p: float = 0.5) -> tuple[ConfidenceMetric, ...]:
    """The papers' acc@q, cov@p, ECE and Brier in their order, and AUROC; SettingError for q or p outside (0, 1]."""
    return acc_at(q), cov_at(p), ECE, BRIER, AUROC
