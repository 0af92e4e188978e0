"""Variance alone, one half of AVSS."""

from __future__ import annotations

from avss_core.importance.activation_sums import variance_of
from avss_core.importance.method import Array, Cost, Method, Needs, Reading
from avss_core.importance.sums import Sums


def score(sums: Sums, reading: Reading) -> Array:
    """(1), σ²(ℓ)."""
    return variance_of(sums, reading.site)


METHOD = Method(
    name="variance",
    pretty_name="Variance",
    paper="Equation (1) of AVSS (2024)",
    url="https://arxiv.org/abs/2411.02117",
    needs=Needs.MOMENTS,
    cost=Cost.FORWARD,
    sees="How much the numbers that a block gives vary over tokens and features.",
    blind_to="Whether the variation matters. A few massive activations can make up nearly all of it.",
    score=score,
    has_sites=True,
)
