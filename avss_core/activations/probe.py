"""What two tokens show of a network's blocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from avss_core.activations.taps import first_argument, hidden_of
from avss_core.models.load import LoadedModel
from avss_core.variants.plain_call import call_base


@dataclass(eq=False)
class Probe:
    """Linear modules in the order they ran, with the width of their inputs; what is unusual about a block."""

    hidden_size: int
    ran: list[nn.Module] = field(default_factory=list)
    width: dict[nn.Module, int] = field(default_factory=dict)
    in_place: set[nn.Module] = field(default_factory=set)
    trouble: dict[nn.Module, str] = field(default_factory=dict)

    def writers(self, block: nn.Module) -> list[nn.Module]:
        """The block's linear modules that write the hidden size, in the order they ran."""
        own = set(block.modules())
        return [module for module in self.ran if module in own and _writes(module) == self.hidden_size]


def probe(model: LoadedModel, blocks: tuple[nn.Module, ...]) -> Probe:
    """Run the base network once on two tokens and note which linear modules run, and how blocks answer."""
    seen = Probe(model.hidden_size)
    versions: dict[nn.Module, int] = {}

    def linear(module: nn.Module, args: tuple[Any, ...], _output: Any) -> None:
        seen.ran.append(module)
        seen.width[module] = args[0].shape[-1]

    def before_block(block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        versions[block] = _state(block, args, kwargs)._version

    def after_block(block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        if not isinstance(hidden_of(output), Tensor):
            seen.trouble[block] = f"a block answers with {type(output).__name__} and not with a hidden state"
        elif _state(block, args, kwargs)._version != versions[block]:
            seen.in_place.add(block)

    handles = [
        module.register_forward_hook(linear) for block in blocks for module in block.modules() if _is_linear(module)
    ]
    for block in blocks:
        handles.append(block.register_forward_pre_hook(before_block, with_kwargs=True))
        handles.append(block.register_forward_hook(after_block, with_kwargs=True))
    ids = torch.ones((1, 2), dtype=torch.long, device=model.device)
    try:
        call_base(model, ids, None)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def _state(block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    state: Tensor = args[0] if args else kwargs[first_argument(block)]
    return state


def _is_linear(module: nn.Module) -> bool:
    weight = getattr(module, "weight", None)
    return not list(module.children()) and isinstance(weight, Tensor) and weight.ndim == 2


def _writes(module: nn.Module) -> int:
    """Number of features a linear module writes; GPT-2's Conv1D keeps it in `nf` because its weight lies transposed."""
    return int(getattr(module, "out_features", getattr(module, "nf", -1)))
