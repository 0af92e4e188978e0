"""Every page and every view draws from a finished profile, and says in a box what it cannot draw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from random_models import build
from streamlit.testing.v1 import AppTest

from avss_core.activations.measure import measure
from avss_core.activations.parquet import write_profile
from avss_core.corpora.spec import CorpusSpec
from avss_core.corpora.windows import Window
from avss_core.jobs import ProfileRequest
from avss_core.models.load import wrap
from avss_core.models.spec import ModelSpec
from avss_core.runs import Store

ROOT = Path(__file__).parents[2]
VIEWS = ("AVSS", "Variance", "Sparsity", "Norms", "All statistics", "Magnitudes", "Massive", "Features", "Stability")


class NoTokenizer:
    pad_token_id = 0


@pytest.fixture
def finished_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with a finished profile of a random 4-block Llama, in 5 shards."""
    model = wrap(build("llama"), NoTokenizer())
    drawn = np.random.default_rng(0).integers(3, 120, size=(5, 20)).tolist()
    store = Store(str(tmp_path / "avss.db"))
    monkeypatch.setenv("AVSS_STORE", store.url)
    request = ProfileRequest(ModelSpec(source=str(tmp_path)), CorpusSpec(), ("residual", "update"))
    run = store.start_run(request.run_id(), request.kind, request.to_dict())
    assert run is not None
    for number, ids in enumerate(drawn):
        shard = measure(model, [Window(number, 0, tuple(ids))], request.sites)
        store.add_unit(run.id, number, len(ids), 0.1, lambda path, shard=shard: write_profile(shard, path))
    store.add_facts(run.id, run.attempt, blocks=4, tokens=100, predicts_next_token=True)
    store.update_run(run.id, run.attempt, n_units=5)
    store.end_run(run.id, run.attempt, "done")
    return store


def opened(page: str) -> AppTest:
    """The page as the dashboard shows it, without the connection to any worker."""
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from pages import {page}
from pages.parts.choose_run import choose_run
from pages.parts.trouble import told_in_a_box
st.cache_resource.clear()
with told_in_a_box():
    choose_run()
    {page}.page()
"""
    return AppTest.from_string(script, default_timeout=60)


@pytest.mark.parametrize("page", ["compare", "methods", "prune"])
def test_page_is_drawn(finished_profile: Store, page: str) -> None:
    shown = opened(page).run()
    assert not shown.exception
    assert not shown.error
    assert shown.title[0].value.lower() == page


@pytest.mark.parametrize("view", VIEWS)
def test_view_is_drawn(finished_profile: Store, view: str) -> None:
    shown = opened("profile")
    shown.session_state["view"] = view
    shown.run()
    assert not shown.exception
    assert not shown.error
    assert len(shown.get("plotly_chart")) >= 1


def test_epsilon_of_zero_is_told_in_a_box(finished_profile: Store) -> None:
    script = opened("profile")
    script.session_state["epsilon"] = 0.0
    shown = script.run()
    assert not shown.exception
    assert "ε must be a positive number" in shown.error[0].value
