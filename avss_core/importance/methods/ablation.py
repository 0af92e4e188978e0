"""Single-block ablation, the yardstick of the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from avss_core.importance.method import Array, Asks, Cost, Method, Needs, Reading
from avss_core.importance.sums import Sums

ADDED_LOSS = "added loss"  # Σ over predictions of −ln p₋ℓ + ln p; weight: predictions
LOSS = "loss"  # Σ −ln p of the whole model, the same in every block's column


def score(sums: Sums, reading: Reading) -> Array:
    """Δ loss(ℓ): mean negative log-likelihood without block ℓ, minus that of the whole model."""
    return sums.mean(ADDED_LOSS)


def details(sums: Sums, reading: Reading) -> Mapping[str, Any]:
    """`loss`: of the whole model, nats per prediction."""
    return {"loss": float(np.ravel(sums.mean(LOSS))[0])}


METHOD = Method(
    name="ablation",
    pretty_name="Ablation (oracle)",
    paper="Kim et al., Shortened LLaMA: Depth Pruning for Large Language Models (2024)",
    url="https://arxiv.org/abs/2402.02834",
    needs=Needs.VARIANTS,
    cost=Cost.EACH_BLOCK,
    sees="What is lost when exactly this block is removed: the loss is measured without it.",
    blind_to="What happens when several blocks go together: two that stand in for each other both look dispensable.",
    score=score,
    details=details,
    asks=Asks.PREDICTION,
    our_reading=(
        "A prediction is a token that follows. A classifier has one a window, and on text without labels its loss is "
        "−ln p of the class that the whole model finds most likely, as for GBIS and Taylor: how far it leaves its own "
        "answers, right or wrong."
    ),
    unit="nats per prediction",
)
