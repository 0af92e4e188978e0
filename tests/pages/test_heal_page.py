"""The Heal page: what it asks for, what it shows of a healing under way, and of a finished one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest
from tiny_model import write_documents

from avss_core.corpora.spec import CorpusSpec
from avss_core.jobs import HealRequest, ProfileRequest
from avss_core.jobs.heal_results import healed_files
from avss_core.jobs.heal_stop import is_to_stop
from avss_core.jobs.requests.heal import tokens_to_read
from avss_core.models.spec import ModelSpec
from avss_core.pruning.healing import LinearSettings, Losses, Step, TrainingSettings, steps_table
from avss_core.runs import Run, Store
from pages.parts.picked_cut import HandedCut

ROOT = Path(__file__).parents[2]
NAN = float("nan")
SCRIPT = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from pages import heal
from pages.parts.choose_run import choose_run
from pages.parts.picked_cut import remember_cut
from pages.parts.trouble import told_in_a_box
st.cache_resource.clear()
with told_in_a_box():
    choose_run()
    if "remember" in st.session_state:
        remember_cut(st.session_state["remember"])
    heal.page()
"""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with a finished profile of a model of four blocks."""
    store = Store(str(tmp_path / "avss.db"))
    monkeypatch.setenv("AVSS_STORE", store.url)
    request = ProfileRequest(ModelSpec(source=str(tmp_path)), CorpusSpec(), ("residual",))
    run = store.start_run(request.run_id(), request.kind, request.to_dict())
    assert run is not None
    store.add_facts(run.id, run.attempt, blocks=4, tokens=100, predicts_next_token=True)
    store.end_run(run.id, run.attempt, "done")
    return store


@pytest.fixture
def shown(store: Store) -> AppTest:
    return AppTest.from_string(SCRIPT, default_timeout=60)


def asked(tmp_path: Path, training: TrainingSettings) -> HealRequest:
    """What the page asks for when nothing but the blocks is touched."""
    text = CorpusSpec()
    calibration = replace(text, length=256, max_tokens=100 * 4 * 256)
    held_out = replace(text, part="evaluate", max_tokens=8000)
    return HealRequest(ModelSpec(str(tmp_path)), calibration, held_out, (1, 2), LinearSettings(), training)


def scores(network: str, nll: float) -> pd.DataFrame:
    spread = np.random.default_rng(0).normal(0, 0.1, 12)
    return pd.DataFrame({"document": range(12), "nll": 50 * (nll + spread), "tokens": 50, "network": network})


def lay(store: Store, request: HealRequest, steps: int, ends: bool, goes_on: bool = False) -> Run:
    """A healing as the worker leaves it: the first units (cancelled, or under way), or all of them."""
    run = store.start_run(request.run_id(), request.kind, request.to_dict())
    assert run is not None
    trials = [("1–2", None, 1.0, 40.0, True), ("1–2", 3.0, 1.2, 44.0, False)]
    table = pd.DataFrame(trials, columns=["stretch", "shrinkage", "error", "perplexity", "chosen"])
    store.add_unit(run.id, 0, 100, 1.0, table.to_parquet)
    files = healed_files(store, run.id)
    files._write(
        "maps.json",
        {"helps": False, "healed": [], "folded": True, "parameters_added": 0, "sentence": "No linear map was added."},
    )
    for first in range(0, steps, 2):
        losses = [Losses(4.0 - 0.01 * n, 4.0 - 0.01 * n, NAN, NAN) for n in (first, first + 1)]
        rows = [Step(first + n + 1, 1024, 2.0, 1e-3, loss, loss) for n, loss in enumerate(losses)]
        store.add_unit(run.id, 1 + first // 2, 2048, 4.0, steps_table(rows).assign(curve=7).to_parquet)
    store.add_facts(run.id, run.attempt, blocks=4, predicts_next_token=True, model_identity=request.model.identity())
    store.add_facts(run.id, run.attempt, block_parameters=[10] * 4, parameters=100, dtype="float32")
    if ends:
        parts = [("unpruned", 3.0), ("pruned", 4.0), ("trained", 2.9), ("control", 2.7)]
        frame = pd.concat([scores(*part) for part in parts], ignore_index=True)
        store.add_unit(run.id, len(request.parts()) - 1, 600, 1.0, frame.to_parquet)
        training = {"steps": steps, "steps_asked": 100, "tokens": 1024 * steps, "seconds": 9.0, "curve": 7}
        files.keep_training({**training, "sentence": "LoRA adapters were trained."})
        files.adapter.mkdir()
        (files.adapter / "adapter_config.json").write_text("{}")
        store.end_run(run.id, run.attempt, "done")
    elif not goes_on:
        store.end_run(run.id, run.attempt, "cancelled", "The job was cancelled.")
    return store.run(run.id)


def healthy(shown: AppTest) -> AppTest:
    assert not shown.exception
    assert not shown.error
    return shown


def test_nothing_is_chosen_yet(shown: AppTest) -> None:
    healthy(shown.run())
    assert shown.title[0].value == "Heal"
    assert "Choose a cut on the Prune page" in shown.info[0].value
    assert shown.button(key="heal").disabled


def test_the_cut_of_the_prune_page_is_filled_in(shown: AppTest, tmp_path: Path) -> None:
    shown.session_state["remember"] = HandedCut(ModelSpec(str(tmp_path)).identity(), (1, 2), "the lowest two")
    healthy(shown.run())
    assert shown.text_input(key="heal-blocks").value == "1-2"
    assert not shown.button(key="heal").disabled
    assert "Kept: 0, 3. The cut: the lowest two." in [caption.value for caption in shown.caption]
    assert "102,400 tokens through both models." in [caption.value for caption in shown.caption]
    shown.text_input(key="heal-blocks").set_value("1").run()
    assert healthy(shown).text_input(key="heal-blocks").value == "1", "what is typed stays"
    assert any("The cut: typed by hand." in caption.value for caption in shown.caption)


@pytest.mark.parametrize("part", ["profile", "evaluate"])
def test_a_cut_that_was_chosen_on_the_judged_text_is_said_to_be(shown: AppTest, tmp_path: Path, part: str) -> None:
    cut = HandedCut(ModelSpec(str(tmp_path)).identity(), (1, 2), "ablation, 2 lowest", (CorpusSpec(part=part),))
    shown.session_state["remember"] = cut
    healthy(shown.run())
    warned = any("**ablation, 2 lowest**: measured on text" in warning.value for warning in shown.warning)
    assert warned is (part == "evaluate")


def test_what_is_no_cut_is_told_in_a_box(shown: AppTest) -> None:
    shown.session_state["heal-blocks"] = "9"
    shown.run()
    assert not shown.exception
    assert "no block 9" in shown.error[0].value
    shown.text_input(key="heal-blocks").set_value("x").run()
    assert "numbers such as 3,4,5" in shown.error[0].value


def test_a_healing_that_was_cancelled_keeps_its_curve(shown: AppTest, store: Store, tmp_path: Path) -> None:
    lay(store, asked(tmp_path, TrainingSettings()), steps=6, ends=False)
    shown.session_state["heal-blocks"] = "1-2"
    healthy(shown.run())
    assert len(shown.get("plotly_chart")) == 1
    assert any("kept for looking" in caption.value for caption in shown.caption)
    assert not shown.button(key="heal").disabled


def test_a_healing_under_way_can_be_stopped_and_evaluated(store: Store, tmp_path: Path) -> None:
    run = lay(store, asked(tmp_path, TrainingSettings()), steps=6, ends=False, goes_on=True)
    # Without the progress of the job, which would look for workers.
    alone = """
    from unittest.mock import patch
    with patch("pages.parts.heal_live.draw_request"):
        heal.page()
"""
    shown = AppTest.from_string(SCRIPT.replace("\n    heal.page()\n", alone), default_timeout=60)
    shown.session_state["heal-blocks"] = "1-2"
    healthy(shown.run())
    assert len(shown.get("plotly_chart")) == 1
    assert not is_to_stop(store, run.id)
    shown.button(key="heal-stop").click().run()
    assert is_to_stop(store, run.id)
    assert any("No further step is made" in caption.value for caption in healthy(shown).caption)


def test_a_finished_healing(shown: AppTest, store: Store, tmp_path: Path) -> None:
    lay(store, asked(tmp_path, TrainingSettings()), steps=6, ends=True)
    lay(store, replace(asked(tmp_path, TrainingSettings()), removed=(1,)), steps=2, ends=True)
    shown.session_state["heal-blocks"] = "1-2"
    healthy(shown.run())
    assert len(shown.get("plotly_chart")) == 3, "bars, ratios, losses"
    assert "No linear map is offered" in shown.info[0].value
    ratio = float(np.exp(2.9 - 2.7))
    assert f"{ratio:.2f} × apart" in shown.warning[0].value
    assert "given the same training" in shown.warning[0].value
    assert "not reached" in shown.warning[0].value
    assert any("stopped after 6 of 100 steps" in caption.value for caption in shown.caption)
    labels = {button.proto.label for button in shown.get("download_button")}
    assert {"Adapters (peft, .zip)", "Loss data (CSV)"} <= labels
    assert "Maps (.npz)" not in labels
    history = shown.dataframe[-1].value
    assert history["removed"].tolist() == ["1", "1-2"]
    assert history["× apart"].tolist() == pytest.approx([ratio, ratio])


@pytest.mark.parametrize(("part", "words"), [("profile", "held-out text"), ("all", "text that the healing has read")])
def test_the_figure_says_what_a_healing_is_judged_on(
    shown: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, words: str
) -> None:
    store = Store(str(tmp_path / "other.db"))
    monkeypatch.setenv("AVSS_STORE", store.url)
    profile = ProfileRequest(ModelSpec(source=str(tmp_path)), CorpusSpec(part=part), ("residual",))
    run = store.start_run(profile.run_id(), profile.kind, profile.to_dict())
    assert run is not None
    store.add_facts(run.id, run.attempt, blocks=4, tokens=100, predicts_next_token=True)
    store.end_run(run.id, run.attempt, "done")
    request = asked(tmp_path, TrainingSettings())
    judged = request.evaluate if part == "profile" else request.evaluate.of_part("all")
    lay(store, replace(request, corpus=request.corpus.of_part(part), evaluate=judged), steps=6, ends=True)
    shown.session_state["heal-blocks"] = "1-2"
    healthy(shown.run())
    bars = json.loads(shown.get("plotly_chart")[0].proto.spec)
    assert bars["layout"]["title"]["text"] == f"Perplexity on {words}"


def test_a_healing_made_again_shows_its_new_result(shown: AppTest, store: Store, tmp_path: Path) -> None:
    request = asked(tmp_path, TrainingSettings())
    run = lay(store, request, steps=6, ends=True)
    shown.session_state["heal-blocks"] = "1-2"
    healthy(shown.run())
    assert any("stopped after 6 of 100 steps" in caption.value for caption in shown.caption)
    store.delete_run(run.id)
    assert lay(store, request, steps=10, ends=True).id == run.id
    healthy(shown.run())
    assert any("stopped after 10 of 100 steps" in caption.value for caption in shown.caption)


def test_the_cut_is_filled_in_again_after_a_look_at_another_page(shown: AppTest, tmp_path: Path) -> None:
    cut = ((1, 2), "the lowest two")
    shown.session_state["remember"] = HandedCut(ModelSpec(str(tmp_path)).identity(), *cut)
    shown.session_state["heal-cut-seen"] = cut  # which Streamlit keeps, and the field it does not
    assert healthy(shown.run()).text_input(key="heal-blocks").value == "1-2"
    shown.text_input(key="heal-blocks").set_value("").run()
    assert healthy(shown).text_input(key="heal-blocks").value == "", "emptied by hand it stays empty"


def opened(shown: AppTest, tab: str) -> AppTest:
    shown.session_state["heal-views"] = tab
    return healthy(shown.run())


def test_the_healed_cut_is_judged_on_a_task_beside_the_cut_and_the_whole_model(
    shown: AppTest, store: Store, tmp_path: Path
) -> None:
    run = lay(store, asked(tmp_path, TrainingSettings()), steps=6, ends=True)
    shown.session_state["heal-blocks"] = "1-2"
    shown.session_state["heal-evaluation-task"] = "sentiment"
    healthy(shown.run())
    assert any("have not been evaluated on this yet" in caption.value for caption in shown.caption)
    with patch("pages.parts.evaluate_cuts.start_job") as start:
        shown.button(key="heal-evaluate").click().run()
    (_, plain), (_, healed) = (call.args for call in start.call_args_list)
    assert (plain.task, plain.cuts, plain.healing) == ("sentiment", ((), (1, 2)), None)
    assert (healed.cuts, healed.healing) == (((1, 2),), run.id)
    assert (healed.model, healed.corpus) == (plain.model, plain.corpus) == (ModelSpec(str(tmp_path)), plain.corpus)

    right = {(plain, ()): 90, (plain, (1, 2)): 60, (healed, (1, 2)): 81}
    for each in (plain, healed):
        made = store.start_run(each.run_id(), each.kind, each.to_dict(), dict(run.facts))
        assert made is not None
        for cut in each.cuts:
            correct = [1] * right[each, cut] + [0] * (100 - right[each, cut])
            examples = pd.DataFrame({"document": range(100), "example": range(100), "correct": correct})
            store.add_evaluation(each.evaluation_key(cut), made.id, (0, 3), {}, examples)
        store.end_run(made.id, made.attempt, "done")
    healthy(shown.run())
    (table,) = [each.value for each in shown.dataframe if "state" in each.value.columns]
    assert table["state"].tolist() == ["whole model", "the cut", "healed cut"]
    assert table["value"].tolist() == [0.9, 0.6, 0.81]
    assert table["retained"].tolist()[1:] == pytest.approx([60 / 90, 0.9])
    assert (table["low"] < table["value"]).all()
    assert (table["value"] < table["high"]).all()
    assert any("healed cut 90.0%" in caption.value for caption in shown.caption)
    with patch("pages.parts.evaluate_cuts.start_job") as start:
        shown.button(key="heal-evaluate").click().run()
    assert not start.called, "what is known is not evaluated again"


@pytest.mark.usefixtures("as_stored")
def test_both_evaluations_under_way_are_shown_though_they_were_started_elsewhere(
    shown: AppTest, store: Store, tmp_path: Path
) -> None:
    lay(store, asked(tmp_path, TrainingSettings()), steps=6, ends=True)
    shown.session_state["heal-blocks"] = "1-2"
    with patch("pages.parts.evaluate_cuts.start_job") as start:
        healthy(shown.run()).button(key="heal-evaluate").click().run()
    keys = []
    for name, request in (call.args for call in start.call_args_list):
        run = store.start_run(request.run_id(), request.kind, request.to_dict())
        assert run is not None
        keys.append(f"cancel-{name}-{run.id}")
    assert [button.key for button in healthy(shown.run()).button if button.label == "Cancel"] == keys


def test_healing_is_judged_on_its_own_text_and_the_healed_cut_on_any(
    shown: AppTest, store: Store, tmp_path: Path
) -> None:
    run = lay(store, asked(tmp_path, TrainingSettings()), steps=6, ends=True)
    other = write_documents(tmp_path / "other.jsonl", documents=12, characters=60)
    shown.session_state["heal-blocks"] = "1-2"
    shown.session_state["heal-evaluation-perplexity-source"] = str(other)
    healthy(shown.run())
    assert "Healing is judged on the text it learns from" in shown.select_slider(key="heal-tokens").help
    with patch("pages.parts.evaluate_cuts.start_job") as start:
        shown.button(key="heal-evaluate").click().run()
    for (_, request), healing in zip((call.args for call in start.call_args_list), (None, run.id), strict=True):
        assert (request.task, request.healing) == ("perplexity", healing)
        assert request.corpus == CorpusSpec(str(other), "evaluate", max_tokens=4000)


def test_gain_text_and_folder_are_of_the_healed_cut(shown: AppTest, store: Store, tmp_path: Path) -> None:
    run = lay(store, asked(tmp_path, TrainingSettings()), steps=6, ends=True)
    shown.session_state["heal-blocks"] = "1-2"
    healthy(shown.run())
    started: list = []
    with (
        patch("pages.parts.measured_gain.start_request", started.append),
        patch("pages.parts.generate_beside.start_request", started.append),
        patch("pages.parts.take_home.start_request", started.append),
    ):
        opened(shown, "What is gained?").button(key="measure-gain").click().run()
        opened(shown, "What does it write?")
        (write,) = [button for button in shown.button if button.label == "Write"]
        write.click().run()
        opened(shown, "Take it home").button(key="make-folder").click().run()
    assert [each.kind for each in started] == ["gain", "generate", "export"]
    assert {(each.healing, each.removed) for each in started} == {(run.id, (1, 2))}


def test_what_helped_only_where_it_was_chosen_is_not_offered(shown: AppTest, store: Store, tmp_path: Path) -> None:
    request = replace(asked(tmp_path, TrainingSettings()), training=None)
    request = replace(request, corpus=replace(request.corpus, max_tokens=tokens_to_read(LinearSettings(), None, 256)))
    run = store.start_run(request.run_id(), request.kind, request.to_dict())
    assert run is not None
    files = healed_files(store, run.id)
    trials = pd.DataFrame(
        {"stretch": ["1–2"], "shrinkage": [3.0], "error": [0.5], "perplexity": [44.0], "chosen": True}
    )
    store.add_unit(run.id, 0, 100, 1.0, trials.to_parquet)
    files._write(
        "maps.json",
        {"helps": True, "healed": ["1–2"], "folded": True, "parameters_added": 0, "sentence": "Maps bridge the gap."},
    )
    files.maps.write_bytes(b"")
    frame = pd.concat([scores("unpruned", 3.0), scores("pruned", 4.0), scores("maps", 4.1)], ignore_index=True)
    store.add_unit(run.id, 1, 600, 1.0, frame.to_parquet)
    store.add_facts(run.id, run.attempt, blocks=4, predicts_next_token=True, model_identity=request.model.identity())
    store.end_run(run.id, run.attempt, "done")
    shown.session_state["heal-blocks"] = "1-2"
    shown.session_state["heal-training"] = False
    healthy(shown.run())
    assert any("not offered" in info.value for info in shown.info)
    assert "Maps (.npz)" not in {button.proto.label for button in shown.get("download_button")}
    assert shown.button(key="heal-evaluate"), "it can be measured"
    assert [tab.label for tab in shown.tabs if "?" in tab.label or "home" in tab.label] == ["How does it do on a task?"]


def test_the_maps_that_adapters_were_trained_on_are_offered_though_alone_they_do_not_help(
    shown: AppTest, store: Store, tmp_path: Path
) -> None:
    request = asked(tmp_path, TrainingSettings())
    run = lay(store, request, steps=6, ends=True)
    files = healed_files(store, run.id)
    files._write(
        "maps.json",
        {"helps": True, "healed": ["1–2"], "folded": True, "parameters_added": 0, "sentence": "Maps bridge the gap."},
    )
    files.maps.write_bytes(b"")
    evaluated = store.path_of(store.units(run.id)[-1].file)
    pd.concat([pd.read_parquet(evaluated), scores("maps", 4.1)], ignore_index=True).to_parquet(evaluated)
    shown.session_state["heal-blocks"] = "1-2"
    healthy(shown.run())
    assert any("maps alone are not offered" in info.value for info in shown.info)
    labels = {button.proto.label for button in shown.get("download_button")}
    assert {"Maps that the adapters need (.npz)", "Adapters (peft, .zip)"} <= labels
    assert any("without those they give another network" in caption.value for caption in shown.caption)
