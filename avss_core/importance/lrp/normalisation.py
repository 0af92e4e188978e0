"""LayerNorm and RMSNorm with their scale held fixed.

What x is divided by is taken for a constant. The rest (the mean taken off, the gain) is linear in x and hands on all
relevance but what the bias takes. A norm that a network writes out itself is treated alike, in `held_fixed`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from avss_core.importance.lrp.absorbed import Absorbed, taken_by_bias
from avss_core.importance.lrp.surrogate import with_gradient_of


def layer_norm_rule(
    output: Tensor,
    x: Tensor,
    shape: Sequence[int],
    weight: Tensor | None,
    bias: Tensor | None,
    epsilon: float,
    absorbed: Absorbed,
) -> Tensor:
    """`output` = (x − mean x) / √(var x + ε) · weight + bias over the last axes, of that shape."""
    axes = tuple(range(-len(shape), 0))
    centred = x - x.mean(axes, keepdim=True)
    scaled = centred * torch.rsqrt(centred.square().mean(axes, keepdim=True) + epsilon).detach()
    ruled = with_gradient_of(scaled if weight is None else scaled * weight, output)
    return taken_by_bias(ruled, bias, absorbed)


def rms_norm_rule(output: Tensor, x: Tensor, shape: Sequence[int], weight: Tensor | None, epsilon: float) -> Tensor:
    """`output` = x / √(mean x² + ε) · weight over the last axes, of that shape."""
    axes = tuple(range(-len(shape), 0))
    scaled = x * torch.rsqrt(x.square().mean(axes, keepdim=True) + epsilon).detach()
    return with_gradient_of(scaled if weight is None else scaled * weight, output)
