"""Activation functions hand relevance on number by number: R_in = R_out.

y = f(x) is taken for x · (y / x) with the quotient fixed. That needs f(0) = 0, which SiLU, GELU, ReLU and tanh fulfil.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from avss_core.importance.lrp.surrogate import ratio, with_gradient_of


def activation_rule(output: Tensor, x: Tensor) -> Tensor:
    """`output` = f(x), unchanged, with R_in = R_out in its backward."""
    return with_gradient_of(x * ratio(output, x), output)


@contextmanager
def activation_modules_ruled(network: nn.Module) -> Iterator[None]:
    """Within it, the rule holds for every module of the network that is an activation function.

    Activations are often modules that write their formula out (the GELU of GPT-2) or do it behind autograd's back
    (BLOOM's), so that the formula's single operations do not tell. They are known by what they do: no parts, no
    weights, and an answer that depends on one number at a time.
    """
    known: dict[nn.Module, bool] = {}

    def hook(module: nn.Module, args: tuple[Any, ...], output: Any) -> Tensor | None:
        if len(args) != 1 or not isinstance(output, Tensor) or not _has_gradient(args[0]) or output is args[0]:
            return None
        if module not in known:
            known[module] = is_activation(module, args[0], output)
        # A copy, as some networks go on to change an answer in place.
        return activation_rule(output, args[0]).clone() if known[module] else None

    handles = [module.register_forward_hook(hook) for module in network.modules() if _is_bare(module)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def is_activation(module: nn.Module, x: Tensor, output: Tensor) -> bool:
    """Whether output = module(x) is a function of one number at a time with f(0) = 0, tried on the first row of x."""
    if output.shape != x.shape or not x.numel():
        return False
    row, answer = x.detach().reshape(-1, x.shape[-1])[:1], output.detach().reshape(-1, x.shape[-1])[:1]
    lone = torch.zeros_like(row)
    lone[:, :1] = row[:, :1]
    expected = torch.zeros_like(answer)
    expected[:, :1] = answer[:, :1]
    with torch.no_grad():
        return torch.allclose(module.forward(lone).to(expected.dtype), expected, rtol=1e-2, atol=1e-3)


def _is_bare(module: nn.Module) -> bool:
    return not list(module.children()) and all(parameter.ndim < 2 for parameter in module.parameters())


def _has_gradient(value: Any) -> bool:
    return torch.is_grad_enabled() and isinstance(value, Tensor) and value.requires_grad
