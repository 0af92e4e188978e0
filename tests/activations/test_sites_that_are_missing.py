"""A site that a network does not have is missing with its reason; the others are measured."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from measured_by_hand import random_windows
from random_models import HIDDEN, build
from torch import nn
from transformers import DeepseekV3Config, DeepseekV3ForCausalLM

from avss_core.activations.measure import measure
from avss_core.errors import ModelError, SettingError
from avss_core.importance import score_table
from avss_core.models.load import wrap

SITES = ("residual", "update", "mlp", "attention")
WINDOWS = random_windows(13, 8, 20, 3, 1)


def test_experts_run_one_by_one_are_missing_at_that_site_only() -> None:
    network = build("mixtral")
    network.set_experts_implementation("eager")
    model = wrap(network, tokenizer=None)
    profile = measure(model, WINDOWS, SITES)
    assert set(profile.sites) == {"residual", "update", "attention"}
    assert "one by one" in profile.missing["mlp"]
    with pytest.raises(SettingError, match="'mlp' could not be measured in this model: its experts run"):
        score_table(profile, "mlp")
    with pytest.raises(ModelError, match="MixtralForCausalLM has no such site"):
        measure(model, WINDOWS, ("mlp",))


def test_a_shared_expert_beside_the_mixture_is_missing() -> None:
    torch.manual_seed(0)
    sizes = {"hidden_size": HIDDEN, "intermediate_size": 96, "moe_intermediate_size": 32, "vocab_size": 128}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 4, "num_hidden_layers": 2, "first_k_dense_replace": 1}
    ranks = {"q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 16}
    experts = {"n_routed_experts": 8, "n_group": 2, "topk_group": 1, "num_experts_per_tok": 2, "n_shared_experts": 1}
    config = DeepseekV3Config(**sizes, **heads, **ranks, **experts, max_position_embeddings=64)
    profile = measure(wrap(DeepseekV3ForCausalLM(config), tokenizer=None), WINDOWS, SITES)
    assert set(profile.sites) == {"residual", "update", "attention"}
    assert "shared expert" in profile.missing["mlp"]


class _ManyWidths(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(HIDDEN, width), nn.Linear(width, HIDDEN)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.down(torch.relu(self.up(hidden)))


def test_neurons_that_are_not_as_many_in_every_block_are_missing() -> None:
    network = build("llama")
    network.base_model.layers[2].mlp = _ManyWidths(40)
    profile = measure(wrap(network, tokenizer=None), WINDOWS, SITES)
    assert "40 to 128" in profile.missing["mlp"]


class _OneOfTwo(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.experts = nn.ModuleList([_ManyWidths(32), _ManyWidths(32)])

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return torch.where(hidden[..., :1] > 0, self.experts[0](hidden), self.experts[1](hidden))


def test_experts_in_a_list_of_modules_are_missing() -> None:
    network = build("llama")
    network.base_model.layers[1].mlp = _OneOfTwo()
    profile = measure(wrap(network, tokenizer=None), WINDOWS, SITES)
    assert "module of its own" in profile.missing["mlp"]
    assert "attention" in profile.sites


class _NoProjection(nn.Module):
    """Attention whose output projection is a bare matrix product, as in older architectures."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.weight_out = nn.Parameter(inner.o_proj.weight.detach()[None])
        inner.o_proj = nn.Identity()
        self.inner_module = (inner,)

    def forward(self, **kwargs: Any) -> Any:
        out, weights = self.inner_module[0](**kwargs)
        return out @ self.weight_out[0].T, weights


def test_attention_without_a_linear_output_is_missing() -> None:
    network = build("llama")
    for layer in network.base_model.layers:
        layer.self_attn = _NoProjection(layer.self_attn)
    profile = measure(wrap(network, tokenizer=None), WINDOWS, SITES)
    assert "no linear module inside an attention module" in profile.missing["attention"]
    assert {"residual", "update", "mlp"} == set(profile.sites)


class _InPlace(nn.Module):
    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.linear = nn.Linear(HIDDEN, HIDDEN)

    def forward(self, hidden_states: torch.Tensor, **_kwargs: Any) -> torch.Tensor:
        hidden_states += self.linear(hidden_states)
        return hidden_states


def test_blocks_that_write_into_their_input_have_no_update() -> None:
    network = build("llama")
    layers = network.base_model.layers
    for index in range(len(layers)):
        layers[index] = _InPlace(layers[index])
    model = wrap(network, tokenizer=None)
    profile = measure(model, WINDOWS, SITES)
    assert "in place" in profile.missing["update"]
    assert set(profile.sites) == {"residual", "mlp"}  # its only linear module counts as the MLP's
    with pytest.raises(SettingError, match="no site 'resid'"):
        measure(model, WINDOWS, ("resid",))
