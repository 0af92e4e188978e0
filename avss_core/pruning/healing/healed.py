"""A pruned network with its maps."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn
from transformers import PreTrainedModel

from avss_core.models.load import LoadedModel
from avss_core.pruning.healing.linear_map import LinearMap
from avss_core.pruning.healing.linears import add_to
from avss_core.pruning.healing.residual_map import ResidualMap, put_after, put_before
from avss_core.variants.physical import pruned_network
from avss_core.variants.variant import Variant


def healed_network(model: LoadedModel, variant: Variant, maps: Iterable[LinearMap] = ()) -> PreTrainedModel:
    """The pruned network with `maps` in place; the original, with which it shares all other weights, is not changed.

    It is evaluated like any network (`wrap`, or `evaluate.score_network`). If all maps are folded
    (`LinearHealing.folded`), a folder it is saved to can be loaded without this program; a map that is a module of
    its own would be lost there. Raises what `pruned_network` raises.
    """
    network = pruned_network(model, variant.kept)
    blocks = network.get_submodule(model.blocks_path)
    assert isinstance(blocks, nn.ModuleList)
    for each in maps:
        put_in(blocks, each)
    return network


def put_in(blocks: nn.ModuleList, linear_map: LinearMap) -> None:
    """Add one map to the blocks of a pruned network."""
    place = linear_map.stretch.place
    near = blocks[max(0, place - 1)]
    device = next(near.parameters()).device
    weight = torch.from_numpy(linear_map.weight).to(device)
    offset = None if linear_map.offset is None else torch.from_numpy(linear_map.offset).to(device)
    if linear_map.reads == "neurons":
        add_to(near.get_submodule(linear_map.projection), weight, offset)
    elif place:
        put_after(near, ResidualMap(weight, offset))
    else:
        put_before(near, ResidualMap(weight, offset))
