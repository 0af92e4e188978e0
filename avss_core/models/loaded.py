"""A model in memory, and how one is made of a network that is already there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from avss_core.errors import ModelError
from avss_core.models.blocks import find_blocks
from avss_core.models.fingerprint import fingerprint_of
from avss_core.models.spec import ModelSpec


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A network in evaluation mode without gradients, its tokenizer, and its blocks in the order they run."""

    spec: ModelSpec
    network: PreTrainedModel
    tokenizer: Any
    blocks: nn.ModuleList
    blocks_path: str
    fingerprint: str
    device: torch.device
    dtype: torch.dtype

    @property
    def n_blocks(self) -> int:
        """Number of blocks, M."""
        return len(self.blocks)

    @property
    def base(self) -> nn.Module:
        """The network without its head: ids -> final hidden state (after the final norm)."""
        return self.network.base_model

    @property
    def has_lm_head(self) -> bool:
        """Whether the network answers with logits over the vocabulary (of the next token, or of a masked one)."""
        return self.network.get_output_embeddings() is not None

    @property
    def predicts_next_token(self) -> bool:
        """Whether the logits are of the next token: True for a causal language model, False for BERT's kind."""
        return self.has_lm_head and self.network.can_generate()

    @property
    def hidden_size(self) -> int:
        """Width of the hidden state between the blocks."""
        return int(self.network.config.get_text_config().hidden_size)

    @property
    def parameters_total(self) -> int:
        """Number of parameters of the network; those shared between modules (tied embeddings) count once."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    def parameters_of(self, *block_indices: int) -> int:
        """Number of parameters that leave the network together with these blocks: those of no other module."""
        leaving = {id(self.blocks[index]) for index in block_indices}
        gone = {id(p): p.numel() for index in block_indices for p in self.blocks[index].parameters()}
        staying = _parameters_outside(self.network, leaving)
        return sum(size for parameter, size in gone.items() if parameter not in staying)


def wrap(network: PreTrainedModel, tokenizer: Any, spec: ModelSpec | None = None) -> LoadedModel:
    """Make a LoadedModel of a network that is already in memory, on the device and in the dtype that it has.

    Puts it into evaluation mode and switches its gradients off. Raises ModelError when it has no stack of blocks.
    """
    network.eval().requires_grad_(False)
    stack = find_blocks(network)
    weight = next(network.parameters(), None)
    if weight is None:
        raise ModelError(f"{type(network).__name__} has no weights; give a model that has been loaded.")
    return LoadedModel(
        spec=spec or ModelSpec(source="in-memory"),
        network=network,
        tokenizer=tokenizer,
        blocks=stack.modules,
        blocks_path=stack.path,
        fingerprint=fingerprint_of(network, tokenizer),
        device=weight.device,
        dtype=network.dtype,
    )


def _parameters_outside(module: nn.Module, without: set[int]) -> set[int]:
    found = {id(parameter) for parameter in module.parameters(recurse=False)}
    for child in module.children():
        if id(child) not in without:
            found |= _parameters_outside(child, without)
    return found
