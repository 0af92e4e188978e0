"""Pages opened while a profile runs say how far it is, and go on when it has come far enough."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from tiny_model import write_documents

from avss_core.corpora import CorpusSpec
from avss_core.jobs import ProfileRequest
from avss_core.models import ModelSpec
from avss_core.runs import Run, Store

ROOT = Path(__file__).parents[2]


def opened(page: str) -> AppTest:
    """The page as the dashboard shows it."""
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from pages import {page}
from pages.parts.choose_run import choose_run
from pages.parts.trouble import told_in_a_box
if "cleared" not in st.session_state:
    st.cache_resource.clear()
    st.session_state["cleared"] = True
with told_in_a_box():
    choose_run()
    {page}.page()
"""
    return AppTest.from_string(script, default_timeout=60).run()


@pytest.fixture
def begun(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Store, ProfileRequest]:
    """A profile that has been started and has done nothing; no worker is asked how far it is."""
    store = Store(str(tmp_path / "avss.db"))
    monkeypatch.setenv("AVSS_STORE", store.url)
    monkeypatch.setattr("pages.parts.wait_for_profile.follow", lambda run_id, name: store.run(run_id))
    text = CorpusSpec(str(write_documents(tmp_path / "text.jsonl", documents=4, characters=100)), length=64)
    request = ProfileRequest(ModelSpec(str(tiny_model), dtype="float32"), text)
    store.start_run(request.run_id(), request.kind, request.to_dict())
    return store, request


def waits(page: AppTest) -> bool:
    """Whether the page waits; it says nothing wrong either way."""
    assert not page.exception
    assert not page.error
    return any(info.value.startswith("This page goes on by itself when") for info in page.info)


def test_pages_wait_for_what_they_need(begun: tuple[Store, ProfileRequest]) -> None:
    store, request = begun
    run = store.run(request.run_id())
    prune, heal = opened("prune"), opened("heal")
    assert waits(prune)
    assert waits(heal)
    store.add_facts(run.id, run.attempt, blocks=4, predicts_next_token=True)
    assert waits(prune.run()), "blocks are ranked by the whole profile"
    assert not waits(heal.run())
    assert heal.button


def test_a_page_goes_on_by_itself(begun: tuple[Store, ProfileRequest], monkeypatch: pytest.MonkeyPatch) -> None:
    store, request = begun
    run = store.run(request.run_id())

    def loaded_meanwhile(run_id: str, name: str) -> Run:
        store.add_facts(run.id, run.attempt, blocks=4, predicts_next_token=True)
        return store.run(run_id)

    monkeypatch.setattr("pages.parts.wait_for_profile.follow", loaded_meanwhile)
    heal = opened("heal")
    assert not waits(heal)
    assert heal.button


def test_a_profile_that_fails_meanwhile_is_not_waited_for_any_longer(
    begun: tuple[Store, ProfileRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, request = begun
    run = store.run(request.run_id())

    def failed_meanwhile(run_id: str, name: str) -> Run:
        store.end_run(run.id, run.attempt, "failed", "There is no model there.")
        return store.run(run_id)

    monkeypatch.setattr("pages.parts.wait_for_profile.follow", failed_meanwhile)
    page = opened("prune")
    assert not waits(page)
    assert "start it again on the Overview page" in page.info[0].value


def test_a_profile_that_ended_too_early_is_not_waited_for(begun: tuple[Store, ProfileRequest]) -> None:
    store, request = begun
    run = store.run(request.run_id())
    store.end_run(run.id, run.attempt, "failed", "There is no model there.")
    page = opened("sweep")
    assert not waits(page)
    assert [info.value for info in page.info] == [
        "This profile did not come so far; start it again on the Overview page."
    ]
