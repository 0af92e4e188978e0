"""The Search page on a tiny model with real workers: started, followed, judged on held-out text, handed on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from tiny_model import save_tiny_model, write_documents

from avss_core.corpora.spec import CorpusSpec
from avss_core.jobs import EvaluateRequest, ProfileRequest, SearchRequest
from avss_core.jobs.search_results import held_out_table, search_records
from avss_core.models.spec import ModelSpec
from avss_core.pruning.search import Limits, Search, SearchSettings
from avss_core.runs import Store
from pages.parts import choose_text, engine
from pages.parts.picked_cut import KEY, HandedCut
from pages.parts.search_live import with_held_out
from pages.parts.search_settings import other_part

ROOT = Path(__file__).parents[2]
PAGE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from pages import search
from pages.parts.choose_run import choose_run
from pages.parts.trouble import told_in_a_box
with told_in_a_box():
    choose_run()
    search.page()
"""


@pytest.fixture
def store(tmp_path: Path, workers: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store in which a random model of 4 blocks counts as profiled; its text has held-out documents."""
    st.cache_resource.clear()
    store = Store(str(tmp_path / "avss.db"))
    monkeypatch.setenv("AVSS_STORE", store.url)
    monkeypatch.setenv("AVSS_SCHEDULER", workers)
    text = write_documents(tmp_path / "text.jsonl", documents=12, characters=100)
    model = ModelSpec(str(save_tiny_model(tmp_path / "model", blocks=4)), dtype="float32")
    request = ProfileRequest(model, CorpusSpec(str(text), length=64))
    run = store.start_run(request.run_id(), request.kind, request.to_dict())
    assert run is not None
    store.add_facts(run.id, run.attempt, blocks=4, tokens=100, predicts_next_token=True)
    store.end_run(run.id, run.attempt, "done")
    yield store
    engine.jobs().close()
    st.cache_resource.clear()


def searched(shown: AppTest, store: Store, runs: int) -> None:
    """Draw the page again and again until all that was started has ended."""
    shown.button("search-start").click().run()
    end = time.monotonic() + 60
    while len(store.runs("search")) < runs or not all(run.ended for run in store.runs()):
        assert time.monotonic() < end, "it did not end in time"
        time.sleep(0.2)
        shown.run()
    for _ in range(2):  # the held-out evaluation is started when the page finds the search at its end
        shown.run()
        while not all(run.ended for run in store.runs()):
            time.sleep(0.1)
    shown.run()
    assert not shown.exception
    assert not shown.error


def frame_with(shown: AppTest, column: str) -> pd.DataFrame:
    (frame,) = [table.value for table in shown.dataframe if column in table.value.columns]
    return frame


def test_searches_from_start_to_the_prune_page(store: Store) -> None:
    shown = AppTest.from_string(PAGE, default_timeout=60).run()
    assert not shown.exception
    assert not shown.error
    assert "Nothing has been searched for" in shown.info[0].value
    assert store.runs("search") == []

    (profile,) = (ProfileRequest.from_dict(run.spec) for run in store.runs("profile"))
    settings = SearchSettings(Search.GREEDY, Limits(most=3))
    given_up = SearchRequest(profile.model, replace(profile.corpus, max_tokens=1000), "perplexity", settings)
    run = store.start_run(given_up.run_id(), given_up.kind, given_up.to_dict(), {"blocks": 4})
    assert run is not None
    store.end_run(run.id, run.attempt, "cancelled")
    shown.run()
    assert not shown.exception
    assert "Cancelled after 0 steps" in shown.warning[0].value
    store.delete_run(run.id)

    assert shown.number_input("search-convergence-perplexity").value == 1e-4
    shown.selectbox("search-task").set_value("sentiment").run()
    assert shown.number_input("search-convergence-sentiment").value == 0, "an accuracy often does not move at all"
    shown.number_input("search-convergence-sentiment").set_value(0.01).run()
    assert any("leaves accuracy just as it was" in caption.value for caption in shown.caption)
    shown.selectbox("search-task").set_value("perplexity").run()

    for end in ("first", "last"):
        shown.toggle(f"protect-{end}").set_value(False)
    shown.slider("search-most").set_value(2)
    shown.number_input("search-tolerance").set_value(9.0)
    shown.run()
    searched(shown, store, runs=1)
    (run,) = store.runs("search")
    request = SearchRequest.from_dict(run.spec)
    assert (request.settings.search.value, request.settings.limits.most) == ("iterative", 2)
    assert (request.corpus.part, request.settings.rule.tolerance) == ("profile", 9.0)  # type: ignore[union-attr]
    steps = [record.step for record in search_records(store, run.id)]
    table = frame_with(shown, "block tried")
    assert table["removed so far"].tolist() == [" ".join(map(str, step.removed)) for step in steps]
    assert table["retained, held out"].notna().all(), "it was judged without being asked to"
    (judged,) = store.runs("evaluate")
    assert judged.spec["corpus"]["part"] == "evaluate"

    shown.session_state["search-way"] = "greedy"
    shown.run()
    searched(shown, store, runs=2)
    costs = frame_with(shown, "cuts")
    assert len(costs) == 2
    assert set(costs["removed"]) == {2}

    picked = [record.step for record in search_records(store, store.runs("search")[0].id)][-1]
    shown.button("search-pick").click().run()
    request = SearchRequest.from_dict(store.runs("search")[0].spec)
    expected = HandedCut(request.model.identity(), picked.removed, "greedy, step 2", (request.corpus,))
    assert shown.session_state[KEY] == expected
    assert "The Prune page shows the cut of greedy, step 2" in shown.success[0].value


def test_of_another_text_one_part_is_searched_on_and_the_other_judges(store: Store, tmp_path: Path) -> None:
    other = str(write_documents(tmp_path / "other.jsonl", documents=12, characters=60, seed=5))
    shown = AppTest.from_string(PAGE, default_timeout=60)
    shown.session_state["search-perplexity-source"] = other
    shown.session_state["search-way"] = "greedy"
    shown.session_state["search-most"] = 1
    shown.run()
    searched(shown, store, runs=1)
    (search,), (judged,) = store.runs("search"), store.runs("evaluate")
    assert CorpusSpec.from_dict(search.spec["corpus"]) == CorpusSpec(other, length=64, max_tokens=1000)
    assert CorpusSpec.from_dict(judged.spec["corpus"]) == CorpusSpec(other, "evaluate", length=64, max_tokens=4000)
    assert frame_with(shown, "block tried")["retained, held out"].notna().all()


@pytest.mark.usefixtures("as_stored")
def test_what_is_judged_is_shown_while_another_search_is_under_way(store: Store) -> None:
    shown = AppTest.from_string(PAGE, default_timeout=60)
    shown.session_state["search-way"] = "greedy"
    shown.session_state["search-most"] = 1
    searched(shown.run(), store, runs=1)
    (done,), (judged,) = store.runs("search"), store.runs("evaluate")
    request = SearchRequest.from_dict(done.spec)
    other = replace(request, settings=replace(request.settings, limits=Limits(most=2)))
    judging = replace(EvaluateRequest.from_dict(judged.spec), cuts=((), (1, 2)))
    for asked in (other, judging):
        assert store.start_run(asked.run_id(), asked.kind, asked.to_dict(), {"blocks": 4}) is not None

    fresh = AppTest.from_string(PAGE, default_timeout=60)
    fresh.session_state["search-look-at"] = other.run_id()
    fresh.run()
    assert not fresh.exception
    cancels = [button.key for button in fresh.button if button.label == "Cancel"]
    assert sorted(cancels) == [f"cancel-search-{other.run_id()}", f"cancel-search-held-out-{judging.run_id()}"]


def test_the_data_beside_the_figure_has_the_held_out_values_that_it_draws() -> None:
    steps = pd.DataFrame({"number": [1, 2], "value": [20.0, 30.0]})
    known = pd.DataFrame({"number": [2], "value": [33.0], "low": [31.0], "high": [36.0], "n": [9]})
    judged = known.assign(retained=0.6, retained_low=0.5, retained_high=0.7)
    data = with_held_out(steps, judged)
    assert data["value"].tolist() == [20.0, 30.0]
    assert data.loc[1, [f"held_out_{end}" for end in ("value", "low", "high", "n")]].tolist() == [33.0, 31.0, 36.0, 9]
    assert data.loc[1, "held_out_retained"] == 0.6
    assert data.loc[0].filter(like="held_out").isna().all()
    assert with_held_out(steps, held_out_table([], {})).filter(like="held_out").isna().all(axis=None)


OVERLAID = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from pages.parts.search_overlay import _choose_laid_over
st.session_state["chosen"] = _choose_laid_over(st.session_state["labels"], st.session_state["text"])
"""


def test_the_searches_that_are_laid_over_one_another_stay_when_others_come_go_or_grow() -> None:
    shown = AppTest.from_string(OVERLAID, default_timeout=60)

    def overlaid(**labels: str) -> list[str]:
        shown.session_state["labels"], shown.session_state["text"] = labels, "text"
        assert not shown.run().exception
        return list(shown.session_state["chosen"])

    assert overlaid(b="beam, 1 removed", a="greedy") == ["b", "a"]
    shown.multiselect[0].set_value(["b"])
    assert overlaid(b="beam, 2 removed", a="greedy") == ["b"], "what was left out stays so"
    assert overlaid(c="iterative", b="beam, 3 removed", a="greedy") == ["b", "c"], "a new one comes to it"
    assert overlaid(c="iterative", a="greedy") == ["c"]
    shown.session_state["text"] = "another"
    shown.session_state["labels"] = {str(number): str(number) for number in range(8)}
    assert list(shown.run().session_state["chosen"]) == [str(number) for number in range(6)]
    assert overlaid(c="iterative", a="greedy") == ["c"]


@pytest.mark.parametrize("part", ["profile", "all"])
def test_the_text_that_is_searched_on_at_first_is_the_profiled_one(tmp_path: Path, part: str) -> None:
    profiled = CorpusSpec(str(tmp_path / "text.jsonl"), part, column="body", length=64, subset=(0, 2))
    run = SimpleNamespace(spec={"corpus": profiled.to_dict()})
    held_out = choose_text.held_out(run, 4000)  # type: ignore[arg-type]
    assert other_part(held_out, 1000) == choose_text.calibration(run, 1000)  # type: ignore[arg-type]
