"""Attention, O = p·V with p = softmax(s) and s = Q·Kᵀ.

conservative   The weights p are held fixed, so that O is linear in V, and V gets all of O's relevance.
attnlrp        p and V split O's relevance evenly, Q and K that of s. The softmax is expanded at s, its Taylor rule:
               R(s_i) = s_i · (R(p_i) − p_i · ΣR(p)). It does not conserve: the rest is the expansion's constant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from avss_core.importance.lrp.absorbed import Absorbed, arriving, leaving
from avss_core.importance.lrp.causes import SOFTMAX
from avss_core.importance.lrp.product import share_of

Operation = Callable[..., Tensor]


def softmax_rule(
    softmax: Operation, scores: Tensor, conservative: bool, absorbed: Absorbed, *args: Any, **kwargs: Any
) -> Tensor:
    """`softmax(scores, …)`; the Taylor rule is its ordinary gradient."""
    if conservative:
        return softmax(scores, *args, **kwargs).detach()
    return arriving(softmax(leaving(scores, SOFTMAX, absorbed), *args, **kwargs), SOFTMAX, absorbed)


def fused_attention_rule(
    attention: Operation,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    conservative: bool,
    absorbed: Absorbed,
    *args: Any,
    **kwargs: Any,
) -> Tensor:
    """`attention(query, key, value, …)`, all of it in one operation."""
    if conservative:
        return attention(query.detach(), key.detach(), value, *args, **kwargs)
    # Half of O's relevance to the values; of the other half, half each to queries and keys.
    shares = ((query, 1 / 4), (key, 1 / 4), (value, 1 / 2))
    parts = [share_of(leaving(tensor, SOFTMAX, absorbed), share) for tensor, share in shares]
    return arriving(attention(*parts, *args, **kwargs), SOFTMAX, absorbed)
