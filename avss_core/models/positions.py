"""Which position each token of a padded batch has, for networks that would count the padding too."""

from __future__ import annotations

import re
from inspect import signature
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from avss_core.models.loaded import LoadedModel

# position_embeddings, embed_positions, positions_embed, pos_encoding, wpe
_NAME_OF_TABLE = re.compile(r"pos|wpe")

_known: WeakKeyDictionary[nn.Module, int | None] = WeakKeyDictionary()


def position_arguments(model: LoadedModel, attention_mask: Tensor | None) -> dict[str, Tensor]:
    """`position_ids` for a mask (sequences, tokens) of 1 and 0, so that padding on the left does not move the text.

    Empty without a mask, and for a network that takes no positions (BLOOM's kind reads them off the mask). The mask's
    values are not looked at, since on an accelerator that would wait for it.
    """
    start = first_position(model)
    if attention_mask is None or start is None:
        return {}
    leading = (attention_mask.cumsum(dim=1) == 0).sum(dim=1, keepdim=True)
    places = torch.arange(attention_mask.shape[1], device=attention_mask.device) - leading
    return {"position_ids": places.clamp(min=0) + start}


def first_position(model: LoadedModel) -> int | None:
    """The position of a text's first token as the network counts, None when it takes no `position_ids`.

    It is 0, or, where the table of learned positions has a row for padding (RoBERTa's kind), the one after that row.
    """
    return first_position_of(model.network)


def first_position_of(network: PreTrainedModel) -> int | None:
    """`first_position` of a network that is no loaded model."""
    if network not in _known:
        _known[network] = _first_position(network.base_model)
    return _known[network]


def has_position_table(model: LoadedModel) -> bool:
    """Whether the network looks positions up in a table, which has an end: learned (GPT-2, OPT, BERT), or computed once
    (GPT-J), or of distances, which MPT computes in each run for as many as its config says. Not where they are computed
    as they are needed (rotary angles, ALiBi elsewhere).
    """
    if model.network.config.model_type == "mpt":
        return True
    learned = [name for name, module in model.base.named_modules() if isinstance(module, nn.Embedding)]
    # Of a buffer only its own name counts: XGLM's lies in a module of positions that makes it longer when need be.
    computed = [name.rpartition(".")[2] for name, buffer in model.base.named_buffers() if buffer.is_floating_point()]
    return any(_NAME_OF_TABLE.search(name) for name in [*learned, *computed])


def _first_position(base: nn.Module) -> int | None:
    if "position_ids" not in signature(base.forward).parameters:
        return None
    tables = (
        module for name, module in base.named_modules() if isinstance(module, nn.Embedding) and "position" in name
    )
    return max((table.padding_idx + 1 for table in tables if table.padding_idx is not None), default=0)
