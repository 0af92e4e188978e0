"""The linear modules of a block: PyTorch's, and GPT-2's kind, whose weight lies transposed."""

from __future__ import annotations

from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D


def plain_linears(block: nn.Module) -> dict[str, nn.Module]:
    """Every linear module in `block` by its path; none of another class, such as a quantised one."""
    return {path: module for path, module in block.named_modules() if type(module) in (nn.Linear, Conv1D)}


def lies_transposed(linear: nn.Module) -> bool:
    """Whether the weight is (in, out)."""
    return isinstance(linear, Conv1D)


def add_to(linear: nn.Module, weight: Tensor, offset: Tensor | None) -> None:
    """Make y = P x + b into y = (P + W) x + (b + c), weight W (out, in); in new memory, since the old may be shared."""
    old: Tensor = linear.get_parameter("weight")
    change = weight.T if lies_transposed(linear) else weight
    linear.weight = nn.Parameter((old.float() + change.to(old.device)).to(old.dtype), requires_grad=False)
    if offset is not None:
        bias: Tensor = linear.get_parameter("bias")
        linear.bias = nn.Parameter((bias.float() + offset.to(bias.device)).to(bias.dtype), requires_grad=False)
