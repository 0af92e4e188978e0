"""How sure is a model of each of its answers? One number in [0, 1] an answer. No torch here."""

from avss_core.hallucination.estimators.estimator import Estimator, Evidence, Needs
from avss_core.hallucination.estimators.registry import ESTIMATORS, estimator_named

__all__ = ["ESTIMATORS", "Estimator", "Evidence", "Needs", "estimator_named"]
