from __future__ import annotations

import pytest
import torch
import transformers as hf
from torch import nn

from avss_core.errors import ModelError
from avss_core.models.blocks import find_blocks

_SIZES = {"vocab_size": 50, "hidden_size": 16, "num_attention_heads": 4, "max_position_embeddings": 32}
_COMMON = {**_SIZES, "intermediate_size": 32, "num_hidden_layers": 4, "bos_token_id": 1, "eos_token_id": 2}

# The paths are those that the architectures' state dicts spell out.
CASES = [
    (hf.LlamaForCausalLM, hf.LlamaConfig(**_COMMON), "model.layers"),
    (hf.LlamaModel, hf.LlamaConfig(**_COMMON), "layers"),
    (hf.GPT2LMHeadModel, hf.GPT2Config(n_embd=16, n_layer=4, n_head=4, vocab_size=50), "transformer.h"),
    (hf.GPTNeoXForCausalLM, hf.GPTNeoXConfig(**_COMMON), "gpt_neox.layers"),
    (hf.OPTForCausalLM, hf.OPTConfig(**_SIZES, num_hidden_layers=4, ffn_dim=32), "model.decoder.layers"),
    (hf.MptForCausalLM, hf.MptConfig(d_model=16, n_layers=4, n_heads=4, vocab_size=50), "transformer.blocks"),
    (hf.BertForMaskedLM, hf.BertConfig(**_COMMON), "bert.encoder.layer"),
    (
        hf.DistilBertModel,
        hf.DistilBertConfig(dim=16, n_layers=4, n_heads=4, hidden_dim=32, vocab_size=50),
        "transformer.layer",
    ),
]


@pytest.mark.parametrize(("network_class", "config", "path"), CASES, ids=lambda value: getattr(value, "__name__", ""))
def test_the_stack_is_found(network_class: type[nn.Module], config: hf.PreTrainedConfig, path: str) -> None:
    network = network_class(config)
    stack = find_blocks(network)
    assert stack.path == path
    assert stack.modules is network.get_submodule(path)
    assert len(stack.modules) == 4


class _Config:
    is_encoder_decoder = False

    def __init__(self, depth: int | None) -> None:
        self.num_hidden_layers = depth


class _WithExperts(nn.Module):
    """As many experts in each block as there are blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.config = _Config(2)
        block = nn.Module
        self.layers = nn.ModuleList([block(), block()])
        for layer in self.layers:
            layer.experts = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])


def test_a_list_inside_a_block_is_not_the_stack() -> None:
    assert find_blocks(_WithExperts()).path == "layers"


def test_a_list_that_is_all_of_a_block_is_not_the_stack() -> None:
    network = nn.Module()
    network.config = _Config(1)
    network.layers = nn.ModuleList([nn.Module()])
    network.layers[0].experts = nn.ModuleList([nn.Linear(3, 3)])
    assert find_blocks(network).path == "layers"


def test_of_two_stacks_the_larger_one_is_taken() -> None:
    network = nn.Module()
    network.config = _Config(2)
    network.small = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    network.large = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
    assert find_blocks(network).path == "large"
    network.also = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
    with pytest.raises(ModelError, match=r"large.*also|also.*large"):
        find_blocks(network)


def test_no_stack_is_an_error_that_says_so() -> None:
    network = nn.Module()
    network.config = _Config(3)
    network.layers = nn.ModuleList([nn.Linear(2, 2), nn.LayerNorm(2), nn.Linear(2, 2)])
    with pytest.raises(ModelError, match="no list of 3 blocks"):
        find_blocks(network)
    with pytest.raises(ModelError, match="no list of equal blocks"):
        find_blocks(nn.Sequential(nn.Linear(2, 2)))


def test_an_encoder_decoder_has_no_single_stack() -> None:
    config = hf.T5Config(vocab_size=50, d_model=16, d_kv=4, d_ff=32, num_layers=2, num_heads=4)
    with torch.device("meta"), pytest.raises(ModelError, match="encoder-decoder"):
        find_blocks(hf.T5ForConditionalGeneration(config))
