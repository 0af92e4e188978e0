"""Tiny models on disk: what a user's folder looks like, in a few kilobytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
SPECIAL = ["<pad>", "<end>"]
VOCABULARY = {token: place for place, token in enumerate([*SPECIAL, *BYTES])}


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte, a padding and an end token."""
    backend = Tokenizer(BPE(vocab=VOCABULARY, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", eos_token="<end>")


def tiny_llama(**changes: object) -> PreTrainedModel:
    """A random Llama of three blocks over the tokenizer's vocabulary."""
    settings: dict = {
        "vocab_size": len(VOCABULARY),
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "initializer_range": 0.2,
        "pad_token_id": 0,
        "bos_token_id": None,
        "eos_token_id": 1,
    }
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**{**settings, **changes})).eval()


@pytest.fixture
def llama() -> PreTrainedModel:
    return tiny_llama()


@pytest.fixture
def make_llama() -> Callable[..., PreTrainedModel]:
    return tiny_llama


@pytest.fixture
def save(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> Callable[[PreTrainedModel], Path]:
    """Save a network with the tokenizer beside it; gives the folder."""

    def save_both(network: PreTrainedModel, name: str = "model") -> Path:
        network.save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
        return tmp_path / name

    return save_both
