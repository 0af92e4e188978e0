"""The pruned model as a model of its own: a network with fewer blocks."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from avss_core.errors import CutError, ModelError
from avss_core.models.load import LoadedModel
from avss_core.variants.depth_config import config_of_kept
from avss_core.variants.same_block import ONLY_IN_PLACE, check_same_block
from avss_core.variants.variant import Variant


def pruned_network(model: LoadedModel, kept: Iterable[int]) -> PreTrainedModel:
    """A network of the same class that has only the blocks `kept`, numbered anew; it shares the weights' memory.

    It is built from a shortened config, exactly as it will be when it is loaded from a folder, and then given the
    original's tensors. Raises CutError for blocks that do not exist or none at all, ModelError when a block would
    not be the same in its new place (its settings depend on its number in a way the config cannot say).
    """
    variant = Variant(tuple(kept), model.n_blocks)
    if not variant.kept:
        raise CutError("The cut removes every block; keep at least one.")
    original = model.network
    config = config_of_kept(original.config, variant.kept, model.n_blocks)
    name = type(original).__name__
    try:
        with torch.device("meta"):
            network: PreTrainedModel = type(original)(config)
        network.eval().requires_grad_(False)
        _take_tensors(network, model, variant.kept)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ModelError(
            f"{name} cannot be built from its config with {len(variant.kept)} of its blocks ({error}); {ONLY_IN_PLACE}"
        ) from error
    network.tie_weights()
    blocks = network.get_submodule(model.blocks_path)
    assert isinstance(blocks, nn.ModuleList)
    for new, old in enumerate(variant.kept):
        check_same_block(blocks[new], model.blocks[old], old, new)
    if original.can_generate():
        network.generation_config = copy.deepcopy(original.generation_config)
    return network


def _take_tensors(network: PreTrainedModel, model: LoadedModel, kept: tuple[int, ...]) -> None:
    """Fill a network that has no memory yet with the original's tensors: each its own Parameter, on the same memory."""
    sources = _tensors(model.network)
    # What a file would hold must find its place; computed buffers (rotary frequencies) may be fewer.
    missing = {name for name in model.network.state_dict() if not _is_in_removed(name, model.blocks_path, kept)}
    for name, tensor in _tensors(network).items():
        owner_name, _, attribute = name.rpartition(".")
        source_name = _name_in_original(name, model.blocks_path, kept)
        if source_name not in sources:
            raise ValueError(f"{source_name} is asked for and does not exist")
        source = sources[source_name].detach()
        if source.shape != tensor.shape:
            raise ValueError(f"{name} would have the shape {tuple(tensor.shape)}, not {tuple(source.shape)}")
        owner = network.get_submodule(owner_name)
        setattr(owner, attribute, nn.Parameter(source, False) if isinstance(tensor, nn.Parameter) else source)
        missing.discard(source_name)
    if missing:
        raise ValueError(f"{min(missing)} would have no place")


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    return {
        **dict(network.named_parameters(remove_duplicate=False)),
        **dict(network.named_buffers(remove_duplicate=False)),
    }


def _name_in_original(name: str, blocks_path: str, kept: tuple[int, ...]) -> str:
    prefix = blocks_path + "."
    if not name.startswith(prefix):
        return name
    new, _, rest = name.removeprefix(prefix).partition(".")
    return f"{prefix}{kept[int(new)]}.{rest}"


def _is_in_removed(name: str, blocks_path: str, kept: tuple[int, ...]) -> bool:
    prefix = blocks_path + "."
    return name.startswith(prefix) and int(name.removeprefix(prefix).partition(".")[0]) not in kept
