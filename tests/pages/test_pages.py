"""Every page and every view draws from a finished profile, and says in a box what it cannot draw."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from random_models import build
from streamlit.testing.v1 import AppTest
from transformers import PreTrainedModel

from avss_core.activations.measure import measure
from avss_core.activations.parquet import write_profile
from avss_core.corpora.spec import CorpusSpec
from avss_core.corpora.windows import Window
from avss_core.errors import ResourceError
from avss_core.importance.authors_script import authors_sums
from avss_core.jobs import AuthorsRequest, ProfileRequest
from avss_core.jobs.results import profile_shards
from avss_core.models.load import wrap
from avss_core.models.spec import ModelSpec
from avss_core.runs import Run, Store
from pages.parts.profile_views import VIEWS

ROOT = Path(__file__).parents[2]


class NoTokenizer:
    pad_token_id = 0


def add_profile(
    store: Store, network: PreTrainedModel, spec: ModelSpec, sites: tuple[str, ...], shards: int = 5, ends: bool = True
) -> Run:
    """A profile of a network in so many shards, finished or still under way, under the name of `spec`."""
    model = wrap(network, NoTokenizer())
    drawn = np.random.default_rng(0).integers(3, 120, size=(shards, 20)).tolist()
    request = ProfileRequest(spec, CorpusSpec(), sites)
    run = store.start_run(request.run_id(), request.kind, request.to_dict())
    assert run is not None
    for number, ids in enumerate(drawn):
        shard = measure(model, [Window(number, 0, tuple(ids))], request.sites)
        store.add_unit(run.id, number, len(ids), 0.1, lambda path, shard=shard: write_profile(shard, path))
    store.add_facts(run.id, run.attempt, blocks=model.n_blocks, tokens=100, predicts_next_token=True)
    store.update_run(run.id, run.attempt, n_units=shards)
    if ends:
        store.end_run(run.id, run.attempt, "done")
    return run


def add_authors_measurement(store: Store, network: PreTrainedModel, spec: ModelSpec, shards: int = 4) -> None:
    """What the authors' script measures on the same network, in so many shards."""
    request = AuthorsRequest(spec, CorpusSpec())
    run = store.start_run(request.run_id(), request.kind, request.to_dict())
    assert run is not None
    for number in range(shards):
        sums = authors_sums(wrap(network, NoTokenizer()), [Window(number, 0, (5, 9, 3 + number, 77))])
        store.add_unit(run.id, number, 4, 0.1, sums.to_parquet)
    store.end_run(run.id, run.attempt, "done")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store, which the pages read."""
    made = Store(str(tmp_path / "avss.db"))
    monkeypatch.setenv("AVSS_STORE", made.url)
    return made


@pytest.fixture
def finished_profile(store: Store, tmp_path: Path) -> Store:
    """A store with a finished profile of a random 4-block Llama, in 5 shards."""
    add_profile(store, build("llama"), ModelSpec(source=str(tmp_path)), ("residual", "update"))
    return store


def figures(shown: AppTest) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in shown.get("plotly_chart")]


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
def test_view_is_drawn(finished_profile: Store, tmp_path: Path, view: str) -> None:
    add_authors_measurement(finished_profile, build("llama"), ModelSpec(source=str(tmp_path)))
    shown = opened("profile")
    shown.session_state["view"] = view
    shown.run()
    assert not shown.exception
    assert not shown.error
    assert not shown.warning
    if view == "Table":
        assert {"sparsity_min", "sparsity_deviation_low", "variance_share_high"} <= set(shown.dataframe[0].value)
        return
    drawn = figures(shown)
    assert drawn
    asked = "" if view == "Authors' script" else ": site residual, ε = 0.01"
    for figure in drawn:  # a figure that is taken home says what it is of
        title = figure["layout"]["title"]["text"].replace("</span><br><span style='font-size:12px'>", " ")
        assert f"sample:essays{asked}</span>" in title, title


def test_the_authors_figures_are_called_theirs(finished_profile: Store, tmp_path: Path) -> None:
    add_authors_measurement(finished_profile, build("llama"), ModelSpec(source=str(tmp_path)))
    shown = opened("profile")
    shown.session_state["view"] = "Authors' script"
    *curves, strip = figures(shown.run())
    titles = [figure["layout"]["title"]["text"].replace("<br>", " ") for figure in (*curves, strip)]
    assert all("(authors' script" in title for title in titles), titles
    assert "eq. (" not in "".join(titles)
    assert "95 % interval" in {trace["name"] for trace in curves[0]["data"]}
    labels = [button.label for button in shown.get("download_button")]
    assert len(labels) == 2 * len(titles), "each with its data and itself"


def test_the_massive_share_has_bounds_and_no_interval(finished_profile: Store) -> None:
    shown = opened("profile")
    shown.session_state["view"] = "Massive"
    share = figures(shown.run())[1]
    names = {trace["name"] for trace in share["data"]}
    assert "bounds of the histogram" in names
    assert "95 % interval" not in names


def test_how_far_the_sparsity_is_open_is_said(finished_profile: Store) -> None:
    shown = opened("profile")
    shown.session_state["view"] = "Sparsity"
    assert any("S is off by at most" in caption.value for caption in shown.run().caption)
    shown.session_state["epsilon"] = 2.0**-6
    assert any("so S is exact" in caption.value for caption in shown.run().caption)


@pytest.fixture
def without_mlp(store: Store, tmp_path: Path) -> Store:
    """A profile whose first site its model does not have."""
    network = build("mixtral")
    network.set_experts_implementation("eager")
    add_profile(store, network, ModelSpec(source=str(tmp_path)), ("mlp", "residual"))
    return store


@pytest.mark.parametrize("page", ["profile", "overview"])
def test_a_first_site_that_is_missing_is_told_and_the_next_is_drawn(without_mlp: Store, page: str) -> None:
    shown = opened(page)
    shown.session_state["site"] = "mlp"  # chosen while nothing was finished yet
    shown.run()
    assert not shown.exception
    assert not shown.error
    (told,) = shown.warning
    assert "'mlp' could not be measured in this model: its experts run" in told.value
    drawn = figures(shown)
    assert drawn
    assert all("residual" in figure["layout"]["title"]["text"] for figure in drawn)


@pytest.mark.parametrize("page", ["prune", "sweep"])
def test_a_site_that_is_missing_is_not_offered_to_cut_by(without_mlp: Store, page: str) -> None:
    shown = opened(page)
    shown.session_state["site"] = "mlp"
    shown.run()
    assert not shown.exception
    assert not shown.error
    sites = shown.button_group(key="site")
    assert (sites.options, sites.value) == (["residual"], "residual")


def test_of_two_runs_that_read_alike_each_can_be_looked_at(finished_profile: Store, tmp_path: Path) -> None:
    older = finished_profile.runs("profile")[0].id
    newer = add_profile(finished_profile, build("llama"), ModelSpec(source=str(tmp_path)), ("residual",)).id
    shown = opened("profile").run()
    for run in (older, newer, older):
        shown.selectbox(key="run").set_value(run).run()
        assert shown.run().selectbox(key="run").value == run
        assert not shown.exception


def test_a_shard_that_was_measured_again_is_read_again(finished_profile: Store) -> None:
    run = finished_profile.runs("profile")[0].id
    before = profile_shards(finished_profile, run)
    file, other = (finished_profile.path_of(unit.file) for unit in finished_profile.units(run)[:2])
    file.write_bytes(other.read_bytes())
    os.utime(file, ns=(1, 1))
    first, second = profile_shards(finished_profile, run)[:2]
    np.testing.assert_array_equal(first.sites["residual"].m2, second.sites["residual"].m2)
    assert (first.sites["residual"].m2 != before[0].sites["residual"].m2).any()


def test_two_models_of_unlike_depth_are_overlaid(finished_profile: Store, tmp_path: Path) -> None:
    add_profile(finished_profile, build("gpt2", blocks=6), ModelSpec(source=str(tmp_path / "gpt2")), ("residual",))
    shown = opened("compare").run()
    assert not shown.exception
    assert not shown.error
    (overlaid,) = figures(shown)
    lines = [trace for trace in overlaid["data"] if trace["mode"] == "lines+markers"]
    assert len(lines) == 2
    assert overlaid["layout"]["xaxis"]["title"]["text"].startswith("depth")
    assert "site residual, ε = 0.01" in overlaid["layout"]["title"]["text"]


def test_two_runs_of_one_minute_are_both_drawn(store: Store, tmp_path: Path) -> None:
    one, other = (ModelSpec(source=str(tmp_path), dtype=dtype) for dtype in ("float32", "bfloat16"))
    ids = [add_profile(store, build("llama"), spec, ("residual",)).id for spec in (one, other)]
    shown = opened("compare").run()
    assert not shown.exception
    (overlaid,) = figures(shown)
    names = {trace["name"] for trace in overlaid["data"] if trace["mode"] == "lines+markers"}
    assert {name.rsplit(" · ", 1)[1] for name in names} == {run[:6] for run in ids}


def test_a_profile_that_ends_while_it_is_looked_at_is_drawn_as_ended(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = add_profile(store, build("llama"), ModelSpec(source=str(tmp_path)), ("residual",), ends=False)

    class Workers:
        """Workers that end the run while they are asked about it."""

        @staticmethod
        def follow(run_id: str) -> Run:
            store.end_run(run_id, run.attempt, "done")
            return store.run(run_id)

    monkeypatch.setattr("pages.parts.follow.jobs", Workers)
    shown = opened("profile").run()
    assert not shown.exception
    assert shown.caption[0].value.startswith("✓"), "the line of the run, above the view"


@pytest.mark.usefixtures("as_stored")
@pytest.mark.parametrize(
    ("shards", "words"), [(3, "No bands: fewer than 4 shards."), (4, "Bands: 95 % intervals from")]
)
def test_bands_are_spoken_of_where_there_are_some(store: Store, tmp_path: Path, shards: int, words: str) -> None:
    spec = ModelSpec(source=str(tmp_path))
    add_profile(store, build("llama"), spec, ("residual",), shards)
    add_authors_measurement(store, build("llama"), spec, shards)
    shown = opened("profile").run()
    assert words in shown.caption[-1].value
    shown.session_state["view"] = "Authors' script"
    shown.run()
    assert [words in caption.value for caption in shown.caption if "Weights do not depend" in caption.value] == [True]
    (curves,) = figures(opened("overview").run())
    assert ("no bands: fewer than 4 shards" in curves["layout"]["title"]["text"].replace("<br>", " ")) == (shards < 4)
    assert ("95 % bands" in curves["layout"]["title"]["text"].replace("<br>", " ")) == (shards >= 4)


def test_without_workers_the_authors_measurement_is_refused_in_a_box(
    finished_profile: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: Store) -> None:
        raise ResourceError("The scheduler is gone.")

    monkeypatch.setattr("avss_core.jobs.client.Jobs.connect", gone)
    shown = opened("profile")
    shown.session_state["view"] = "Authors' script"
    shown.run().button(key="authors").click().run()
    assert not shown.exception
    assert [box.value for box in shown.error] == ["The scheduler is gone."]


@pytest.mark.usefixtures("as_stored")
def test_the_history_has_local_times(finished_profile: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        shown = opened("overview").run()
        (run,) = finished_profile.runs()
        created = shown.dataframe[0].value["created"][0]
        assert created.strftime("%d %H:%M") == time.strftime("%d %H:%M", time.localtime(run.created))
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_runs_that_are_compared_stay_when_others_come_go_or_are_called_otherwise(
    store: Store, tmp_path: Path
) -> None:
    def profiled(dtype: str, source: str = "") -> str:
        spec = ModelSpec(source=str(tmp_path / source), dtype=dtype)
        return add_profile(store, build("llama"), spec, ("residual",)).id

    here, second, third = profiled("auto", "a"), profiled("auto", "b"), profiled("auto")
    shown = opened("compare")
    shown.session_state["run"] = here

    def compared() -> list[str]:
        assert not shown.run().exception
        return list(shown.multiselect[0].value)

    assert here in compared()
    shown.multiselect[0].set_value([here, second, third])
    assert compared() == [here, second, third]
    profiled("float32")  # reads like the third, so that both are called by their ids too
    assert compared() == [here, second, third]
    store.delete_run(second)
    assert compared() == [here, third]
    shown.multiselect[0].set_value([])
    assert compared() == []


def test_epsilon_of_zero_is_told_in_a_box(finished_profile: Store) -> None:
    script = opened("profile")
    script.session_state["epsilon"] = 0.0
    shown = script.run()
    assert not shown.exception
    assert "ε must be a positive number" in shown.error[0].value
