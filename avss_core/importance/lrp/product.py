"""Products of two tensors that both carry relevance (a gate and what it gates, queries and keys) split it evenly."""

from __future__ import annotations

from torch import Tensor

from avss_core.importance.lrp.surrogate import with_gradient_of


def share_of(factor: Tensor, share: float) -> Tensor:
    """`factor`, unchanged, with that share of its gradient.

    The gradient of a·b gives each of the two factors all the relevance of the product; with half of it they share it.
    """
    return with_gradient_of(factor * share, factor)
