"""The ε-rule (49) for y = Wx + b: R_i = Σ_j x_i w_ij / (y_j + ε·sign y_j) · R_j.

What it gives to b_j and to ε is nobody's, and so is lost.
"""

from __future__ import annotations

from torch import Tensor

from avss_core.importance.lrp.absorbed import Absorbed, arriving, leaving, taken_by_bias
from avss_core.importance.lrp.causes import STABILISER
from avss_core.importance.lrp.surrogate import ratio, with_gradient_of


def epsilon_rule(output: Tensor, bias: Tensor | None, epsilon: float, absorbed: Absorbed) -> Tensor:
    """`output` (…, features) of a linear layer with that bias, unchanged, with the ε-rule in its backward.

    The ordinary gradient of Wx + b is the rule for ε = 0; the one at y_j is multiplied by y_j / (y_j + ε·sign y_j).
    """
    output = taken_by_bias(output, bias, absorbed)
    kept = ratio(output.abs(), output.abs() + epsilon)
    surrogate = leaving(output, STABILISER, absorbed) * kept
    return arriving(with_gradient_of(surrogate, output), STABILISER, absorbed)
