"""A whole job of kind "confidence": after the answers, from the store to the table."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from avss_core.corpora import CorpusSpec
from avss_core.errors import RunError, SettingError
from avss_core.hallucination.asking_again import AskingAgain
from avss_core.hallucination.confidence_table import confidence_rows
from avss_core.jobs import AnswersRequest, ConfidenceRequest, Jobs
from avss_core.jobs.answers_results import answers_frame
from avss_core.jobs.confidence_results import confidence_frame, finished_confidence
from avss_core.models import ModelSpec
from avss_core.runs import Store


@pytest.fixture
def answers(tiny_model: Path, tmp_path: Path) -> AnswersRequest:
    """Questions enough for several units: the tiny tokenizer makes a token of each byte."""
    file = tmp_path / "questions.jsonl"
    lines = [
        {"question": f"Who came {number} times in {1900 + number}?", "answers": ["no one"]} for number in range(40)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    corpus = CorpusSpec(str(file), part="all")
    return AnswersRequest(ModelSpec(str(tiny_model), dtype="float32"), corpus, removed=(1,), most_tokens=4)


def test_confidence_follows_the_answers(store: Store, jobs: Jobs, answers: AnswersRequest) -> None:
    request = ConfidenceRequest.of(answers, AskingAgain(samples=2))
    too_early = jobs.wait(jobs.submit(request).id)
    assert (too_early.status, too_early.facts["exit_status"]) == ("failed", 2)
    assert "write them first" in (too_early.error or "")
    assert finished_confidence(store, request) is None
    with pytest.raises(RunError, match="failed"):
        confidence_frame(store, too_early.id)

    written = jobs.wait(jobs.submit(answers).id)
    assert (written.status, written.error) == ("done", None)
    run = jobs.wait(jobs.submit(request).id)
    assert (run.status, run.error) == ("done", None)
    assert run.n_units == written.n_units == len(store.units(run.id))
    assert run.n_units > 1
    assert [unit.tokens for unit in store.units(run.id)] == [unit.tokens for unit in store.units(written.id)]

    asked, frame = finished_confidence(store, request), answers_frame(store, written.id)
    assert asked is not None
    assert list(asked["example"]) == list(frame["example"])
    assert all(len(samples) == 2 for samples in asked["samples"])
    assert asked["p_true"].between(0, 1).all()
    labels = pd.Series(["truthful", "hallucinated"] * 20)
    rows = confidence_rows(frame, labels, asked, draws=50)
    assert {row["estimator"]: row["n"] for row in rows}["p_true"] == 40
    with pytest.raises(RunError, match="not of confidence"):
        confidence_frame(store, written.id)


def test_a_request_is_known_by_its_answers_and_settings(answers: AnswersRequest) -> None:
    request = ConfidenceRequest.of(answers, AskingAgain(samples=3, seed=2))
    assert ConfidenceRequest.from_dict(json.loads(json.dumps(request.to_dict()))) == request
    assert request.run_id() != ConfidenceRequest.of(answers).run_id()
    assert request.run_id() != answers.run_id()
    with pytest.raises(SettingError, match="same model"):
        ConfidenceRequest(ModelSpec(), answers.corpus, answers)
