"""GBIS: how sensitive the loss is to what goes into a block."""

from __future__ import annotations

from avss_core.importance.method import LOSS_READING, Array, Asks, Cost, Method, Needs, Reading
from avss_core.importance.sums import Sums

GRADIENT = "gradient"  # Σ over tokens of ‖∂loss/∂h[ℓ]‖₂; weight: tokens


def score(sums: Sums, reading: Reading) -> Array:
    """Mean over tokens of ‖∂loss/∂h[ℓ]‖₂, with the loss summed over a window's predicted tokens."""
    return sums.mean(GRADIENT)


METHOD = Method(
    name="gbis",
    pretty_name="GBIS (gradient)",
    paper=(
        "Saarela and Jauhiainen, Comparison of feature importance measures as explanations for classification "
        "models (2021)"
    ),
    url="https://doi.org/10.1007/s42452-021-04148-9",
    needs=Needs.GRADIENTS,
    cost=Cost.BACKWARD,
    sees="How strongly the loss would answer to a small disturbance of a block's input.",
    blind_to=(
        "What the block itself contributes. States grow with depth and gradients shrink by as much, so the order is "
        "mostly that of the scale of the states."
    ),
    score=score,
    asks=Asks.LOSS,
    our_reading=f"Sensitivity of the loss to the block's input. {LOSS_READING}",
    unit="nats per unit of state",
)
