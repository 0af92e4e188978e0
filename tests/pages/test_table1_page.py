"""The papers' table on its page: started, filled while one looks, and never filled where nothing was measured."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from avss_core.jobs.table1.requests import original_of
from avss_core.models.spec import ModelSpec
from avss_core.runs import Store
from avss_core.studies.table1 import Table1Study
from pages.parts.table1_plan import Started

ROOT = Path(__file__).parents[2]
SCRIPT = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from pages import table1
from pages.parts.trouble import told_in_a_box
if "cleared" not in st.session_state:
    st.cache_resource.clear()
    st.session_state["cleared"] = True
with told_in_a_box():
    table1.page()
"""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    store = Store(str(tmp_path / "avss.db"))
    monkeypatch.setenv("AVSS_STORE", store.url)
    return store


def test_before_anything_is_run_there_is_the_papers_table_and_no_number_of_ours(store: Store) -> None:
    shown = AppTest.from_string(SCRIPT, default_timeout=60).run()
    assert not shown.exception
    assert not shown.error
    assert shown.title[0].value == "Papers' table"
    [table] = [element.value for element in shown.dataframe]
    ours, theirs = table[table["whose"] == "measured here"], table[table["whose"] == "the paper's figure"]
    assert set(ours["model"]) == {"default", "standin-classifier (stand-in for DistilBERT)"}
    assert set(ours["note"]) == {"not run yet"}
    assert set(ours["avss"]) == {"–"}
    assert len(theirs) == 12
    assert theirs["avss"].str.match(r"\d").all()
    assert len(shown.get("plotly_chart")) == 1
    assert any("is our reading: " in text.value and "LLama-7B is " in text.value for text in shown.caption)


def test_nothing_chosen_is_no_fault(store: Store) -> None:
    shown = AppTest.from_string(SCRIPT, default_timeout=60)
    shown.session_state["table1-models"] = []
    shown.run()
    assert not shown.exception
    assert "at least one model" in shown.info[0].value


def test_a_run_whose_findings_are_gone_ends_the_plan(store: Store, tiny_model: Path) -> None:
    study = Table1Study((ModelSpec(str(tiny_model)),), ("sentiment:sentiment",), ("magnitude",), 2)
    request = original_of(study.rows()[0])
    run = store.start_run(request.run_id(), request.kind, request.to_dict())
    assert run is not None
    store.end_run(run.id, run.attempt, "done")  # and nothing is kept of it
    shown = AppTest.from_string(SCRIPT, default_timeout=60)
    shown.session_state["table1-models"] = [str(tiny_model)]
    shown.session_state["table1-tasks"] = ["sentiment:sentiment"]
    shown.session_state["table1-methods"] = ["magnitude"]
    shown.session_state["table1-repeats"] = 2
    shown.session_state["table1-plan"] = Started(study, 0.0, run.id)
    shown.run()
    assert not shown.exception
    assert "gone from the store; delete the run" in shown.error[0].value
    assert "table1-plan" not in shown.session_state, "else it would ask for ever"


def test_what_failed_and_was_made_again_is_drawn_anew(store: Store, tiny_model: Path) -> None:
    study = Table1Study((ModelSpec(str(tiny_model)),), ("sentiment:sentiment",), ("magnitude",), 2)
    request = original_of(study.rows()[0])

    def fail(error: str) -> None:
        run = store.start_run(request.run_id(), request.kind, request.to_dict())
        assert run is not None
        store.end_run(run.id, run.attempt, "failed", error)

    shown = AppTest.from_string(SCRIPT, default_timeout=60)
    shown.session_state["table1-models"] = [str(tiny_model)]
    shown.session_state["table1-tasks"] = ["sentiment:sentiment"]
    shown.session_state["table1-methods"] = ["magnitude"]
    shown.session_state["table1-repeats"] = 2
    for error in ("No memory was left.", "The loss is not finite."):
        fail(error)
        shown.run()
        assert not shown.exception
        [table] = [element.value for element in shown.dataframe]
        assert table.loc[table["whose"] == "measured here", "note"].tolist() == [error]


def test_it_fills_while_one_looks(
    store: Store, workers: str, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVSS_SCHEDULER", workers)
    shown = AppTest.from_string(SCRIPT, default_timeout=60)
    shown.session_state["table1-models"] = [str(tiny_model)]
    shown.session_state["table1-tasks"] = ["sentiment:sentiment"]
    shown.session_state["table1-methods"] = ["magnitude", "random"]
    shown.session_state["table1-repeats"] = 2
    shown.session_state["table1-tokens"] = 200
    shown.session_state["table1-held-out"] = 500
    shown.run()
    assert not shown.exception
    shown.button(key="table1-start").click().run()
    deadline = time.time() + 60
    while "table1-plan" in shown.session_state and time.time() < deadline:
        time.sleep(0.3)
        shown.run()
        assert not shown.exception
        assert not shown.error
    [table] = [element.value for element in shown.dataframe]
    [ours] = table[table["whose"] == "measured here"].to_dict("records")
    assert float(ours["original"]) <= 1
    assert ours["magnitude"].endswith("(same cut)"), "the weights do not depend on the sample"
    assert ours["note"] == "fewer than 5 samples"
    assert {run.status for run in store.runs()} == {"done"}

    from pages.parts.engine import jobs  # the page's own; it can be found since the page was run

    jobs().close()
