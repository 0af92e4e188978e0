"""A model a second time, for a thread of its own: modules, hooks and tokenizer apart, the weights' memory shared."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import chain
from typing import cast

from torch import nn

from avss_core.models.loaded import LoadedModel


def twin_of(model: LoadedModel) -> LoadedModel:
    """A copy that takes no memory for weights. What is attached to its modules is not seen by the original's.

    Two threads must not measure one network, since each one's hooks would see the other's activations; they may
    measure a network and its twin. Writing to a weight of either changes both. Nobody may use the model meanwhile: a
    block that has a stand-in in its place would be copied as that.
    """
    tensors = chain(model.network.parameters(), model.network.buffers())
    network = copy.deepcopy(model.network, {id(tensor): tensor for tensor in tensors})
    blocks = cast(nn.ModuleList, network.get_submodule(model.blocks_path))
    return replace(model, network=network, blocks=blocks, tokenizer=copy.deepcopy(model.tokenizer))
