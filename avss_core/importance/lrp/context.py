"""Layer-wise relevance propagation as an ordinary backward pass with other rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from avss_core.errors import SettingError
from avss_core.importance.lrp.absorbed import Absorbed
from avss_core.importance.lrp.activation import activation_modules_ruled
from avss_core.importance.lrp.operations import Operations
from avss_core.importance.lrp.settings import LrpSettings

# What torch calls the tensors that an operation begins with, in their order; rules take them by place.
_OPERANDS = ("input", "mat1", "other", "mat2", "exponent")


class _Ruled(TorchFunctionMode):
    """Sends an operation of torch to its rule, while gradients are on. torch itself takes the mode off again."""

    def __init__(self, rules: Mapping[Any, Any]) -> None:
        super().__init__()
        self._rules = rules

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        rule, named = self._rules.get(func) if torch.is_grad_enabled() else None, dict(kwargs or {})
        if rule is None:
            return func(*args, **named)
        operands = [named.pop(name) for name in _OPERANDS if name in named]
        # A copy, as some networks go on to change an answer in place, and a rule still needs what it was.
        return rule(func, *args, *operands, **named).clone()


@contextmanager
def relevance_rules(network: nn.Module, settings: LrpSettings | None = None) -> Iterator[Absorbed]:
    """Within it, gradient · value is relevance: forward is what it always is, backward goes by the rules.

    For a scalar f computed from x inside, R(x) = x · ∂f/∂x; `backward` may be called inside or later. Gives the account
    of what is lost on the way. No class, function or config is changed: the rules act on the operations of this thread,
    and the hooks on activation modules are taken off at the end, also after an error.
    Raises SettingError when a weight of the network asks for a gradient, as a weight has no relevance.
    """
    if any(parameter.requires_grad for parameter in network.parameters()):
        raise SettingError("Relevance is of activations, not of weights; switch the gradients of the weights off.")
    absorbed = Absorbed()
    operations = Operations(network, settings or LrpSettings(), absorbed)
    with activation_modules_ruled(network), _Ruled(operations.rules):
        yield absorbed
