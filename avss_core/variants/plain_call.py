"""Arguments and calls of a network that ask for its answer and for nothing else."""

from __future__ import annotations

import torch
from torch import Tensor

from avss_core.models.load import LoadedModel
from avss_core.models.positions import position_arguments

# What a config may switch on for every call; collecting it would need the real blocks in their places.
_EXTRAS = ("output_hidden_states", "output_attentions", "output_router_logits")


def plain_arguments(model: LoadedModel) -> dict[str, bool]:
    """Arguments that switch off the cache, and every extra output that the config asks for."""
    config = model.network.config.get_text_config()
    return {"use_cache": False, **{name: False for name in _EXTRAS if getattr(config, name, False)}}


def call_base(model: LoadedModel, input_ids: Tensor, attention_mask: Tensor | None) -> None:
    """Run the network without its head, for what happens on the way: nothing is cached and nothing returned."""
    with torch.no_grad():
        positions = position_arguments(model, attention_mask)
        model.base(input_ids=input_ids, attention_mask=attention_mask, **positions, **plain_arguments(model))
