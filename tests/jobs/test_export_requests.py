"""What an export, a measurement and a prompt are known by, and which figures of the store a model card gets."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from tiny_model import write_documents

from avss_core.corpora import CorpusSpec
from avss_core.corpora.mapping import ColumnMapping
from avss_core.errors import SettingError
from avss_core.jobs.export_results import evaluations_of, export_request, exported_in
from avss_core.jobs.gain_results import latest_gain
from avss_core.jobs.generate_results import prompts_of
from avss_core.jobs.requests import EvaluateRequest, ExportRequest, GainRequest, GenerateRequest, request_of
from avss_core.jobs.results import evaluated_cuts
from avss_core.models import ModelSpec
from avss_core.pruning.gain_table import GainSettings
from avss_core.pruning.generation import Sampling
from avss_core.runs import Store

MODEL = ModelSpec("owner/name")
CUT = (1, 3)


@pytest.fixture
def text(tmp_path: Path) -> CorpusSpec:
    return CorpusSpec(str(write_documents(tmp_path / "text.jsonl", documents=4, characters=20)), part="evaluate")


def enter(store: Store, request: EvaluateRequest) -> None:
    """A finished run that evaluated every cut of the request, with made-up numbers."""
    run = store.start_run(request.run_id(), request.kind, request.to_dict())
    assert run is not None
    examples = pd.DataFrame({"document": [0, 1], "nll": [2.0, 4.0], "tokens": [2, 3]})
    for cut in request.cuts:
        kept = tuple(block for block in range(4) if block not in cut)
        store.add_evaluation(request.evaluation_key(cut), run.id, kept, {}, examples)
    store.end_run(run.id, run.attempt, "done")


def test_requests_come_back_from_json(text: CorpusSpec) -> None:
    evaluated = EvaluateRequest(MODEL, text, "perplexity", ((), CUT))
    gain = GainRequest(MODEL, text, (3, 1), GainSettings(rounds=2))
    requests = [
        gain,
        GenerateRequest(MODEL, text, (3, 1), "The sea", Sampling(8, 0.7, 0.9, 5, True), "abc"),
        ExportRequest(MODEL, text, (3, 1), "by hand", "out", (evaluated,), gain),
        ExportRequest(MODEL, text, CUT, "by hand", healing="abc"),
    ]
    for request in requests:
        again = request_of(request.kind, request.to_dict())
        assert again == request
        assert again.run_id() == request.run_id()
    assert requests[0].removed == CUT


def test_what_counts_for_the_id_of_a_run(text: CorpusSpec) -> None:
    export = ExportRequest(MODEL, text, CUT, "by hand")
    told = EvaluateRequest(MODEL, text, "perplexity", ((), CUT))
    others = [
        replace(export, removed=(1,)),
        replace(export, reason="by AVSS"),
        replace(export, folder="/tmp/x"),
        replace(export, evaluations=(told,)),
        replace(export, gain=GainRequest(MODEL, text, CUT)),
        replace(export, healing="abc"),
        replace(export, method="AVSS, site residual, ε = 0.01"),
    ]
    assert len({request.run_id() for request in [export, *others]}) == 1 + len(others)
    assert replace(export, corpus=CorpusSpec()).run_id() == export.run_id(), "it only names the text in the history"
    gain = GainRequest(MODEL, text, CUT)
    assert replace(gain, model=ModelSpec("owner/name", device="cuda")).run_id() != gain.run_id()
    asked = GenerateRequest(MODEL, text, CUT, "The sea")
    assert replace(asked, sampling=Sampling(seed=1)).run_id() == asked.run_id(), "greedy choice draws nothing"
    elsewhere = [ModelSpec("owner/name", dtype="float32", device=device) for device in ("cpu", "cuda")]
    assert len({replace(asked, model=model).run_id() for model in elsewhere}) == 2, "its tokens a second are others"
    both = EvaluateRequest(MODEL, text, "perplexity", ((), CUT))
    assert replace(both, cuts=(CUT, ())).run_id() == both.run_id(), "in whatever order"
    drawn = [replace(asked, sampling=Sampling(temperature=1.0, seed=seed)).run_id() for seed in (0, 1)]
    assert drawn[0] != drawn[1]


def test_an_empty_prompt_is_refused_at_once(text: CorpusSpec) -> None:
    with pytest.raises(SettingError, match="The prompt is empty"):
        GenerateRequest(MODEL, text, CUT, " \n")


def test_a_card_gets_every_evaluation_of_the_cut(store: Store, text: CorpusSpec, tmp_path: Path) -> None:
    shorter = replace(text, max_tokens=20)
    enter(store, EvaluateRequest(MODEL, text, "perplexity", ((), (0,), CUT)))
    enter(store, EvaluateRequest(MODEL, shorter, "perplexity", (CUT,)))  # the unpruned model is missing here
    enter(store, EvaluateRequest(ModelSpec("other/name"), text, "perplexity", ((), CUT)))
    gone = CorpusSpec(str(write_documents(tmp_path / "gone.jsonl", documents=2, characters=9)))
    enter(store, EvaluateRequest(MODEL, gone, "perplexity", ((), CUT)))
    (tmp_path / "gone.jsonl").unlink()

    asked = EvaluateRequest(MODEL, text, "perplexity", ((),))
    assert evaluations_of(store, asked, (3, 1)) == (replace(asked, cuts=((), CUT)),)
    assert evaluations_of(store, asked, (2,)) == ()
    request = export_request(store, asked, CUT, "by hand", tmp_path / "out")
    assert [each.corpus for each in request.evaluations] == [text]
    assert request.folder == str(tmp_path / "out")

    enter(store, EvaluateRequest(MODEL, shorter, "perplexity", ((),)))
    both = export_request(store, asked, CUT, "by hand", tmp_path / "out")
    assert {each.corpus.max_tokens for each in both.evaluations} == {None, 20}
    assert both.run_id() != request.run_id(), "with other figures it is another card"
    assert export_request(store, asked, CUT, "by hand", healing="abc").evaluations == ()
    enter(store, EvaluateRequest(MODEL, text, "perplexity", (CUT,), "abc"))
    healed = export_request(store, asked, CUT, "by hand", healing="abc")
    assert [(each.healing, each.corpus) for each in healed.evaluations] == [("abc", text)]
    assert exported_in(store, both) is None


def test_the_gain_of_a_card_is_that_of_the_same_cut(store: Store, text: CorpusSpec) -> None:
    for request in (GainRequest(MODEL, text, (1,)), GainRequest(MODEL, text, CUT, healing="abc")):
        run = store.start_run(request.run_id(), request.kind, request.to_dict())
        assert run is not None
        store.end_run(run.id, run.attempt, "done")
    assert latest_gain(store, MODEL, CUT) is None
    assert latest_gain(store, MODEL, (1,)) == GainRequest(MODEL, text, (1,))


def test_what_was_measured_of_other_files_is_not_told(store: Store, text: CorpusSpec, tmp_path: Path) -> None:
    """The folder keeps its name, and its weights are others."""
    (tmp_path / "model").mkdir()
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_text("a")
    model = ModelSpec(str(tmp_path / "model"))
    for request in (GainRequest(model, text, CUT), GenerateRequest(model, text, CUT, "The sea")):
        run = store.start_run(request.run_id(), request.kind, request.to_dict())
        assert run is not None
        store.end_run(run.id, run.attempt, "done")
    assert latest_gain(store, model, CUT) is not None
    assert len(prompts_of(store, model, CUT)) == 1
    weights.write_text("ab")
    assert latest_gain(store, model, CUT) is None
    assert prompts_of(store, model, CUT) == []


def test_on_which_device_a_cut_was_evaluated_makes_no_difference_to_its_card(store: Store, text: CorpusSpec) -> None:
    model = replace(MODEL, dtype="float32")
    enter(store, EvaluateRequest(replace(model, device="cpu"), replace(text, max_tokens=20), "perplexity", ((), CUT)))
    asked = EvaluateRequest(model, text, "perplexity", ((),))
    assert [each.corpus.max_tokens for each in evaluations_of(store, asked, CUT)] == [20]


def test_evaluations_with_a_column_mapping_are_found_again(store: Store, text: CorpusSpec) -> None:
    mapping = ColumnMapping(choices=("a", "b"), labels=(("0", "no"),))
    request = EvaluateRequest(MODEL, replace(text, mapping=mapping, subset=(0, 2)), "perplexity", ((), CUT))
    assert json.loads(json.dumps(request.to_dict())) == request.to_dict()
    assert EvaluateRequest.from_dict(json.loads(json.dumps(request.to_dict()))) == request
    enter(store, request)
    assert evaluated_cuts(store, request) == {(), CUT}
