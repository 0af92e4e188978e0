"""How much relevance a backward pass loses on the way, and to what."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from avss_core.importance.lrp.causes import BIASES


class Absorbed:
    """Relevance that has arrived at an operation and has not left it, by cause; what an operation adds is negative."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}

    def add(self, cause: str, relevance: Tensor) -> None:
        """Add the sum of `relevance`, of any shape, to a cause; it stays on its device, so that nothing waits.

        A number that is none counts as 0: a masked score of −∞ has no relevance.
        """
        total = relevance.nansum(dtype=torch.float64)
        self._sums[cause] = self._sums[cause] + total if cause in self._sums else total

    def take(self) -> dict[str, float]:
        """What has come together since the last call, by cause."""
        taken = {cause: float(total) for cause, total in self._sums.items()}
        self._sums.clear()
        return taken


class _Counted(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, value: Tensor, sign: int, cause: str, absorbed: Absorbed) -> Tensor:
        ctx.save_for_backward(value)
        ctx.rest = sign, cause, absorbed
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        (value,), (sign, cause, absorbed) = ctx.saved_tensors, ctx.rest
        exact = torch.promote_types(gradients[0].dtype, torch.float32)
        absorbed.add(cause, sign * gradients[0].to(exact) * value)
        return gradients[0], None, None, None, None


def arriving(output: Tensor, cause: str, absorbed: Absorbed) -> Tensor:
    """`output`, unchanged; the relevance that arrives at it is counted as lost, until it is seen `leaving`."""
    counted: Tensor = _Counted.apply(output, output.detach(), 1, cause, absorbed)
    return counted


def leaving(argument: Tensor, cause: str, absorbed: Absorbed) -> Tensor:
    """`argument`, unchanged; the relevance that an operation hands on to it is counted as not lost."""
    counted: Tensor = _Counted.apply(argument, argument.detach(), -1, cause, absorbed)
    return counted


def taken_by_bias(output: Tensor, bias: Tensor | None, absorbed: Absorbed) -> Tensor:
    """`output`, to which `bias` was added last, unchanged; the bias's share of the relevance is counted as lost."""
    if bias is None:
        return output
    counted: Tensor = _Counted.apply(output, bias, 1, BIASES, absorbed)
    return counted
