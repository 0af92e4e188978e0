"""Sparsity alone, the other half of AVSS."""

from __future__ import annotations

from avss_core.importance.activation_sums import sparsity_of
from avss_core.importance.method import Array, Cost, Method, Needs, Reading
from avss_core.importance.sums import Sums


def score(sums: Sums, reading: Reading) -> Array:
    """1 − S(ℓ), equation (4): the share of active numbers, so that here too the lowest is removed first."""
    return 1.0 - sparsity_of(sums, reading.site)


METHOD = Method(
    name="sparsity",
    pretty_name="Sparsity",
    paper="Equation (4) of AVSS (2024)",
    url="https://arxiv.org/abs/2411.02117",
    needs=Needs.MOMENTS,
    cost=Cost.FORWARD,
    sees="How many of a block's numbers are not close to zero; the score is that share, 1 − S.",
    blind_to=(
        "The size of the active numbers, and what they are used for. Blocks of another scale have another share below "
        "the same absolute ε, whatever they do."
    ),
    score=score,
    has_sites=True,
    our_reading="The score is 1 − S(ℓ), so that the block with the most silence is the first to go.",
)
