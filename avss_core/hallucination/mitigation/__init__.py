"""Contrastive training on chosen blocks, against hallucination. `infonce.py` and `teach.py` need torch."""

from avss_core.hallucination.mitigation.choice import CHOICES, choose_blocks
from avss_core.hallucination.mitigation.settings import MitigationSettings
from avss_core.hallucination.mitigation.steps import ContrastStep, steps_frame

__all__ = ["CHOICES", "ContrastStep", "MitigationSettings", "choose_blocks", "steps_frame"]
