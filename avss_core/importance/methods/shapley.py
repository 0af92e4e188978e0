"""Shapley values: a block's fair share of what the model knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from avss_core.importance.coalitions import is_exact
from avss_core.importance.method import Array, Asks, Cost, Method, Needs, Reading
from avss_core.importance.sums import Sums

MARGINAL = "marginal"  # Σ over orders of what the block added, times predicted tokens; weight: predicted tokens
RUN = "coalitions run"  # value: coalitions that were run; weight: orders


def score(sums: Sums, reading: Reading) -> Array:
    """φ(ℓ): mean, over the orders in which blocks can be removed, of what is lost when ℓ goes."""
    return sums.mean(MARGINAL)


def details(sums: Sums, reading: Reading) -> Mapping[str, Any]:
    """`exact`: whether all coalitions were run; if not, `orders`, and `coalitions` run in each of them on average."""
    if is_exact(sums.n_blocks, reading.budget):
        return {"exact": True}
    orders = float(sums.weight(RUN)[0])
    return {"exact": False, "orders": int(orders), "coalitions": float(sums.value(RUN)[0]) / max(orders, 1.0)}


METHOD = Method(
    name="shapley",
    pretty_name="Shapley",
    paper="Ghorbani and Zou, Data Shapley: Equitable Valuation of Data for Machine Learning (2019); blocks for data",
    url="https://arxiv.org/abs/1904.02868",
    needs=Needs.COALITIONS,
    cost=Cost.MANY,
    sees="What a block adds to every set of other blocks, averaged, so that blocks that share a task share its worth.",
    blind_to=(
        "The cut that is planned: it averages over far deeper cuts as well, where the model is nearly lost. It is "
        "estimated, and its standard error says how well."
    ),
    score=score,
    details=details,
    asks=Asks.NEXT_TOKEN,
    our_reading=(
        "A set of blocks is worth what it gains over guessing among all tokens alike, in nats per token, and never "
        "less than nothing; once an order of removal gets there, the rest of it is not run. The text is cut into "
        "windows of 128 tokens, a shorter context than ablation's, and worth is cut off in each window by itself."
    ),
    unit="nats per token",
)
