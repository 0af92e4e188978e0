"""Metrics over (confidence, correct): how well does a model know what it knows? No torch here."""

from avss_core.hallucination.metrics.metric import ConfidenceMetric, Measured
from avss_core.hallucination.metrics.presets import PRESETS, Preset, preset_for
from avss_core.hallucination.metrics.registry import metrics_for

__all__ = ["PRESETS", "ConfidenceMetric", "Measured", "Preset", "metrics_for", "preset_for"]
