"""A model's config for fewer blocks: the depth, and every list that goes by block."""

from __future__ import annotations

import copy
from typing import Any

from transformers import PreTrainedConfig

from avss_core.models.blocks import NAMES_OF_DEPTH

# Lists of block indices (`mlp_only_layers=[0, 3]`), as opposed to lists of one entry for each block.
_LISTS_OF_INDICES = (
    "attn_layer_indices",
    "cross_attention_layers",
    "full_attn_idxs",
    "local_layer_ids",
    "mlp_only_layers",
    "moe_layers",
    "rope_scaling_layers",
)


def config_of_kept(config: PreTrainedConfig, kept: tuple[int, ...], n_blocks: int) -> PreTrainedConfig:
    """A copy of `config` for a network of the blocks `kept` of `n_blocks`; `config` itself stays as it is."""
    shorter = copy.deepcopy(config)
    text = shorter.get_text_config()
    for name in per_block_settings(config, n_blocks):
        value = getattr(text, name)
        if name in _LISTS_OF_INDICES:
            setattr(text, name, [new for new, old in enumerate(kept) if old in value])
        else:
            setattr(text, name, [value[old] for old in kept])
    for name in NAMES_OF_DEPTH:
        if getattr(text, name, None) == n_blocks:
            setattr(text, name, len(kept))
    return shorter


def per_block_settings(config: PreTrainedConfig, n_blocks: int) -> list[str]:
    """The names of the lists in `config` that go by block: of one entry for each, or of block indices.

    These are what `config_of_kept` changes beside the depth. A list of indices is left out when it is empty.
    """
    settings = vars(config.get_text_config())
    return sorted(name for name, value in settings.items() if _goes_by_block(name, value, n_blocks))


def _goes_by_block(name: str, value: Any, n_blocks: int) -> bool:
    if not isinstance(value, list | tuple):
        return False
    if name in _LISTS_OF_INDICES:
        return len(value) > 0
    return len(value) == n_blocks and ("layer" in name or "block" in name)
