from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
import transformers as hf
from random_models import ARCHITECTURES, ENCODERS, build
from transformers import AutoModelForCausalLM, PreTrainedConfig

from avss_core.errors import CutError, ModelError
from avss_core.models.load import LoadedModel, wrap
from avss_core.variants.depth_config import config_of_kept, per_block_settings
from avss_core.variants.physical import pruned_network


def saved(model: LoadedModel, kept: Iterable[int], folder: Path) -> Path:
    """The folder that transformers itself writes of the pruned network."""
    pruned_network(model, kept).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_lists_of_one_entry_for_each_block_are_those_that_a_cut_shortens(name: str) -> None:
    model = wrap(build(name), tokenizer=None)
    whole, pruned = model.network.config.to_dict(), pruned_network(model, (1, 3)).config.to_dict()
    shorter = sorted(key for key, value in whole.items() if isinstance(value, list) and len(pruned[key]) < len(value))
    assert per_block_settings(model.network.config, model.n_blocks) == shorter
    assert (shorter == ["layer_types"]) == (name in {"qwen2", "qwen3", "gemma3"})


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_weights_are_shared_and_the_original_is_untouched(name: str) -> None:
    network = build(name)
    model = wrap(network, tokenizer=None)
    config = copy.deepcopy(network.config.to_dict())
    weights = {key: (value.data_ptr(), value.clone()) for key, value in network.state_dict().items()}
    places = [[getattr(module, "layer_idx", None) for module in block.modules()] for block in model.blocks]

    pruned = pruned_network(model, (1, 3))
    pruned.requires_grad_(True)

    # All but a masked-LM head's bias, which transformers copies when it ties the head.
    originals = {value.data_ptr() for value in network.parameters()}
    assert {value.data_ptr() for value in pruned.parameters() if value.dim() > 1} < originals
    assert sum(value.data_ptr() not in originals for value in pruned.parameters()) == (name in ENCODERS)
    assert network.config.to_dict() == config
    assert not any(parameter.requires_grad for parameter in network.parameters())
    for key, value in network.state_dict().items():
        assert (value.data_ptr(), value.tolist()) == (weights[key][0], weights[key][1].tolist())
    assert [[getattr(module, "layer_idx", None) for module in block.modules()] for block in model.blocks] == places


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_blocks_are_numbered_anew(name: str) -> None:
    pruned = wrap(pruned_network(wrap(build(name), tokenizer=None), (0, 2, 3)), tokenizer=None)
    assert pruned.n_blocks == 3
    assert pruned.network.config.num_hidden_layers == 3
    for index, block in enumerate(pruned.blocks):
        assert {module.layer_idx for module in block.modules() if hasattr(module, "layer_idx")} <= {index}


def test_every_depth_and_list_of_the_config_is_shortened(tmp_path: Path) -> None:
    def config_of(name: str, kept: tuple[int, ...]) -> dict[str, object]:
        folder = saved(wrap(build(name), tokenizer=None), kept, tmp_path / name)
        return json.loads((folder / "config.json").read_text())

    assert config_of("qwen2", (1, 2))["layer_types"] == ["full_attention", "sliding_attention"]
    assert config_of("gemma3", (0, 2, 3))["layer_types"] == ["sliding_attention", "full_attention", "sliding_attention"]
    assert config_of("gpt2", (3,))["n_layer"] == 1
    assert config_of("distilbert", (0, 1))["n_layers"] == 2
    assert config_of("bloom", (0, 1))["n_layer"] == 2
    assert config_of("bert", (0, 1, 3))["num_hidden_layers"] == 3


def test_lists_of_block_indices_follow_the_blocks() -> None:
    config = hf.Qwen2MoeConfig(num_hidden_layers=5, mlp_only_layers=[0, 3])
    shorter = config_of_kept(config, (1, 3, 4), 5)
    assert (shorter.mlp_only_layers, shorter.num_hidden_layers) == ([1], 3)
    assert (config.mlp_only_layers, config.num_hidden_layers) == ([0, 3], 5)
    assert config_of_kept(config, (1, 2, 4), 5).mlp_only_layers == []


def test_lists_of_block_indices_are_named_unless_they_are_empty() -> None:
    named = per_block_settings(hf.Qwen2MoeConfig(num_hidden_layers=5, mlp_only_layers=[3]), 5)
    assert named == ["layer_types", "mlp_only_layers"]
    assert per_block_settings(hf.Qwen2MoeConfig(num_hidden_layers=5), 5) == ["layer_types"]


def test_lists_that_only_happen_to_be_as_long_stay() -> None:
    config = hf.LlamaConfig(num_hidden_layers=3, eos_token_id=[7, 8, 9])
    assert config_of_kept(config, (0,), 3).eos_token_id == [7, 8, 9]


@pytest.mark.parametrize("name", ["llama", "gpt2", "mistral"])
def test_tied_weights_stay_tied_and_untied_ones_apart(name: str, tmp_path: Path) -> None:
    model = wrap(build(name), tokenizer=None)
    tied = name != "mistral"
    folder = saved(model, (0, 2), tmp_path)
    for network in (pruned_network(model, (0, 2)), AutoModelForCausalLM.from_pretrained(folder)):
        head, embedding = network.get_output_embeddings().weight, network.get_input_embeddings().weight
        assert (head is embedding) is tied
        assert torch.equal(head, model.network.get_output_embeddings().weight)
    removed = model.parameters_of(1, 3)
    assert sum(p.numel() for p in AutoModelForCausalLM.from_pretrained(folder).parameters()) == (
        model.parameters_total - removed
    )


def test_a_pruned_model_generates_like_its_reloaded_self(tmp_path: Path) -> None:
    network = build("llama")
    network.generation_config.max_new_tokens = 6
    model = wrap(network, tokenizer=None)
    prompt = torch.tensor([[5, 9, 33, 70]])
    texts = [
        candidate.generate(prompt, do_sample=False).tolist()
        for candidate in (
            pruned_network(model, (0, 3)),
            AutoModelForCausalLM.from_pretrained(saved(model, (0, 3), tmp_path)),
        )
    ]
    assert texts[0] == texts[1]
    assert len(texts[0][0]) == 10


def test_dtype_is_kept(tmp_path: Path) -> None:
    folder = saved(wrap(build("llama", dtype=torch.bfloat16), tokenizer=None), (0, 3), tmp_path)
    assert AutoModelForCausalLM.from_pretrained(folder).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("config", "kept", "named"),
    [
        # The scale of attention is divided by the block's number.
        (
            hf.GPT2Config(n_embd=32, n_head=2, n_layer=3, vocab_size=64, scale_attn_by_inverse_layer_idx=True),
            (0, 2),
            r"Block 2 would not be the same as block 1 .*attn\.scaling",
        ),
        # Every second block is a mixture of experts.
        (
            hf.Qwen2MoeConfig(
                hidden_size=32, intermediate_size=32, moe_intermediate_size=16, shared_expert_intermediate_size=16,
                num_attention_heads=2, num_key_value_heads=2, num_experts=2, num_experts_per_tok=1,
                num_hidden_layers=4, vocab_size=64, decoder_sparse_step=2,
            ),
            (1, 2, 3),
            r"cannot be built .*layers\.1\.mlp",
        ),
    ],
)  # fmt: skip
def test_a_block_that_its_place_defines_is_not_exported(
    config: PreTrainedConfig, kept: tuple[int, ...], named: str
) -> None:
    model = wrap(AutoModelForCausalLM.from_config(config), tokenizer=None)
    with pytest.raises(ModelError, match=f"{named}.*; it can be judged by perplexity or multiple choice"):
        pruned_network(model, kept)
    # Where it changes nothing, the same model is exported.
    assert len(wrap(pruned_network(model, range(2)), tokenizer=None).blocks) == 2


def test_a_number_that_a_block_only_keeps_may_change() -> None:
    config = hf.GPTNeoXJapaneseConfig(
        vocab_size=64, hidden_size=32, num_attention_heads=2, num_hidden_layers=4, bos_token_id=1, eos_token_id=2
    )
    model = wrap(AutoModelForCausalLM.from_config(config), tokenizer=None)
    pruned = wrap(pruned_network(model, (0, 2, 3)), tokenizer=None)
    assert [block.layer_number for block in pruned.blocks] == [0, 1, 2]
    with pytest.raises(ModelError, match="dense_bias"):  # only the last of all blocks has one
        pruned_network(model, (0, 1, 2))


def test_removing_all_blocks_is_refused() -> None:
    with pytest.raises(CutError, match="keep at least one"):
        pruned_network(wrap(build("llama"), tokenizer=None), ())


def test_blocks_that_do_not_exist_are_refused() -> None:
    with pytest.raises(CutError, match="blocks 0 to 3"):
        pruned_network(wrap(build("llama"), tokenizer=None), (2, 4))
