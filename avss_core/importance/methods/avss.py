"""AVSS: activation variance over sparsity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from avss_core.importance.activation_sums import avss_of, floored_of
from avss_core.importance.method import Array, Cost, Method, Needs, Reading
from avss_core.importance.sums import Sums


def score(sums: Sums, reading: Reading) -> Array:
    """(7), AVSS(ℓ) = σ²(ℓ) / S(ℓ)."""
    return avss_of(sums, reading.site)


def details(sums: Sums, reading: Reading) -> Mapping[str, Any]:
    """`floored`: the blocks that are flagged, since their S(ℓ) is floored at 1/N."""
    return {"floored": floored_of(sums, reading.site)}


METHOD = Method(
    name="avss",
    pretty_name="AVSS",
    paper="AVSS: Layer Importance Evaluation in Large Language Models via Activation Variance-Sparsity Analysis (2024)",
    url="https://arxiv.org/abs/2411.02117",
    needs=Needs.MOMENTS,
    cost=Cost.FORWARD,
    sees="How much the numbers that a block gives vary, and how few of them are close to zero.",
    blind_to=(
        "What the later blocks do with those numbers. In a residual network the variance grows with depth, so at the "
        "site `residual` early blocks look dispensable, which mostly they are not."
    ),
    score=score,
    details=details,
    has_sites=True,
    our_reading=(
        "N is every number of every token; the site and ε are settings, since the paper fixes neither. Where no number "
        "is silent (7) would divide by zero; S is floored at 1/N instead."
    ),
)
