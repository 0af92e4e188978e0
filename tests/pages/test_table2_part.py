"""The papers' table 2 on the page after a training: EAVSS is filled in, and halves are not taken for whole sets."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from avss_core.corpora import CorpusSpec
from avss_core.hallucination.estimators import estimator_named
from avss_core.hallucination.mitigation import MitigationSettings
from avss_core.jobs import AnswersRequest, ConfidenceRequest, Jobs, MitigateRequest
from avss_core.jobs.answers_results import answers_count, answers_frame
from avss_core.jobs.eavss_results import NOT_TRAINED, eavss_row, newest_eavss
from avss_core.jobs.hand_labels import hand_labels_for
from avss_core.jobs.mitigate_results import mitigated
from avss_core.models import ModelSpec
from avss_core.runs import Store

ROOT = Path(__file__).parents[2]
QUESTIONS = 40
SEQUENCE = estimator_named("sequence_probability").pretty_name


@pytest.fixture
def answers(tiny_model: Path, tmp_path: Path) -> AnswersRequest:
    file = tmp_path / "truthfulqa.jsonl"
    lines = [{"question": f"Who came in {1900 + number}?", "answers": ["no one"]} for number in range(QUESTIONS)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return AnswersRequest(ModelSpec(str(tiny_model), dtype="float32"), CorpusSpec(str(file), part="all"), (), 3)


def opened(answers: AnswersRequest) -> AppTest:
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from avss_core.importance import Epsilon
from avss_core.jobs import AnswersRequest
from pages.parts.hallucination_confidence import draw_confidence
from pages.parts.hallucination_data import answered
from pages.parts.hallucination_settings import ContrastSettings
st.cache_resource.clear()
request = AnswersRequest.from_dict({answers.to_dict()!r})
draw_confidence(request, answered(request, "alias"), ContrastSettings("residual", Epsilon(), "product"))
"""
    test = AppTest.from_string(script, default_timeout=60)
    test.session_state["hallucination-table2"] = True
    return test


def frame_with(shown: AppTest, *columns: str) -> pd.DataFrame:
    (frame,) = [table.value for table in shown.dataframe if set(columns) <= set(table.value.columns)]
    return frame


def test_eavss_is_filled_in_and_a_half_is_no_set(
    tmp_path: Path, workers: str, answers: AnswersRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(tmp_path / "runs.db"))
    monkeypatch.setenv("AVSS_STORE", store.url)
    monkeypatch.setenv("AVSS_SCHEDULER", workers)
    request = MitigateRequest(answers, MitigationSettings(n_blocks=1, steps=2, answers=2, rank=2))
    few = replace(answers, corpus=replace(answers.corpus, max_examples=10))
    asked = Jobs(store, workers)
    try:
        fewer, whole = (asked.wait(asked.submit(one).id) for one in (few, answers))
        frame = answers_frame(store, whole.id)
        for example in frame["example"][::2]:
            store.set_hand_label(whole.id, example, "truthful")
        before = opened(answers).run()
        assert not before.exception
        untrained = frame_with(before, "estimator", "accuracy").set_index("estimator").loc["EAVSS (held-out half)"]
        assert (untrained["answers"], untrained["Brier ↓"]) == (0, "")
        assert any(NOT_TRAINED in caption.value for caption in before.caption)

        for one in (request.taught, request.held_out):
            asked.wait(asked.submit(one).id)
        by_hand = tuple(hand_labels_for(store, request.taught).items())
        controls = replace(request, by_hand=by_hand, settings=replace(request.settings, choice="lowest"))
        runs = [asked.wait(asked.submit(one).id) for one in (replace(request, by_hand=by_hand), controls)]
        assert [run.status for run in runs] == ["done", "done"]
    finally:
        asked.close()

    found = mitigated(store, runs[0].id)
    spoken = found.after.frame["logprobs"].map(len) > 0
    sure = np.array([np.exp(np.mean(row)) for row in found.after.frame.loc[spoken, "logprobs"]])
    right = (found.after.labels[spoken] == "truthful").to_numpy()
    brier = f"{np.mean((sure - right) ** 2):.3f} ("

    page = opened(answers).run()
    assert not page.exception
    assert not page.error
    beside = frame_with(page, "estimator", "accuracy").set_index("estimator").loc["EAVSS (held-out half)"]
    assert beside["answers"] == spoken.sum()
    assert beside["Brier ↓"].startswith(brier)
    theirs = frame_with(page, "data set", "theirs", "ours").set_index(["data set", "metric", "estimator"])
    cell = theirs.loc["TruthfulQA", "Brier ↓", "EAVSS (held-out half)"]
    assert cell["ours"].startswith(brier)
    assert cell["our answers"] == spoken.sum()
    assert beside["Brier ↓"] == cell["ours"], "one figure, wherever it stands"

    # An average says of how many sets it is, and theirs stands beside the mean of the rows that it should be of.
    average = theirs.loc["Average", "Brier ↓", SEQUENCE]
    one = theirs.loc["TruthfulQA", "Brier ↓", SEQUENCE]
    assert average["ours"] == f"{one['ours'].split(' ')[0]}, mean of 1 of 5 sets"
    assert average["theirs"] == f"0.225 (mean of their rows {(0.234 + 0.225 + 0.221 + 0.259 + 0.246) / 5:.3f})"
    assert one["theirs"] == "0.259"

    # The newest answers to this set are a half of it; whole ones alone are offered, one at a time.
    chosen = page.selectbox("hallucination-table2-TruthfulQA")
    assert len(chosen.options) == 3
    assert f", {QUESTIONS} answers (run" in chosen.options[0]
    assert ", 10 answers (run" in chosen.options[1]
    assert one["our answers"] == (frame["logprobs"].map(len) > 0).sum()
    chosen.set_value(fewer.id).run()
    assert not page.exception
    theirs = frame_with(page, "data set", "theirs", "ours").set_index(["data set", "metric", "estimator"])
    assert theirs.loc["TruthfulQA", "ECE ↓", SEQUENCE]["our answers"] <= 10
    assert theirs.loc["TruthfulQA", "ECE ↓", "EAVSS (held-out half)"]["ours"] == "not measured"
    chosen.set_value("none").run()
    theirs = frame_with(page, "data set", "theirs", "ours")
    assert (theirs.loc[theirs["data set"] == "TruthfulQA", "ours"] == "not at hand").all()


def test_questions_that_are_gone_do_not_hide_the_table(
    tmp_path: Path, workers: str, answers: AnswersRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(tmp_path / "runs.db"))
    monkeypatch.setenv("AVSS_STORE", store.url)
    jobs = Jobs(store, workers)
    assert jobs.wait(jobs.submit(answers).id).status == "done"
    jobs.close()
    other = tmp_path / "other.jsonl"
    other.write_text(Path(answers.corpus.source).read_text())
    elsewhere = ConfidenceRequest.of(replace(answers, corpus=CorpusSpec(str(other), part="all")))
    run = store.start_run(elsewhere.run_id(), elsewhere.kind, elsewhere.to_dict())
    assert run is not None
    store.end_run(run.id, run.attempt, "done")
    other.unlink()
    page = opened(answers).run()
    assert not page.exception
    assert not page.error
    theirs = frame_with(page, "data set", "theirs", "ours").set_index(["data set", "metric", "estimator"])
    assert theirs.loc["TruthfulQA", "ECE ↓", SEQUENCE]["ours"] != "not at hand"


def test_only_a_finished_training_of_the_prone_blocks_counts(tmp_path: Path, answers: AnswersRequest) -> None:
    store = Store(str(tmp_path / "runs.db"))

    def made(request: MitigateRequest | AnswersRequest) -> str:
        run = store.start_run(request.run_id(), request.kind, request.to_dict())
        assert run is not None
        store.end_run(run.id, run.attempt, "done")
        return run.id

    highest = MitigateRequest(answers)
    made(replace(highest, settings=MitigationSettings(choice="random")))
    made(replace(highest, settings=MitigationSettings(blocks=(1,))))
    made(replace(highest, answers=replace(answers, most_tokens=5)))
    assert newest_eavss(store, answers) is None
    made(highest)
    assert newest_eavss(store, answers) is None, "the answers before it are not there"
    made(highest.held_out)
    newer = made(replace(highest, settings=MitigationSettings(steps=7)))
    run = newest_eavss(store, replace(answers, model=replace(answers.model, device="cpu")))
    assert run is not None
    assert run.id == newer
    assert newest_eavss(store, replace(answers, removed=(1,))) is None
    row = eavss_row(store, None, p=0.9)
    assert (row["estimator"], row["n"], row["cov@90"], row["note"]) == ("EAVSS", 0, None, NOT_TRAINED)
    assert answers_count(store, newer) == 0
