"""A healing run's network goes where the plain cut's would: export, gain and generation take it by the run's id."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from transformers import PreTrainedModel

from avss_core.corpora import CorpusSpec
from avss_core.errors import RunError
from avss_core.jobs.requests import ExportRequest, GainRequest, GenerateRequest
from avss_core.jobs.works import gain, generate, healers
from avss_core.jobs.works.base import Turn
from avss_core.jobs.works.export import ExportWork
from avss_core.jobs.works.gain import GainWork
from avss_core.jobs.works.generate import GenerateWork
from avss_core.jobs.works.healed import Healed
from avss_core.models import ModelSpec
from avss_core.models.load import LoadedModel
from avss_core.pruning import Cut
from avss_core.pruning.gain_table import GainSettings
from avss_core.pruning.generation import Sampling
from avss_core.runs import Run, Store
from avss_core.variants.physical import pruned_network

TOKEN = 40


def always_one_token(_store: Store, _run: str, model: LoadedModel, removed: tuple[int, ...]) -> PreTrainedModel:
    """A "healed" network that is easy to tell from the plain cut: it always writes the same token."""
    network = pruned_network(model, Cut(removed, model.n_blocks, "by hand").kept)
    weight = torch.zeros_like(network.lm_head.weight)
    network.lm_head.weight = torch.nn.Parameter(weight, requires_grad=False)
    network.model.norm.weight = torch.nn.Parameter(torch.zeros_like(network.model.norm.weight), requires_grad=False)
    network.lm_head.bias = torch.nn.Parameter(torch.nn.functional.one_hot(torch.tensor(TOKEN), len(weight)).float())
    return network


def zeroed(_store: Store, _run: Run, model: LoadedModel, cut: Cut) -> Healed:
    """The plain cut with its last norm at 0."""
    network = pruned_network(model, cut.kept)
    network.model.norm.weight = torch.nn.Parameter(torch.zeros_like(network.model.norm.weight), requires_grad=False)
    return Healed(network, "The last norm was set to 0.")


@pytest.fixture
def healing(store: Store) -> str:
    run = store.start_run("healing-run", "a-healing", {})
    assert run is not None
    store.end_run(run.id, run.attempt, "done")
    return run.id


def turn_of(store: Store, run: str) -> Turn:
    return Turn(0, run, store, count=lambda tokens: None, say=lambda stage: None)


def test_an_export_holds_the_healed_weights(
    store: Store, tiny_model: Path, healing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(healers.HEALERS, "a-healing", zeroed)
    spec = ModelSpec(str(tiny_model), dtype="float32", device="cpu")
    request = ExportRequest(spec, CorpusSpec(), (1,), "by hand", str(tmp_path / "out"), healing=healing)
    ExportWork().run(request, turn_of(store, "export"))(tmp_path / "row")
    assert not load_file(tmp_path / "out" / "model.safetensors")["model.norm.weight"].any()
    card = (tmp_path / "out" / "README.md").read_text()
    assert "The last norm was set to 0." in card
    row = pd.read_parquet(tmp_path / "row").iloc[0]
    assert json.loads(row["check"])["max_difference"] == 0


def test_gain_and_text_are_of_the_healed_network(
    store: Store, tiny_model: Path, healing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for work in (gain, generate):
        monkeypatch.setattr(work, "network_of_healing", always_one_token)
    spec = ModelSpec(str(tiny_model), dtype="float32", device="cpu")
    asked = GenerateRequest(spec, CorpusSpec(), (1,), "The sea", Sampling(max_new_tokens=4), healing)
    GenerateWork().run(asked, turn_of(store, "text"))(tmp_path / "text")
    texts = json.loads(pd.read_parquet(tmp_path / "text")["texts"][0])
    assert texts["pruned"]["tokens"] == [TOKEN] * 4
    assert texts["original"]["tokens"] != [TOKEN] * 4
    small = GainSettings(tokens=8, prompt_tokens=2, new_tokens=2, rounds=1)
    GainWork().run(GainRequest(spec, CorpusSpec(), (1,), small, healing), turn_of(store, "gain"))(tmp_path / "gain")
    counted = pd.read_parquet(tmp_path / "gain").set_index("quantity").loc["parameters"]
    plain = replace(asked, healing=None)
    assert plain.run_id() != asked.run_id()
    block = 32 * 32 * 2 + 2 * 32 * 16 + 3 * 32 * 64 + 2 * 32  # attention, MLP, norms
    assert counted["original"] - counted["pruned"] == block - 258, "the bias is the healed network's own"


def test_a_run_that_healed_nothing_is_refused(store: Store, healing: str) -> None:
    with pytest.raises(RunError, match="kind a-healing, which heals nothing"):
        healers.healed_in(store, healing, None, None)  # type: ignore[arg-type]
    with pytest.raises(RunError, match="There is no run"):
        healers.healed_in(store, "nowhere", None, None)  # type: ignore[arg-type]
    assert healers.healed_in(store, None, None, None) is None  # type: ignore[arg-type]


def test_a_healing_run_must_be_done(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(healers.HEALERS, "a-healing", zeroed)
    assert store.start_run("healing-run", "a-healing", {}) is not None
    with pytest.raises(RunError, match="is waiting; finish it first"):
        healers.healed_in(store, "healing-run", None, None)  # type: ignore[arg-type]
