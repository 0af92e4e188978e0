"""The Methods page, over rankings that were really measured on a random model."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from tiny_model import save_tiny_model, write_documents

from avss_core.corpora.read import read_corpus
from avss_core.corpora.spec import CorpusSpec
from avss_core.corpora.windows import make_windows, shard_windows
from avss_core.importance.rank_job import rank_unit
from avss_core.importance.settings import RankSettings
from avss_core.jobs import ProfileRequest, RankRequest
from avss_core.models.load import load_model
from avss_core.models.spec import ModelSpec
from avss_core.runs import Store

ROOT = Path(__file__).parents[2]
METHODS = ("avss", "block_influence", "lrp", "ablation")
VIEWS = ("Ranks", "Scores", "Against ablation", "Agreement", "Overlap", "Relevance")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with a profile's line and the rankings of three methods of a tiny model."""
    folder = tmp_path_factory.mktemp("methods")
    store = Store(str(folder / "avss.db"))
    spec = ModelSpec(str(save_tiny_model(folder / "model")), dtype="float32")
    corpus = CorpusSpec(str(write_documents(folder / "text.jsonl", 12, 40)), length=64)
    profile = ProfileRequest(spec, corpus)
    model = load_model(profile.model)
    run = store.start_run(profile.run_id(), profile.kind, profile.to_dict())
    assert run is not None
    store.add_facts(run.id, 1, blocks=model.n_blocks, tokens=100, predicts_next_token=True)
    store.end_run(run.id, 1, "done")
    # As the page asks for them: so many tokens of the profiled part.
    asked = RankRequest(
        profile.model, CorpusSpec.from_dict({**profile.corpus.to_dict(), "max_tokens": 1000}), RankSettings(METHODS)
    )
    windows = make_windows(read_corpus(asked.corpus), model.tokenizer)
    for part in asked.parts():
        entered = store.start_run(part.run_id(), part.kind, part.to_dict())
        assert entered is not None
        for number, shard in enumerate(shard_windows(windows, 200)):
            write = rank_unit(model, shard, part.settings, lambda tokens: None)
            store.add_unit(entered.id, number, 1, 0.1, write)
        store.add_facts(entered.id, 1, blocks=model.n_blocks)
        store.end_run(entered.id, 1, "done")
    return store


def opened() -> AppTest:
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from pages import methods
from pages.parts.choose_run import choose_run
st.cache_resource.clear()
choose_run()
methods.page()
"""
    test = AppTest.from_string(script, default_timeout=60)
    test.session_state["rank-methods"] = list(METHODS)
    return test


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_drawn(measured: Store, monkeypatch: pytest.MonkeyPatch, view: str) -> None:
    monkeypatch.setenv("AVSS_STORE", measured.url)
    page = opened()
    page.session_state["methods-view"] = view
    page.run()
    assert not page.exception
    assert not page.error
    assert len(page.get("plotly_chart")) == 2, "quality against cost, and the chosen view"
    if view == "Relevance":
        told = next(text.value for text in page.markdown if text.value.startswith("**lrp**"))
        assert "100.0% of the output's relevance arrives at the input" in told, "this model has no biases"
    table = page.dataframe[0].value
    assert list(table["method"]) == list(METHODS)
    assert table["spearman"].iloc[-1] == pytest.approx(1.0)
    assert (table["block_runs"] > 0).all()
    assert table["perplexity"].isna().all()
    assert any("evaluate" in button.label for button in page.button)
