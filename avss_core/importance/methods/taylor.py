"""First-order estimate of what removing a block costs."""

from __future__ import annotations

from avss_core.importance.method import LOSS_READING, Array, Asks, Cost, Method, Needs, Reading
from avss_core.importance.sums import Sums

TAYLOR = "taylor"  # Σ over windows of |⟨∂loss/∂u, u⟩|, u = h[ℓ+1] − h[ℓ]; weight: predicted tokens


def score(sums: Sums, reading: Reading) -> Array:
    """Σ over windows of |⟨∂loss/∂u(ℓ), u(ℓ)⟩| / predicted tokens."""
    return sums.mean(TAYLOR)


METHOD = Method(
    name="taylor",
    pretty_name="Taylor",
    paper="Molchanov et al., Pruning Convolutional Neural Networks for Resource Efficient Inference (2017)",
    url="https://arxiv.org/abs/1611.06440",
    needs=Needs.GRADIENTS,
    cost=Cost.BACKWARD,
    sees="How the loss changes when what the block writes is shrunk a little, carried on in a straight line to zero.",
    blind_to="Everything that is not a straight line: saturation, and blocks that only matter once others are gone.",
    score=score,
    asks=Asks.LOSS,
    our_reading=(
        "The inner product runs over all tokens and features of a window, since removing a block changes all of them "
        "at once; its absolute value is taken window by window. "
        f"{LOSS_READING}"
    ),
    unit="nats per token",
)
