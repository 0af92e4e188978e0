"""Which rule goes with which of torch's operations, whatever module calls it.

A network is seen as the operations that it runs, not as the classes that it is made of: every architecture is made of
these few. What is not in the table (sums, views, indexing, …) is linear, and its ordinary gradient conserves relevance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from avss_core.importance.lrp.absorbed import Absorbed, taken_by_bias
from avss_core.importance.lrp.activation import activation_rule
from avss_core.importance.lrp.attention import fused_attention_rule, softmax_rule
from avss_core.importance.lrp.linear_alpha_beta import Product, alpha_beta_rule
from avss_core.importance.lrp.linear_epsilon import epsilon_rule
from avss_core.importance.lrp.normalisation import layer_norm_rule, rms_norm_rule
from avss_core.importance.lrp.product import share_of
from avss_core.importance.lrp.settings import LrpSettings

Operation = Callable[..., Tensor]


class Operations:
    """The rules for one network: `rules` maps an operation of torch to what takes its place."""

    def __init__(self, network: nn.Module, settings: LrpSettings, absorbed: Absorbed) -> None:
        self._settings = settings
        self._absorbed = absorbed
        self._conservative = settings.attention == "conservative"
        self._weights = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
        self.rules: dict[Any, Callable[..., Any]] = {}
        for rule, operations in (
            (self._linear, (functional.linear,)),
            (self._linear_with_addend, (torch.addmm, Tensor.addmm)),
            (self._grouped, (torch._grouped_mm,)),
            (self._matrix_product, _MATRIX_PRODUCTS),
            (self._product, _PRODUCTS),
            (self._product_with_addend, (torch.baddbmm, Tensor.baddbmm)),
            (self._einsum, (torch.einsum,)),
            (self._quotient, _QUOTIENTS),
            (self._held_fixed, _HELD_FIXED),
            (self._power, (torch.pow, Tensor.pow, Tensor.__pow__)),
            (self._layer_norm, (functional.layer_norm, torch.layer_norm)),
            (self._rms_norm, (functional.rms_norm, torch.rms_norm)),
            (self._activation, _ACTIVATIONS),
            (self._softmax, (functional.softmax, torch.softmax, Tensor.softmax)),
            (self._fused_attention, (functional.scaled_dot_product_attention,)),
        ):
            self.rules.update(dict.fromkeys(operations, rule))

    def _linear(self, operation: Operation, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return self._ruled(functional.linear, x, weight, bias, operation(x, weight, bias))

    def _linear_with_addend(
        self, operation: Operation, bias: Tensor, x: Tensor, weight: Tensor, **scales: Any
    ) -> Tensor:
        output = operation(bias, x, weight, **scales)
        return output if bias.requires_grad or scales else self._ruled(torch.matmul, x, weight, bias, output)

    def _grouped(self, operation: Operation, x: Tensor, weight: Tensor, **groups: Any) -> Tensor:
        """The linear layers of a mixture's experts, all in one."""

        def product(inputs: Tensor, weights: Tensor) -> Tensor:
            return operation(inputs, weights, **groups)

        return self._ruled(product, x, weight, None, operation(x, weight, **groups))

    def _matrix_product(self, operation: Operation, left: Tensor, right: Tensor) -> Tensor:
        if self._is_weight(right):
            return self._ruled(torch.matmul, left, right, None, operation(left, right))
        if self._is_weight(left):
            return self._ruled(lambda x, weight: torch.matmul(weight, x), right, left, None, operation(left, right))
        return operation(*_shared(left, right))

    def _ruled(self, product: Product, x: Tensor, weight: Tensor, bias: Tensor | None, output: Tensor) -> Tensor:
        if not x.requires_grad:
            return output
        if self._settings.rule == "epsilon":
            return epsilon_rule(output, bias, self._settings.epsilon, self._absorbed)
        return alpha_beta_rule(product, x, weight, bias, output, self._settings.alpha, self._absorbed)

    def _product(self, operation: Operation, left: Any, right: Any, **kwargs: Any) -> Tensor:
        return operation(*_shared(left, right), **kwargs)

    def _product_with_addend(
        self, operation: Operation, addend: Tensor, batch1: Tensor, batch2: Tensor, **scales: Any
    ) -> Tensor:
        output = operation(addend, *_shared(batch1, batch2), **scales)
        return output if addend.requires_grad else taken_by_bias(output, addend * scales.get("beta", 1), self._absorbed)

    def _einsum(self, operation: Operation, equation: str, *operands: Any) -> Tensor:
        return operation(equation, *_shared(*operands))

    def _quotient(self, operation: Operation, above: Any, below: Any, **kwargs: Any) -> Tensor:
        return operation(above, below.detach() if isinstance(below, Tensor) else below, **kwargs)

    def _held_fixed(self, operation: Operation, *args: Any, **kwargs: Any) -> Tensor:
        return operation(*args, **kwargs).detach()

    def _power(self, operation: Operation, base: Any, exponent: Any, **kwargs: Any) -> Tensor:
        output = operation(base, exponent, **kwargs)
        divides = isinstance(exponent, int | float) and exponent < 0
        return output.detach() if divides else output

    def _layer_norm(
        self,
        operation: Operation,
        x: Tensor,
        normalized_shape: Any,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        eps: float = 1e-5,
        **kwargs: Any,
    ) -> Tensor:
        output = operation(x, normalized_shape, weight, bias, eps, **kwargs)
        return layer_norm_rule(output, x, normalized_shape, weight, bias, eps, self._absorbed)

    def _rms_norm(
        self,
        operation: Operation,
        x: Tensor,
        normalized_shape: Any,
        weight: Tensor | None = None,
        eps: float | None = None,
    ) -> Tensor:
        output = operation(x, normalized_shape, weight, eps)
        return rms_norm_rule(output, x, normalized_shape, weight, torch.finfo(x.dtype).eps if eps is None else eps)

    def _activation(self, operation: Operation, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return activation_rule(operation(x, *args, **kwargs), x)

    def _softmax(self, operation: Operation, scores: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return softmax_rule(operation, scores, self._conservative, self._absorbed, *args, **kwargs)

    def _fused_attention(
        self, operation: Operation, query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any
    ) -> Tensor:
        return fused_attention_rule(operation, query, key, value, self._conservative, self._absorbed, *args, **kwargs)

    def _is_weight(self, tensor: Tensor) -> bool:
        """Whether it is a weight of the network, or a view of one."""
        return not tensor.requires_grad and tensor.untyped_storage().data_ptr() in self._weights


def _shared(*factors: Any) -> list[Any]:
    """The factors of a product; two or more that carry relevance share it evenly."""
    carriers = sum(isinstance(factor, Tensor) and factor.requires_grad for factor in factors)
    if carriers < 2:
        return list(factors)
    return [
        share_of(factor, 1 / carriers) if isinstance(factor, Tensor) and factor.requires_grad else factor
        for factor in factors
    ]


_MATRIX_PRODUCTS = (torch.matmul, torch.mm, torch.bmm, Tensor.matmul, Tensor.mm, Tensor.bmm, Tensor.__matmul__)
_PRODUCTS = (torch.mul, torch.multiply, Tensor.mul, Tensor.multiply, Tensor.__mul__, Tensor.__rmul__)
_QUOTIENTS = (
    *(torch.div, torch.divide, torch.true_divide),
    *(Tensor.div, Tensor.divide, Tensor.true_divide, Tensor.__truediv__, Tensor.div_, Tensor.__itruediv__),
)
# What only ever scales or gates something else.
_HELD_FIXED = (
    *(torch.rsqrt, torch.reciprocal, torch.sigmoid, functional.sigmoid),
    *(Tensor.rsqrt, Tensor.reciprocal, Tensor.sigmoid, Tensor.__rtruediv__, Tensor.__rdiv__),
)
_ACTIVATIONS = (
    *(functional.silu, functional.gelu, functional.relu, functional.leaky_relu, functional.elu, functional.mish),
    *(torch.relu, torch.tanh, functional.tanh, Tensor.relu, Tensor.tanh),
)
