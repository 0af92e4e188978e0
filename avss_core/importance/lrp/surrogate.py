"""One value, another's gradient: how every rule here is written.

A rule says how relevance R = gradient · value passes from an operation's output to its arguments. It does so as an
ordinary gradient of a *surrogate*: an expression that is linear in those arguments, has the output's value, and takes
for constants (detached) what the rule holds fixed. The forward pass keeps the operation's own value, to the bit.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Surrogate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, surrogate: Tensor) -> Tensor:
        ctx.dtype = surrogate.dtype
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        return None, gradients[0].to(ctx.dtype)


def with_gradient_of(surrogate: Tensor, value: Tensor) -> Tensor:
    """`value`, with the gradient of `surrogate`, a tensor of the same shape."""
    combined: Tensor = _Surrogate.apply(value.detach(), surrogate)
    return combined


def ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """numerator / denominator as a constant, and 0 where the denominator is 0: no contribution, so no relevance."""
    above, below = numerator.detach(), denominator.detach()
    return torch.where(below == 0, 0.0, above / below)
