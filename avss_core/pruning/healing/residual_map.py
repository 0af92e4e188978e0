"""A map as a module of its own, at the output of the block before the gap (or the input of the first block)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from avss_core.variants.block_output import state_position


class ResidualMap(nn.Module):
    """h ← h + W h + c, reckoned in float32."""

    def __init__(self, weight: Tensor, offset: Tensor | None) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.float(), requires_grad=False)
        self.offset = None if offset is None else nn.Parameter(offset.float(), requires_grad=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """hidden (…, hidden)."""
        return (hidden + nn.functional.linear(hidden.float(), self.weight, self.offset)).to(hidden.dtype)


def put_after(block: nn.Module, residual_map: ResidualMap) -> None:
    """From now on the block answers with the mapped state. The block is still one of its class."""
    block.add_module("healing_after", residual_map)
    block.register_forward_hook(_map_output)


def put_before(block: nn.Module, residual_map: ResidualMap) -> None:
    """From now on the block reads the mapped state."""
    block.add_module("healing_before", residual_map)
    block.register_forward_pre_hook(_map_input, with_kwargs=True)


def _map_output(block: nn.Module, _args: Any, output: Any) -> Any:
    residual_map = block.get_submodule("healing_after")
    if isinstance(output, torch.Tensor):
        return residual_map(output)
    return type(output)((residual_map(output[0]), *output[1:]))


def _map_input(block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    residual_map = block.get_submodule("healing_before")
    where = state_position(block, args, kwargs)
    if isinstance(where, int):
        return (residual_map(args[0]), *args[1:]), kwargs
    return args, {**kwargs, where: residual_map(kwargs[where])}
