"""An evaluation that was started elsewhere is taken up; what is followed here goes first while it is under way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st

from avss_core.corpora.spec import CorpusSpec
from avss_core.jobs import EvaluateRequest
from avss_core.models.spec import ModelSpec
from avss_core.runs import Run, Store
from pages.parts.evaluate_cuts import follow_evaluation

BASE = EvaluateRequest(ModelSpec("owner/name"), CorpusSpec(part="evaluate"), "perplexity", ((),))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    made = Store(str(tmp_path / "avss.db"))
    monkeypatch.setattr("pages.parts.evaluate_cuts.store", lambda: made)
    monkeypatch.setattr(st, "session_state", {})
    return made


def begin(store: Store, request: EvaluateRequest) -> Run:
    run = store.start_run(request.run_id(), request.kind, request.to_dict())
    assert run is not None
    return run


def followed() -> str | None:
    follow_evaluation(BASE, "here")
    return st.session_state.get("here-run")


def test_the_newest_of_the_same_model_text_and_task_is_taken_up(store: Store) -> None:
    assert followed() is None
    begin(store, replace(BASE, task="sentiment"))
    begin(store, replace(BASE, corpus=replace(BASE.corpus, max_tokens=9)))
    begin(store, replace(BASE, cuts=((1,),), healing="1234"))
    assert followed() is None
    run = begin(store, replace(BASE, cuts=((), (1, 2))))
    assert followed() == run.id
    later = begin(store, replace(BASE, cuts=((), (3,))))
    assert followed() == run.id, "it is under way"
    store.end_run(run.id, run.attempt, "done")
    assert followed() == later.id
    store.end_run(later.id, later.attempt, "cancelled")
    assert followed() == later.id, "its end can still be read"
