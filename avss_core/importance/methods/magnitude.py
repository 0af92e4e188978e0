"""Size of the weights."""

from __future__ import annotations

from avss_core.importance.method import Array, Cost, Method, Needs, Reading
from avss_core.importance.sums import Sums

MAGNITUDE = "magnitude"  # Σ |w| over a block's parameters; weight: 1


def score(sums: Sums, reading: Reading) -> Array:
    """Σ |w| over all parameters of the block."""
    return sums.mean(MAGNITUDE)


METHOD = Method(
    name="magnitude",
    pretty_name="Weight magnitude",
    paper="Li et al., Pruning Filters for Efficient ConvNets (2017)",
    url="https://arxiv.org/abs/1608.08710",
    needs=Needs.WEIGHTS,
    cost=Cost.FREE,
    sees="How large a block's weights are.",
    blind_to="The text, the scale of what the weights are multiplied with, and everything the network does.",
    score=score,
    our_reading="The sum of absolute weights that the paper takes of a filter, taken of a whole block.",
)
