"""A random Llama with a tiny tokenizer, and small texts for it: what a user's files look like, in a few kilobytes."""

from __future__ import annotations

import json
import random
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

_BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
VOCABULARY = {token: place for place, token in enumerate(["<pad>", "<end>", *_BYTES])}
_LETTERS = "etaoinshrdlu"


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte, a padding and an end token; nothing is added to a text."""
    backend = Tokenizer(BPE(vocab=VOCABULARY, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", eos_token="<end>")


def tiny_network(blocks: int = 3, width: int = 32) -> LlamaForCausalLM:
    """A random Llama; the same one for the same numbers."""
    torch.manual_seed(blocks * 1000 + width)
    config = LlamaConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=blocks,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.2,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=1,
    )
    return LlamaForCausalLM(config).eval()


def save_tiny_model(folder: Path, blocks: int = 3, width: int = 32) -> Path:
    """A folder as `save_pretrained` leaves it, tokenizer included; gives the folder."""
    tiny_network(blocks, width).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def write_documents(file: Path, documents: int, characters: int, seed: int = 0) -> Path:
    """A JSON Lines file of made-up documents, each of `characters` tokens; gives the file."""
    generator = random.Random(seed)
    with file.open("w") as lines:
        for _ in range(documents):
            text = "".join(generator.choice(_LETTERS + "  ") for _ in range(characters - 1)) + "."
            lines.write(json.dumps({"text": text}) + "\n")
    return file
