"""Where a network keeps its repeated blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from avss_core.errors import ModelError

NAMES_OF_DEPTH = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")


@dataclass(frozen=True, eq=False)
class BlockStack:
    """The blocks in the order they run, and the attribute path from the network to their list (`model.layers`)."""

    path: str
    modules: nn.ModuleList


def find_blocks(network: nn.Module) -> BlockStack:
    """The one `ModuleList` of as many modules of one class as the config says the network has blocks.

    A list inside another candidate (the experts of a block) does not count; of several, the one with the most
    parameters is taken (a text model beside a small vision tower). Raises ModelError when there is none, when two
    are equally large, and for an encoder-decoder, whose two stacks are not one sequence of blocks.
    """
    name, config = type(network).__name__, getattr(network, "config", None)
    if getattr(config, "is_encoder_decoder", False):
        raise ModelError(
            f"{name} is an encoder-decoder model, which has two stacks of blocks; "
            "use a decoder-only or an encoder-only model."
        )
    depth = depth_of(config)
    found = [
        BlockStack(path, module)
        for path, module in network.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == depth and len({type(block) for block in module}) == 1
    ]
    outer = [stack for stack in found if not any(stack.path.startswith(other.path + ".") for other in found)]
    outer.sort(key=_size, reverse=True)
    if not outer or depth is None:
        raise ModelError(
            f"{name} has no list of {depth or 'equal'} blocks of one class, so it cannot be measured block by block; "
            "use a transformer whose blocks are kept in one list."
        )
    if len(outer) > 1 and _size(outer[0]) == _size(outer[1]):
        raise ModelError(
            f"{name} has more than one stack of {depth} blocks ({outer[0].path}, {outer[1].path}); "
            "use a model with a single stack."
        )
    return outer[0]


def depth_of(config: Any) -> int | None:
    """The number of blocks that a config states under any of its usual names; None when it states none."""
    if config is None:
        return None
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    return next((int(getattr(text, key)) for key in NAMES_OF_DEPTH if isinstance(getattr(text, key, None), int)), None)


def _size(stack: BlockStack) -> int:
    return sum(parameter.numel() for parameter in stack.modules.parameters())
