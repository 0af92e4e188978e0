"""Block Influence: how far a block turns the hidden state."""

from __future__ import annotations

from avss_core.importance.method import Array, Cost, Method, Needs, Reading
from avss_core.importance.sums import Sums

INFLUENCE = "influence"  # Σ over tokens of 1 − cos(h[ℓ], h[ℓ+1]); weight: tokens


def score(sums: Sums, reading: Reading) -> Array:
    """BI(ℓ) = 1 − mean over tokens of cos(h[ℓ], h[ℓ+1])."""
    return sums.mean(INFLUENCE)


METHOD = Method(
    name="block_influence",
    pretty_name="Block Influence",
    paper="Men et al., ShortGPT: Layers in Large Language Models are More Redundant Than You Expect (2024)",
    url="https://arxiv.org/abs/2403.03853",
    needs=Needs.STATES,
    cost=Cost.FORWARD,
    sees="The angle between what goes into a block and what comes out of it, token by token.",
    blind_to=(
        "A change of length without a change of direction, and whether the model needs the turn. The first token, "
        "often a massive activation that hardly turns, counts like any other."
    ),
    score=score,
    unit="1 − cosine",
)
