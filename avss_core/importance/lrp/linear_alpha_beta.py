"""The αβ-rule (50) for y = Wx + b, with contributions z_ij = x_i w_ij and α + β = 1:

R_i = Σ_j ( α · z⁺_ij / (Σ_i z⁺_ij + b⁺_j) + β · z⁻_ij / (Σ_i z⁻_ij + b⁻_j) ) · R_j

z⁺ are the positive contributions (x⁺W⁺ and x⁻W⁻), z⁻ the negative ones (x⁺W⁻ and x⁻W⁺). Where an output has none of one
sign, that sign's share of the relevance has nowhere to go and is lost.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from avss_core.importance.lrp.absorbed import Absorbed, arriving, leaving, taken_by_bias
from avss_core.importance.lrp.causes import ONE_SIGN
from avss_core.importance.lrp.surrogate import ratio, with_gradient_of

Product = Callable[[Tensor, Tensor], Tensor]


def alpha_beta_rule(
    product: Product,
    inputs: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    output: Tensor,
    alpha: float,
    absorbed: Absorbed,
) -> Tensor:
    """`output` = product(inputs, weight) + bias, unchanged, with the αβ-rule in its backward."""
    surrogate = output.new_zeros(())
    for share, sign in ((alpha, 1), (1 - alpha, -1)):
        with_x_plus = product(inputs.clamp(min=0), _part(weight, sign))
        with_x_minus = product(inputs.clamp(max=0), _part(weight, -sign))
        contributions = with_x_plus + with_x_minus
        if bias is not None:
            contributions = taken_by_bias(contributions + _part(bias, sign), _part(bias, sign), absorbed)
        contributions = leaving(contributions, ONE_SIGN, absorbed)
        surrogate = surrogate + contributions * (share * ratio(output, contributions))
    return arriving(with_gradient_of(surrogate, output), ONE_SIGN, absorbed)


def _part(values: Tensor, sign: int) -> Tensor:
    """The positive or the negative part."""
    return values.clamp(min=0) if sign > 0 else values.clamp(max=0)
