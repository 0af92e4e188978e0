"""What the name of a network's class says of its head. No torch here: the facts of a run hold that name."""

from __future__ import annotations

_CLASSIFIER, _MASKED = "ForSequenceClassification", "ForMaskedLM"


def names_classifier(architecture: str) -> bool:
    """Whether networks of this class answer with one row of class scores for a sequence."""
    return architecture.endswith(_CLASSIFIER)


def names_masked_model(architecture: str) -> bool:
    """Whether networks of this class fill in masked tokens, as BERT's kind does."""
    return architecture.endswith(_MASKED)
