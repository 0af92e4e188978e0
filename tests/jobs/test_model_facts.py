"""What a run found out about its model, also while the run is started again; and steps whose files are gone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from tiny_model import write_documents

from avss_core.corpora import CorpusSpec
from avss_core.errors import RunError
from avss_core.jobs import EvaluateRequest, SearchRequest
from avss_core.jobs.metric_outcomes import outcomes_in
from avss_core.jobs.results import facts_of_model, outcome_in
from avss_core.jobs.sweep_results import facts_in
from avss_core.jobs.works.search import SearchWork
from avss_core.models import ModelSpec
from avss_core.pruning.search import Decision, GreedyStep, Search, SearchSettings, StepRecord, Stop
from avss_core.runs import Run, Store
from avss_core.tasks import Evaluation

MODEL = ModelSpec("owner/name")
FACTS = {"blocks": 4, "block_parameters": [10] * 4, "parameters": 100}


@pytest.fixture
def search(tmp_path: Path) -> SearchRequest:
    text = CorpusSpec(str(write_documents(tmp_path / "text.jsonl", documents=4, characters=20)))
    return SearchRequest(MODEL, text, "perplexity", SearchSettings(Search.GREEDY))


def broken_off(store: Store, request: SearchRequest) -> Run:
    """A search that was cancelled after it had evaluated the whole model and one cut."""
    run = store.start_run(request.run_id(), request.kind, request.to_dict())
    assert run is not None
    store.add_facts(run.id, run.attempt, **FACTS)
    for cut, nll in (((), 2.0), ((1,), 4.0)):
        examples = pd.DataFrame({"document": [0, 1], "nll": [nll, nll], "tokens": [2, 2]})
        key = request.evaluation().evaluation_key(cut)
        store.add_evaluation(key, run.id, tuple(sorted({0, 1, 2, 3} - set(cut))), {}, examples)
    store.end_run(run.id, run.attempt, "cancelled")
    return run


def test_an_outcome_is_read_while_its_run_loads_the_model_again(store: Store, search: SearchRequest) -> None:
    run, asked = broken_off(store, search), search.evaluation()
    whole = outcome_in(store, asked, (1,), "by hand")
    assert store.start_run(run.id, search.kind, search.to_dict()) is not None  # which forgets what it had found out
    for ask in (
        lambda: outcome_in(store, asked, (1,), "by hand"),
        lambda: outcomes_in(store, asked, (1,), "by hand"),
        lambda: facts_in(store, asked),
    ):
        with pytest.raises(RunError, match="has not loaded its model yet"):
            ask()
    other = EvaluateRequest(MODEL, replace(search.corpus, part="all"), "perplexity", ((),))
    known = store.start_run(other.run_id(), other.kind, other.to_dict())
    assert known is not None
    assert facts_of_model(store, MODEL) == {}
    store.add_facts(known.id, known.attempt, **FACTS)
    assert outcome_in(store, asked, (1,), "by hand") == whole
    assert outcomes_in(store, asked, (1,), "by hand") == (whole,)
    assert facts_of_model(store, MODEL)["parameters"] == 100
    assert facts_of_model(store, ModelSpec("other/name")) == {}


def test_a_last_step_whose_file_is_gone_is_not_the_last_word(store: Store, search: SearchRequest) -> None:
    run = store.start_run(search.run_id(), search.kind, search.to_dict())
    assert run is not None
    ends = Evaluation("perplexity", "perplexity", 20.0, 19.0, 21.0, 2, higher_is_better=False)
    step = GreedyStep(
        number=1, unpruned=ends, attempt=ends, decision=Decision.REMOVED, evaluation=ends, removed=(1,), drop=0.0,
        block_runs=3, block_runs_naive=4, stop=Stop.REQUESTED, candidate=1, tried=((1, 3.0),),
    )  # fmt: skip
    store.add_unit(run.id, 0, 0, 0.1, StepRecord(step).write)
    assert SearchWork().enough(search, run, store)
    store.path_of(store.units(run.id)[0].file).unlink()
    assert not SearchWork().enough(search, run, store)
