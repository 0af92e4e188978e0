"""CIM: how far the predictions move when a block is skipped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from avss_core.importance.method import Array, Asks, Cost, Method, Needs, Reading
from avss_core.importance.sums import Sums

DIVERGENCE = "divergence"  # Σ over contexts of KL(p ‖ p₋ℓ); weight: contexts
SQUARE = "divergence²"  # Σ of its square


def score(sums: Sums, reading: Reading) -> Array:
    """Mean over contexts of KL(p(·|x) ‖ p₋ℓ(·|x))."""
    return sums.mean(DIVERGENCE)


def details(sums: Sums, reading: Reading) -> Mapping[str, Any]:
    """`spread`: the standard deviation of each block's divergence over contexts."""
    variance = np.maximum(sums.mean(SQUARE) - sums.mean(DIVERGENCE) ** 2, 0.0)
    return {"spread": np.sqrt(variance).tolist()}


METHOD = Method(
    name="cim",
    pretty_name="CIM (contextual)",
    paper=(
        "Zopf et al., Sequential Clustering and Contextual Importance Measures for Incremental Update "
        "Summarization (2016)"
    ),
    url="https://aclanthology.org/C16-1102",
    needs=Needs.VARIANTS,
    cost=Cost.EACH_BLOCK,
    sees=(
        "How much the predicted distribution of the next token, or of a classifier's classes, changes without the "
        "block, context by context."
    ),
    blind_to="Whether the change makes the prediction better or worse, and blocks that only matter together.",
    score=score,
    details=details,
    asks=Asks.PREDICTION,
    our_reading=(
        "A context is every position whose next token is predicted, or every window that a classifier is given; the "
        "divergence is KL(whole ‖ without)."
    ),
    unit="nats per context",
)
