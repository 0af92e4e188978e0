"""On every architecture the four sites are the right tensors: those of modules known here by name, by NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from measured_by_hand import catching, random_windows, rows_of_windows, statistics, taken_input, taken_output
from random_models import ARCHITECTURES, ENCODERS, build
from torch import nn
from transformers import BertForSequenceClassification, PreTrainedModel

from avss_core.activations.collector import Collector
from avss_core.activations.forward import run_base
from avss_core.activations.moments import SiteMoments
from avss_core.corpora.batches import make_batches
from avss_core.models.load import LoadedModel, wrap

SITES = ("residual", "update", "mlp", "attention")
_GATED = ("self_attn.o_proj", "mlp.down_proj")
CLASSIFIER = "encoder of a classifier"
_BERT = ("attention.output.dense", "output.dense")
# In a block: the module whose output is the attention's, the module whose input are the neurons.
MODULES = {
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3", "gemma3", "stablelm"), _GATED),
    "gpt2": ("attn.c_proj", "mlp.c_proj"),
    "gpt_neox": ("attention.dense", "mlp.dense_4h_to_h"),
    "opt": ("self_attn.out_proj", "fc2"),
    "phi": ("self_attn.dense", "mlp.fc2"),
    "bloom": ("self_attention.dense", "mlp.dense_4h_to_h"),
    "mixtral": ("self_attn.o_proj", None),
    "bert": _BERT,
    "distilbert": ("attention.out_lin", "ffn.lin2"),
    "roberta": _BERT,
    CLASSIFIER: _BERT,
}
WINDOWS = random_windows(13, 8, 20, 3, 1)


def network_named(name: str) -> PreTrainedModel:
    if name != CLASSIFIER:
        return build(name)
    torch.manual_seed(0)
    return BertForSequenceClassification(ENCODERS["bert"](4)).eval()


def test_every_architecture_is_there() -> None:
    assert MODULES.keys() == {*ARCHITECTURES, CLASSIFIER}


def assert_moments_of(moments: SiteMoments, block: int, windows: list[np.ndarray]) -> None:
    pooled, a = moments.pooled(), np.concatenate(windows)
    expected = statistics(windows, 0.01)
    assert pooled.n_features == a.shape[1]
    scale = np.abs(a).sum(axis=0).max()
    np.testing.assert_allclose(pooled.feature_sums[block, 0, 0], a.sum(axis=0), rtol=1e-12, atol=1e-12 * scale)
    np.testing.assert_allclose(pooled.feature_sums[block, 0, 2], (a**2).sum(axis=0), rtol=1e-12)
    assert pooled.m2[block, 0] / a.size == pytest.approx(expected["variance"], rel=1e-12)
    assert pooled.frobenius_sum[block, 0] / len(windows) == pytest.approx(expected["frobenius"], rel=1e-12)


def measured_with(model: LoadedModel, places: dict[Any, Any]) -> tuple[Any, Any, Any]:
    """A profile, and what the tests' own hooks caught in the very same pass."""
    (batch,) = make_batches(WINDOWS, 0, padding_per_batch=None)
    with Collector(model, SITES) as collector, catching(places) as caught:
        collector.begin(batch)
        run_base(model, batch)
        return collector.profile(), caught, batch


@pytest.mark.parametrize("name", MODULES)
def test_the_sites_are_these_tensors(name: str) -> None:
    model = wrap(network_named(name), tokenizer=None)
    attention, down = MODULES[name]
    places: dict[Any, Any] = {}
    for index, block in enumerate(model.blocks):
        places["before", index] = (block, taken_input)
        places["residual", index] = (block, taken_output)
        places["attention", index] = (block.get_submodule(attention), taken_output)
        if down:
            places["mlp", index] = (block.get_submodule(down), taken_input)
    profile, caught, batch = measured_with(model, places)

    assert profile.missing == {}
    for index in range(model.n_blocks):
        after, before = caught["residual", index][0], caught["before", index][0]
        values = {
            "residual": after,
            "update": (after.astype(np.float32) - before.astype(np.float32)).astype(np.float64),
            "attention": caught["attention", index][0],
        }
        if down:
            values["mlp"] = caught["mlp", index][0].reshape(*batch.input_ids.shape, -1)  # OPT flattens rows
        for site, value in values.items():
            assert_moments_of(profile.sites[site], index, rows_of_windows(batch, value))


@pytest.mark.parametrize("way", ["grouped_mm", "batched_mm"])
def test_neurons_of_a_mixture_are_those_of_the_experts_chosen(way: str) -> None:
    """Each token's experts computed here one by one, in the order the router ranks them."""
    network = build("mixtral")
    network.set_experts_implementation(way)
    model = wrap(network, tokenizer=None)
    experts = [block.mlp.experts for block in model.blocks]

    def given(args: Any, _kwargs: Any, _output: Any) -> tuple[torch.Tensor, torch.Tensor]:
        return args[0].clone(), args[1].clone()

    profile, caught, batch = measured_with(model, {index: (module, given) for index, module in enumerate(experts)})
    for index, module in enumerate(experts):
        hidden, chosen = caught[index][0]
        tokens = []
        for token, of_token in zip(hidden.double(), chosen, strict=True):
            neurons = []
            for expert in of_token:
                gate, up = (module.gate_up_proj[expert].double() @ token).chunk(2)
                neurons.append(nn.functional.silu(gate) * up)
            tokens.append(torch.cat(neurons).numpy())
        windows = rows_of_windows(batch, np.stack(tokens).reshape(*batch.input_ids.shape, -1))
        pooled, a = profile.sites["mlp"].pooled(), np.concatenate(windows)
        assert pooled.n_features == 2 * 128
        assert pooled.tokens.tolist() == [45]
        np.testing.assert_allclose(pooled.feature_sums[index, 0, 2], (a**2).sum(axis=0), rtol=1e-4)
        assert pooled.frobenius_sum[index, 0] / 5 == pytest.approx(statistics(windows, 1)["frobenius"], rel=1e-5)
