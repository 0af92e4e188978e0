"""The Sweep page: from a profile and evaluations in the store to chart, slider and strips; and with real workers."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
import streamlit as st
import torch
from cutoff_sliders import drawn, move, notes, readings, standing
from known_losses import KnownLosses
from random_models import build
from streamlit.testing.v1 import AppTest
from tiny_model import write_documents

from avss_core.activations import merge_profiles
from avss_core.activations.measure import measure
from avss_core.activations.parquet import write_profile
from avss_core.corpora import CorpusSpec
from avss_core.corpora.windows import Window
from avss_core.importance import score_table
from avss_core.importance.avss import lowest_first
from avss_core.importance.rank_job import rank_unit
from avss_core.importance.settings import RankSettings
from avss_core.jobs import EvaluateRequest, Jobs, ProfileRequest, RankRequest
from avss_core.jobs.results import finished_profile
from avss_core.models import ModelSpec
from avss_core.models.load import LoadedModel, wrap
from avss_core.runs import Store
from avss_core.tasks import task_named
from avss_core.variants import Variant

ROOT = Path(__file__).parents[2]
M = 8
FACTS = {"blocks": M, "block_parameters": [10] * M, "parameters": 100, "tokens": 100, "predicts_next_token": True}
HELD_OUT = CorpusSpec(part="evaluate", max_tokens=4000)
KNOWN = KnownLosses(lambda removed: 2 + 0.1 * len(removed) + 0.02 * sum(removed))


class NoTokenizer:
    pad_token_id = 0


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Store, ProfileRequest]:
    """A store with a finished profile of a random 8-block Llama, in 5 shards."""
    model = wrap(build("llama", M), NoTokenizer())
    drawn = np.random.default_rng(0).integers(3, 120, size=(5, 20)).tolist()
    store = Store(str(tmp_path / "avss.db"))
    monkeypatch.setenv("AVSS_STORE", store.url)
    request = ProfileRequest(ModelSpec(source=str(tmp_path / "model")), CorpusSpec(), ("residual", "update"))
    run = store.start_run(request.run_id(), request.kind, request.to_dict(), FACTS)
    assert run is not None
    for number, ids in enumerate(drawn):
        shard = measure(model, [Window(number, 0, tuple(ids))], request.sites)
        store.add_unit(run.id, number, len(ids), 0.1, lambda path, shard=shard: write_profile(shard, path))
    store.update_run(run.id, run.attempt, n_units=5)
    store.end_run(run.id, run.attempt, "done")
    return store, request


def evaluate(store: Store, request: ProfileRequest, cuts: Iterable[tuple[int, ...]]) -> None:
    """Lay evaluations on the page's held-out text into the store."""
    asked = EvaluateRequest(request.model, HELD_OUT, "perplexity", tuple(cuts))
    run = store.start_run(asked.run_id(), asked.kind, asked.to_dict(), FACTS)
    assert run is not None
    for cut in asked.cuts:
        frame = KNOWN.frame(cut)
        result = task_named("perplexity").summarise(frame).to_dict()
        store.add_evaluation(asked.evaluation_key(cut), run.id, Variant.without(M, cut).kept, result, frame)
    store.end_run(run.id, run.attempt, "done")


WINDOWS = [Window(n, 0, tuple(range(3 + 5 * n, 20 + 5 * n))) for n in range(4)]


def rank_by_angle(store: Store, request: ProfileRequest) -> LoadedModel:
    """Lay a finished ranking by angular distance over `WINDOWS` into the store; gives the model."""
    ranked = RankRequest(request.model, CorpusSpec(max_tokens=1000), RankSettings(("angular",)))
    (part,) = ranked.parts()
    run = store.start_run(part.run_id(), part.kind, part.to_dict(), FACTS | {"model_identity": part.model.identity()})
    assert run is not None
    model = wrap(build("llama", M), NoTokenizer())
    store.add_unit(run.id, 0, 60, 0.1, rank_unit(model, WINDOWS, part.settings, lambda tokens: None))
    store.end_run(run.id, run.attempt, "done")
    return model


def best_stretch(model: LoadedModel, n: int) -> tuple[int, ...]:
    """The n consecutive blocks between the protected ends over which the state turns least, by Hugging Face:
    the mean angle between the states before and after them, at the last token of every window."""

    def turn(first: int) -> float:
        angles = []
        for window in WINDOWS:
            with torch.inference_mode():
                states = model.network(torch.tensor([window.ids]), output_hidden_states=True).hidden_states
            one, other = (states[block][0, -1].double().numpy() for block in (first, first + n))
            angles.append(np.arccos(one @ other / (np.linalg.norm(one) * np.linalg.norm(other))))
        return float(np.mean(angles))

    first = min(range(1, M - n), key=turn)
    return tuple(range(first, first + n))


def opened() -> AppTest:
    """The page as the dashboard shows it."""
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from pages import sweep
from pages.parts.choose_run import choose_run
from pages.parts.trouble import told_in_a_box
if "opened" not in st.session_state:
    st.session_state["opened"] = True
    st.cache_resource.clear()
    st.cache_data.clear()
with told_in_a_box():
    choose_run()
    sweep.page()
"""
    return AppTest.from_string(script, default_timeout=60)


def order_of(store: Store) -> list[int]:
    """The blocks in the order in which the page's AVSS removes them, the protected ends left out."""
    (run,) = store.runs(ProfileRequest.kind)
    table = score_table(merge_profiles(finished_profile(store, run.id)), "residual")
    return [block for block in lowest_first(table["avss"]) if block not in (0, M - 1)]


def quiet(shown: AppTest) -> AppTest:
    assert not shown.exception
    assert not shown.error
    return shown


def said(shown: AppTest) -> str:
    return "\n".join(caption.value for caption in shown.caption)


def test_before_anything_is_evaluated(profile: tuple[Store, ProfileRequest]) -> None:
    shown = quiet(opened().run())
    assert shown.title[0].value == "Sweep"
    assert shown.multiselect("sweep-methods").value == ["AVSS (residual)"]
    # 1 + 4 cutoffs, and at most 20 random cuts of each size 1 to 4 from the 6 blocks between the protected ends.
    assert "block runs** as one prefix tree" in said(shown)
    assert "0 are evaluated" in said(shown)
    assert shown.button("sweep-start").label == "Start"
    assert shown.button("sweep-evaluate").label == "Evaluate this cut"
    assert shown.multiselect("sweep-missing").value == ["ablation"], "the oracle is offered first"


def test_the_cost_is_said_as_the_task_runs_cuts(profile: tuple[Store, ProfileRequest]) -> None:
    shown = quiet(opened().run())
    shown.toggle("sweep-random").set_value(False)
    shown = quiet(shown.run())
    order = order_of(profile[0])
    kept = [tuple(block for block in range(M) if block not in order[:n]) for n in range(5)]
    shared = len({blocks[:n] for blocks in kept for n in range(1, len(blocks) + 1)})
    alone = sum(map(len, kept))
    assert alone == 8 + 7 + 6 + 5 + 4
    assert f"**{shared} block runs** as one prefix tree, {alone} if each were a model of its own" in said(shown)
    shown.selectbox("sweep-task").set_value("qa")
    shown = quiet(shown.run())
    assert f"5 different cuts: **{alone} block runs** with each as a model of its own" in said(shown)
    assert f"0 are evaluated; the others take {alone} block runs." in said(shown)
    assert "tree" not in said(shown)


def test_a_finished_sweep(profile: tuple[Store, ProfileRequest]) -> None:
    store, request = profile
    fresh = quiet(opened().run())
    fresh.toggle("sweep-random").set_value(False)
    fresh.run()
    order = order_of(store)
    evaluate(store, request, [tuple(sorted(order[:n])) for n in range(5)])
    shown = quiet(fresh.run())
    assert "5 are evaluated" in said(shown)
    assert shown.button("sweep-start").disabled
    shown = quiet(move(shown, 3))
    numbers = readings(shown)
    cut = tuple(sorted(order[:3]))
    assert numbers["Perplexity after"] == f"{np.exp(KNOWN.loss(frozenset(cut))):.4g}"
    assert numbers["Retained"] == f"{np.exp(KNOWN.loss(frozenset()) - KNOWN.loss(frozenset(cut))):.1%}"
    assert f"Removed: {', '.join(map(str, cut))}." in said(shown)
    # One more than was swept: not known yet.
    shown = quiet(move(shown, 5))
    assert not readings(shown)
    assert shown.button("sweep-evaluate").label == "Evaluate this cut"


def test_the_slider_has_every_cutoff(profile: tuple[Store, ProfileRequest]) -> None:
    shown = quiet(opened().run())
    order = order_of(profile[0])
    for size in (2, 4):
        slider = drawn(quiet(move(shown, size)))
        assert [tuple(cut) for cut in slider["cuts"]] == [tuple(sorted(order[:n])) for n in range(M - 1)]
        assert (slider["blocks"], slider["protected"], slider["at"]) == (M, [0, M - 1], size)


def test_where_no_block_may_go_it_is_one_sentence_and_can_be_undone(profile: tuple[Store, ProfileRequest]) -> None:
    shown = quiet(opened().run())
    shown.number_input("protect-first-count").set_value(M - 1)
    shown = shown.run()
    assert not shown.exception
    assert [error.value for error in shown.error] == [
        f"None of the {M} blocks can be removed; protect fewer, or take a deeper model."
    ]
    assert shown.multiselect("sweep-methods").value == ["AVSS (residual)"]
    shown.number_input("protect-first-count").set_value(M - 2)
    assert "2 different cuts" in said(quiet(shown.run()))


def clicked(shown: AppTest, method: str, removed: int) -> AppTest:
    """The page after a click on a point of the chart, said as the browser says it; AppTest has no charts to click."""
    (chart,) = [chart.proto for chart in shown.get("plotly_chart") if chart.key == "sweep-figure"]
    lines = [trace["name"] if trace.get("mode") == "lines+markers" else "" for trace in json.loads(chart.spec)["data"]]
    states = shown._tree.get_widget_states()
    points = [{"curve_number": lines.index(method), "x": removed}]
    states.widgets.add(id=chart.id, string_value=json.dumps({"selection": {"points": points}}))
    return shown._run(states)


def test_a_click_on_a_point_has_the_slider_stand_at_its_cut(profile: tuple[Store, ProfileRequest]) -> None:
    store, request = profile
    model, stretches = rank_by_angle(store, request), "Angular distance, whole stretches"
    fresh = quiet(opened().run())
    fresh.toggle("sweep-random").set_value(False)
    fresh.multiselect("sweep-methods").set_value(["AVSS (residual)", stretches])
    fresh.run()
    cut = best_stretch(model, 3)
    evaluate(store, request, dict.fromkeys([*(tuple(sorted(order_of(store)[:n])) for n in range(5)), cut]))
    shown = quiet(fresh.run())
    assert (shown.selectbox("sweep-method").value, standing(shown)) == ("AVSS (residual)", 1)
    shown = quiet(clicked(shown, stretches, 3))
    assert (shown.selectbox("sweep-method").value, standing(shown)) == (stretches, 3)
    assert f"Removed: {', '.join(map(str, cut))}." in said(shown)
    shown = quiet(clicked(shown, "AVSS (residual)", 4))
    assert (shown.selectbox("sweep-method").value, standing(shown)) == ("AVSS (residual)", 4)


@pytest.mark.parametrize(
    ("before", "after", "retained", "why"),
    [
        ([0.0, 0.0], [0.0, 1.0], "–", "No interval: the unpruned model has nothing to retain"),
        ([1.0], [0.0], "0.0%", "No interval: it takes two documents"),
        ([1.0, 1.0], [1.0, 1.0], "100.0%", "95 %: 15.8% to 184.2%"),
    ],
)
def test_a_share_or_interval_that_is_not_there_is_said_without_nan(
    profile: tuple[Store, ProfileRequest], before: list[float], after: list[float], retained: str, why: str
) -> None:
    store, request = profile
    asked = EvaluateRequest(request.model, CorpusSpec("sample:sentiment"), "sentiment", ((), (3,)))
    run = store.start_run(asked.run_id(), asked.kind, asked.to_dict(), FACTS)
    assert run is not None
    for cut, correct in zip(asked.cuts, (before, after), strict=True):
        frame = pd.DataFrame({"document": range(len(correct)), "correct": correct})
        result = task_named("sentiment").summarise(frame).to_dict()
        store.add_evaluation(asked.evaluation_key(cut), run.id, Variant.without(M, cut).kept, result, frame)
    store.end_run(run.id, run.attempt, "done")
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from avss_core.jobs import EvaluateRequest
from pages.parts.engine import store
from pages.parts.sweep_cutoff import draw_cutoff
st.cache_resource.clear()
st.session_state["sweep-cutoff"] = 1
draw_cutoff(EvaluateRequest.from_dict(store().run({run.id!r}).spec), {{"a": [(), (3,)]}}, {{}}, (), {M})
"""
    shown = quiet(AppTest.from_string(script, default_timeout=60).run())
    assert (readings(shown)["Retained"], notes(shown)["Retained"]) == (retained, why)
    assert not any("nan" in words for words in (*readings(shown).values(), *notes(shown).values()))


def test_what_began_by_itself_ends_when_the_slider_moves_on(
    profile: tuple[Store, ProfileRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = profile
    asked: list[tuple[int, ...]] = []

    class Workers:
        """Workers that begin what they are asked for and never finish it."""

        @staticmethod
        def cancel(run_id: str) -> None:
            run = store.run(run_id)
            store.end_run(run.id, run.attempt, "cancelled")

    def start(name: str, request: EvaluateRequest) -> None:
        run = store.start_run(request.run_id(), request.kind, request.to_dict(), FACTS)
        assert run is not None
        st.session_state[f"{name}-run"] = run.id
        asked.append(request.cuts[-1])

    monkeypatch.setattr("pages.parts.sweep_cutoff.start_job", start)
    monkeypatch.setattr("pages.parts.sweep_cutoff.jobs", Workers)
    monkeypatch.setattr("pages.parts.sweep_cutoff.draw_job", lambda name: None)
    cuts = {size: tuple(sorted(order_of(store)[:size])) for size in (2, 3)}

    def status(size: int) -> list[str]:
        return [run.status for run in store.runs("evaluate") if run.spec["cuts"][-1] == list(cuts[size])]

    shown = quiet(move(opened().run(), 2))
    assert not asked
    shown.toggle("sweep-auto").set_value(True)
    shown = quiet(shown.run())
    assert (asked, status(2)) == ([cuts[2]], ["waiting"])
    shown = quiet(move(shown, 3))
    assert (asked, status(2), status(3)) == ([cuts[2], cuts[3]], ["cancelled"], ["waiting"])
    shown = quiet(move(shown, 2))
    assert (asked[2:], status(2), status(3)) == ([cuts[2]], ["waiting"], ["cancelled"])
    # What its own Cancel ended stays ended.
    Workers.cancel(next(run.id for run in store.runs("evaluate") if run.status == "waiting"))
    quiet(shown.run())
    assert len(asked) == 3


def test_a_cut_goes_to_the_prune_page(profile: tuple[Store, ProfileRequest]) -> None:
    shown = quiet(opened().run())
    shown = quiet(move(shown, 2))
    shown.button("sweep-open").click()
    shown.run()
    picked, (_, request) = shown.session_state["picked-cut"], profile
    assert picked.removed == tuple(sorted(order_of(profile[0])[:2]))
    assert "AVSS (residual) at 2 of 8 blocks" in picked.reason
    assert (picked.model, picked.measured_on) == (request.model.identity(), (request.corpus,))
    assert picked.method.startswith("AVSS (residual) from the profile of ")


def test_whole_stretches_are_swept_where_angles_are_known(profile: tuple[Store, ProfileRequest]) -> None:
    model = rank_by_angle(*profile)
    shown = quiet(opened().run())
    label = "Angular distance, whole stretches"
    assert {label, "Angular distance", "Block Influence"} <= set(shown.multiselect("sweep-methods").options)
    shown.multiselect("sweep-methods").set_value([label])
    shown = quiet(move(shown, 3))
    shown.button("sweep-open").click()
    shown.run()
    assert shown.session_state["picked-cut"].removed == best_stretch(model, 3)


def test_a_sweep_under_way_is_drawn_from_its_shards(profile: tuple[Store, ProfileRequest]) -> None:
    store, request = profile
    asked = EvaluateRequest(request.model, CorpusSpec(part="evaluate"), "perplexity", ((), (1,), (1, 2)))
    run = store.start_run(asked.run_id(), asked.kind, asked.to_dict(), FACTS)
    assert run is not None
    store.update_run(run.id, run.attempt, status="running", n_units=2)
    rows = pd.concat([KNOWN.frame(cut).assign(kept=Variant.without(M, cut).key) for cut in asked.cuts])
    store.add_unit(run.id, 0, 20, 0.1, rows[rows["document"] == 0].to_parquet)
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from functools import partial
import streamlit as st
from avss_core.jobs import EvaluateRequest
from avss_core.pruning.sweep import plan_sweep
from pages.parts.engine import store
from pages.parts.sweep_figure import sweep_curve
from pages.parts.sweep_job import _draw_growing
st.cache_resource.clear()
run = store().run({run.id!r})
sweep = plan_sweep({{"a": [1, 2, 3]}}, {M}, 0.25, draws=0)
_draw_growing(run.id, EvaluateRequest.from_dict(run.spec), sweep, run.facts, partial(sweep_curve, "perplexity", {M}))
"""
    shown = quiet(AppTest.from_string(script, default_timeout=60).run())
    assert "from 1 of 2 shards" in said(shown)
    figure = json.loads(shown.get("plotly_chart")[0].proto.spec)
    (line,) = [trace for trace in figure["data"] if trace.get("name") == "a" and trace["mode"] == "lines+markers"]
    assert len(numbers(line["y"])) == 3
    assert numbers(line["y"])[2] == pytest.approx(np.exp(KNOWN.loss(frozenset()) - KNOWN.loss(frozenset((1, 2)))))


@pytest.mark.usefixtures("as_stored")
def test_when_all_passes_have_ended_what_was_finished_is_shown_and_what_was_broken_off_told_once(
    profile: tuple[Store, ProfileRequest],
) -> None:
    store, request = profile
    rank_by_angle(store, request)
    given_up = RankRequest(request.model, CorpusSpec(max_tokens=1000), RankSettings(("ablation",)))
    (part,) = given_up.parts()
    run = store.start_run(part.run_id(), part.kind, part.to_dict())
    assert run is not None
    (finished,) = [each.id for each in store.runs("rank") if each.id != run.id]
    shown = opened()
    shown.session_state["sweep-rankings"] = [finished, run.id]
    quiet(shown.run())
    assert f"cancel-sweep-rankings-{run.id}" in [button.key for button in shown.button]
    store.end_run(run.id, run.attempt, "cancelled", "The job was cancelled.")
    quiet(shown.run())
    assert [warning.value for warning in shown.warning] == ["The job was cancelled."]
    assert shown.session_state["sweep-rankings"] == []
    assert not quiet(shown.run()).warning


def numbers(values: object) -> list[float]:
    """Numbers of a plotly trace, which may be packed."""
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).tolist()
    assert isinstance(values, list)
    return values


@pytest.fixture
def own_workers(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The shared workers: processes that would begin by running the page of an earlier test as their main program."""
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    address: str = request.getfixturevalue("workers")
    return address


def test_from_the_button_to_the_chart(
    tiny_model: Path, own_workers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(tmp_path / "avss.db"))
    monkeypatch.setenv("AVSS_STORE", store.url)
    monkeypatch.setenv("AVSS_SCHEDULER", own_workers)
    jobs = Jobs(store, own_workers)
    text = CorpusSpec(str(write_documents(tmp_path / "text.jsonl", documents=20, characters=100)), length=64)
    model = ModelSpec(str(tiny_model), dtype="float32")
    jobs.wait(jobs.submit(ProfileRequest(model, text)).id)

    def wait_for(kind: str, number: int) -> None:
        runs = store.runs(kind)
        assert len(runs) == number
        for run in runs:
            assert jobs.wait(run.id).error is None

    shown = quiet(opened().run())
    for end in ("first", "last"):
        shown.toggle(f"protect-{end}").set_value(False)
    shown.select_slider("sweep-share").set_value(0.25)  # one block of three
    shown = quiet(move(shown, 0))
    shown.button("sweep-start").click()
    shown = quiet(shown.run())
    wait_for("evaluate", 1)
    shown = quiet(shown.run())
    assert shown.button("sweep-start").label == "Done"
    assert "random cuts" in str(shown.get("plotly_chart")[0].proto.spec)

    shown.button("sweep-rank").click()
    shown = quiet(shown.run())
    wait_for("rank", 1)
    shown = quiet(shown.run())
    assert "Ablation (oracle)" in shown.multiselect("sweep-methods").options
    assert "ablation" not in shown.multiselect("sweep-missing").options

    shown = quiet(move(shown, 2))
    assert not readings(shown), "two blocks were not swept"
    shown.toggle("sweep-auto").set_value(True)
    shown = quiet(shown.run())
    wait_for("evaluate", 2)
    shown = quiet(shown.run())
    assert set(readings(shown)) >= {"Perplexity before", "Perplexity after", "Retained"}

    assert shown.toggle("sweep-auto").value, "it stays on when a cut is known"
    jobs.close()


def test_cutoffs_are_judged_on_another_text(profile: tuple[Store, ProfileRequest], tmp_path: Path) -> None:
    _, request = profile
    other = CorpusSpec(str(write_documents(tmp_path / "other.jsonl", 12, 60)), "evaluate", max_tokens=4000)
    shown = opened()
    shown.session_state["sweep-perplexity-source"] = other.source
    with patch("pages.parts.sweep_job.start_job") as start:
        quiet(shown.run())
        assert not shown.warning
        shown.button("sweep-start").click().run()
    asked = start.call_args.args[1]
    assert (asked.corpus, asked.task, asked.model) == (other, "perplexity", request.model)
