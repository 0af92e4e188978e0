"""Export, gain and generation as whole jobs: what they leave is what the network gives here."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_model import tiny_network, tiny_tokenizer, write_documents
from transformers import AutoModelForCausalLM, AutoTokenizer

from avss_core.corpora import CorpusSpec
from avss_core.jobs import EvaluateRequest, Jobs
from avss_core.jobs.export_results import export_request, exported_in
from avss_core.jobs.gain_results import gain_in, latest_gain
from avss_core.jobs.generate_results import prompts_of, side_by_side_in
from avss_core.jobs.requests import GainRequest, GenerateRequest
from avss_core.jobs.results import outcome_in
from avss_core.models import ModelSpec
from avss_core.pruning.gain_table import GainSettings
from avss_core.pruning.generation import Sampling
from avss_core.runs import Run, Store

IDS = torch.tensor([[40, 50, 60, 70, 80, 90, 100, 110]])
SMALL = GainSettings(tokens=24, prompt_tokens=6, new_tokens=4, rounds=2)


@pytest.fixture
def spec(tiny_model: Path) -> ModelSpec:
    return ModelSpec(str(tiny_model), dtype="float32")


@pytest.fixture
def text(tmp_path: Path) -> CorpusSpec:
    file = write_documents(tmp_path / "text.jsonl", documents=8, characters=60)
    return CorpusSpec(str(file), part="evaluate", length=64)


def without_block_1() -> torch.nn.Module:
    """The tiny network whose middle block hands on what it was given."""
    network = tiny_network()
    network.model.layers[1].register_forward_hook(lambda _block, args, _output: args[0])
    return network


def finished(jobs: Jobs, request: object) -> Run:
    run = jobs.wait(jobs.submit(request).id)  # type: ignore[arg-type]
    assert (run.status, run.error) == ("done", None)
    return run


def test_an_export_is_the_pruned_model_with_its_figures(
    store: Store, jobs: Jobs, spec: ModelSpec, text: CorpusSpec, tmp_path: Path
) -> None:
    evaluate = EvaluateRequest(spec, text, "perplexity", ((), (1,)))
    finished(jobs, evaluate)
    gain = GainRequest(spec, text, (1,), SMALL)
    finished(jobs, gain)
    method = "AVSS, site update, ε = 0.01, measured on other.jsonl"
    request = export_request(store, evaluate, (1,), "lowest AVSS", method=method)
    assert (request.evaluations, request.gain) == ((evaluate,), gain)
    run = finished(jobs, request)

    found = exported_in(store, request)
    assert found is not None
    assert found.folder == store.folder / run.id / "tiny-2-of-3-blocks"
    network = AutoModelForCausalLM.from_pretrained(found.folder)
    assert AutoTokenizer.from_pretrained(found.folder)("sea").input_ids == tiny_tokenizer()("sea").input_ids
    with torch.no_grad():
        torch.testing.assert_close(network(IDS).logits, without_block_1()(IDS).logits, rtol=0, atol=1e-5)
    assert found.check.max_difference == 0
    assert found.check.greedy is not None
    assert found.files == {file.name: file.stat().st_size for file in found.folder.iterdir()}

    card = (found.folder / "README.md").read_text()
    outcome = outcome_in(store, evaluate, (1,), "")
    for figure in (f"{outcome.before.value:.4g}", f"{outcome.after.value:.4g}", f"{outcome.retained:.1%}"):
        assert figure in card
    assert f"How they were chosen: {method}; lowest AVSS." in card
    assert "## What is gained" in card
    assert found.zip is not None
    with zipfile.ZipFile(found.zip) as archive:
        assert {Path(name).name for name in archive.namelist()} == set(found.files)
    store.delete_run(run.id)
    assert not found.folder.exists()
    assert not found.zip.exists()

    # Into a folder of the user's: it stays when the run is deleted, and is not overwritten.
    elsewhere = replace(request, folder=str(tmp_path / "out"))
    run = finished(jobs, elsewhere)
    written = exported_in(store, elsewhere)
    assert written is not None
    assert (written.folder, written.zip) == (tmp_path / "out", None)
    store.delete_run(run.id)
    assert (tmp_path / "out" / "model.safetensors").is_file()
    again = jobs.wait(jobs.submit(elsewhere).id)
    assert (again.status, again.facts["exit_status"]) == ("failed", 2)
    assert "is not empty, and is not overwritten" in (again.error or "")


def test_the_gain_of_a_cut_is_measured(store: Store, jobs: Jobs, spec: ModelSpec, text: CorpusSpec) -> None:
    request = GainRequest(spec, text, (0, 1), SMALL)
    run = finished(jobs, request)
    table = gain_in(store, request)
    assert table is not None
    by_name = table.set_index("quantity")
    network = tiny_network()
    everything = sum(weight.numel() for weight in network.parameters())
    gone = sum(weight.numel() for block in network.model.layers[:2] for weight in block.parameters())
    assert by_name.loc["parameters", ["original", "pruned"]].tolist() == [everything, everything - gone]
    # Keys and values of 10 tokens: 2 heads of 8 features each, in float32, for every block.
    assert by_name.loc["cache_bytes", "original"] >= 3 * 2 * 10 * 2 * 8 * 4
    assert by_name.loc["cache_bytes", "ratio"] == pytest.approx(1 / 3)
    assert by_name.loc["seconds_per_token", "rounds"] == 2
    assert latest_gain(store, spec, (1, 0)) == request
    assert run.facts["tokens"] == 0, "no text is read"
    too_long = GainRequest(spec, text, (0,), GainSettings(tokens=600))
    refused = jobs.wait(jobs.submit(too_long).id)
    assert (refused.status, refused.facts["exit_status"]) == ("failed", 2)
    assert "more than the 512 positions" in (refused.error or "")


def test_both_models_continue_a_prompt(store: Store, jobs: Jobs, spec: ModelSpec, text: CorpusSpec) -> None:
    request = GenerateRequest(spec, text, (1,), "The sea", Sampling(max_new_tokens=6))
    finished(jobs, request)
    both = side_by_side_in(store, request)
    assert both is not None
    for network, written in ((tiny_network(), both.original), (without_block_1(), both.pruned)):
        ids = torch.tensor([tiny_tokenizer()("The sea").input_ids])
        assert list(written.prompt) == ids[0].tolist()
        for _ in written.tokens:
            with torch.no_grad():
                ids = torch.cat([ids, network(ids, use_cache=False).logits[:, -1:].argmax(-1)], dim=1)
        assert list(written.tokens) == ids[0, len(written.prompt) :].tolist()
        assert written.text == tiny_tokenizer().decode(written.tokens, skip_special_tokens=True)
    other = replace(request, prompt="In winter")
    finished(jobs, other)
    assert prompts_of(store, spec, (1,)) == [other, request]
    assert prompts_of(store, spec, (2,)) == []
    chat = jobs.wait(jobs.submit(replace(request, sampling=Sampling(chat=True))).id)
    assert (chat.status, chat.facts["exit_status"]) == ("failed", 2)
    assert "no chat template" in (chat.error or "")
