"""The Prune page: any order, rule, target and task; what it shows is what the store holds."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cutoff_sliders import drawn, move, readings, standing
from in_this_process import carry_out
from streamlit.testing.v1 import AppTest
from tiny_model import save_tiny_model, write_documents

from avss_core.activations import merge_profiles
from avss_core.corpora.mapping import ColumnMapping
from avss_core.corpora.spec import CorpusSpec
from avss_core.importance import Epsilon, score_table
from avss_core.importance.settings import RankSettings
from avss_core.jobs import EvaluateRequest, ProfileRequest, RankRequest
from avss_core.jobs.results import finished_profile
from avss_core.models.spec import ModelSpec
from avss_core.runs import Store
from avss_core.tasks import task_named
from avss_core.variants import Variant
from pages.parts.choose_text import HELD_OUT
from pages.parts.judged_text import documents_judged, share_documents
from pages.parts.orders import known_rankings
from pages.parts.outcomes import ablation_frame, effect_of, evaluations, outcomes, random_cuts, random_frame
from pages.parts.picked_cut import HandedCut
from pages.parts.prune_rules import RULES
from pages.parts.score_settings import ScoreSettings

ROOT = Path(__file__).parents[2]
BLOCKS = 6


class World:
    """A store with a finished profile and a finished comparison of a random 6-block Llama."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(str(folder / "runs.db"))
        self.model = ModelSpec(str(save_tiny_model(folder / "model", blocks=BLOCKS)), dtype="float32")
        text = str(write_documents(folder / "text.jsonl", documents=16, characters=60))
        self.profiled = CorpusSpec(text, length=64)
        self.profile = carry_out(self.store, ProfileRequest(self.model, self.profiled))
        self.held_out = CorpusSpec(text, "evaluate", length=64, max_tokens=4000)
        table = score_table(merge_profiles(finished_profile(self.store, self.profile.id)))
        self.avss, self.shares, self.variance = (table[name].to_numpy() for name in ("avss", "avss_share", "variance"))

    def request(
        self, *cuts: tuple[int, ...], task: str = "perplexity", corpus: CorpusSpec | None = None
    ) -> EvaluateRequest:
        return EvaluateRequest(self.model, corpus or self.held_out, task, ((), *cuts))

    def perplexity(self, removed: tuple[int, ...], request: EvaluateRequest | None = None) -> float:
        """From the kept per-document values, by hand."""
        kept = self.store.evaluation((request or self.request()).evaluation_key(removed))
        assert kept is not None
        return math.exp(kept.examples["nll"].sum() / kept.examples["tokens"].sum())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("prune"))


@pytest.fixture
def prune(world: World, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page as the dashboard shows it, without the connection to any worker."""
    monkeypatch.setenv("AVSS_STORE", world.store.url)
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from pages import prune
from pages.parts.choose_run import choose_run
from pages.parts.trouble import told_in_a_box
if "cleared" not in st.session_state:
    st.cache_resource.clear()
    st.session_state["cleared"] = True
with told_in_a_box():
    choose_run()
    prune.page()
"""
    return AppTest.from_string(script, default_timeout=60)


def run(page_or_widget: Any) -> AppTest:
    """Run the page, after a widget was set where one is given."""
    page: AppTest = page_or_widget.run()
    assert not page.exception, page.exception
    return page


def at_cutoff(page: AppTest, removed: int) -> AppTest:
    """The page after its slider was moved."""
    move(page, removed)
    assert not page.exception, page.exception
    assert standing(page) == removed
    return page


def current(page: AppTest) -> tuple[tuple[int, ...], str]:
    """The cut that the page shows, as it is kept for other pages."""
    cut = page.session_state["current-cut"]
    return cut.removed, cut.reason


def lowest(scores: np.ndarray, n: int, protected: tuple[int, ...] = (0, BLOCKS - 1)) -> tuple[int, ...]:
    return tuple(sorted(sorted((b for b in range(BLOCKS) if b not in protected), key=lambda b: scores[b])[:n]))


def test_it_looks_at_the_default(world: World, prune: AppTest) -> None:
    run(prune)
    assert not prune.error
    assert current(prune)[0] == lowest(world.avss, 1)


def test_an_evaluated_cut_is_shown_with_what_the_store_holds(world: World, prune: AppTest) -> None:
    cut = lowest(world.avss, 2)
    carry_out(world.store, world.request(cut))
    at_cutoff(run(prune), 2)
    assert current(prune) == (cut, "the 2 lowest by AVSS (residual)")
    before, after = world.perplexity(()), world.perplexity(cut)
    shown = readings(prune)
    assert float(shown["Perplexity before"].replace(",", "")) == pytest.approx(before, rel=1e-3)
    assert float(shown["Perplexity after"].replace(",", "")) == pytest.approx(after, rel=1e-3)
    assert shown["Retained"] == f"{before / after:.1%}"
    at_cutoff(prune, 3)
    assert "Retained" not in readings(prune)
    assert drawn(prune)["unknown"] == "This cut has not been evaluated yet. Press Evaluate."
    at_cutoff(prune, 2)
    assert readings(prune) == shown


def test_each_rule_removes_what_it_says(world: World, prune: AppTest) -> None:
    run(prune)
    names = {
        part: next(rule.name for rule in RULES if part in rule.name) for part in ("(a)", "(b)", "(d)", "parameters")
    }
    run(prune.selectbox(key="rule").set_value(names["(a)"]))
    run(prune.slider(key="share-of-blocks").set_value(50))
    assert current(prune)[0] == lowest(world.avss, 3)

    run(prune.selectbox(key="rule").set_value(names["(b)"]))
    theta = float(np.sort(world.shares[1:-1])[1] + 1e-4)
    run(prune.number_input(key="theta").set_value(theta))
    assert current(prune)[0] == tuple(b for b in range(1, BLOCKS - 1) if world.shares[b] < round(theta, 12))

    run(prune.selectbox(key="rule").set_value(names["(d)"]))
    run(prune.slider(key="authors").set_value(60))
    expected = [b for b in range(BLOCKS) if world.shares[: b + 1].sum() <= 0.6 and 0 < b < BLOCKS - 1]
    assert current(prune)[0] == tuple(expected)

    run(prune.selectbox(key="rule").set_value(names["parameters"]))
    share = world.profile.facts["block_parameters"][0] / world.profile.facts["parameters"]
    run(prune.slider(key="share-of-parameters").set_value(math.ceil(100 * share) + 1))
    assert current(prune)[0] == lowest(world.avss, 2)


def test_a_rule_that_does_not_apply_says_so(world: World, prune: AppTest) -> None:
    carry_out(world.store, RankRequest(world.model, world.profiled, RankSettings(("variance",))))
    run(run(prune).selectbox(key="method").set_value("Variance (residual)"))
    assert current(prune)[0] == lowest(world.variance, 1)
    run(prune.selectbox(key="rule").set_value("every share below θ (b)"))
    assert current(prune)[0] == ()
    assert any("Variance (residual) does not have" in warning.value for warning in prune.warning)


def test_shares_of_avss_from_a_comparison_count_as_those_of_the_profile(world: World, prune: AppTest) -> None:
    carry_out(world.store, RankRequest(world.model, world.profiled, RankSettings(("avss@mlp",))))
    run(run(prune).selectbox(key="method").set_value("AVSS (mlp)"))
    run(prune.selectbox(key="rule").set_value("every share below θ (b)"))
    assert not prune.warning
    run(prune.number_input(key="theta").set_value(1.0))
    assert current(prune)[0] == tuple(range(1, BLOCKS - 1)), "every share is below 1"


def test_the_slider_has_every_cut_and_what_is_known_of_it(world: World, prune: AppTest) -> None:
    known = lowest(world.avss, 2)
    carry_out(world.store, world.request(known))
    run(prune)
    for size in (1, 3):
        at_cutoff(prune, size)
        slider = drawn(prune)
        assert [tuple(cut) for cut in slider["cuts"]] == [lowest(world.avss, n) for n in range(BLOCKS - 1)]
        assert (slider["blocks"], slider["protected"], slider["at"]) == (BLOCKS, [0, BLOCKS - 1], size)
        known_sizes = [len(cut) for cut, numbers in zip(slider["cuts"], slider["readings"], strict=True) if numbers]
        assert {0, 2} <= set(known_sizes)
        after = {each["label"]: each["value"] for each in slider["readings"][2]}["Perplexity after"]
        assert float(after.replace(",", "")) == pytest.approx(world.perplexity(known), rel=1e-3)


def test_a_click_that_comes_with_the_slider_evaluates_the_cut_that_was_seen(
    world: World, prune: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[EvaluateRequest] = []
    monkeypatch.setattr("pages.prune.evaluate", asked.append)
    run(prune)
    prune.button(key="evaluate").click()
    at_cutoff(prune, 3)
    assert [request.cuts for request in asked] == [((), lowest(world.avss, 3))]


def test_a_browser_with_a_lost_session_keeps_its_place(world: World, prune: AppTest) -> None:
    at_cutoff(run(prune), 3)
    states = prune._tree.get_widget_states()
    (slider,) = prune.get("bidi_component")
    for key in ("cutoff", "cutoff-turn"):  # a new session knows nothing, the browser all
        del prune.session_state[key]
    states.widgets.add(id=slider.proto.id, json_value=json.dumps({"moved": {"removed": 3, "turn": 1}}))
    prune._run(states)
    assert (standing(prune), drawn(prune)["turn"]) == (3, 1)
    assert current(prune)[0] == lowest(world.avss, 3)


def test_other_rules_and_blocks_by_hand_have_a_strip_without_a_slider(world: World, prune: AppTest) -> None:
    run(run(prune).selectbox(key="rule").set_value("a share of the blocks (a)"))
    assert [tuple(cut) for cut in drawn(prune)["cuts"]] == [current(prune)[0]]
    run(prune.selectbox(key="method").set_value("by hand"))
    run(prune.button_group(key="ticked").set_value([0, 2]))
    assert drawn(prune)["cuts"] == [[0, 2]]


def test_one_stretch_only(world: World, prune: AppTest) -> None:
    at_cutoff(run(prune), 2)
    run(prune.toggle(key="contiguous").set_value(True))
    first = min(range(1, BLOCKS - 2), key=lambda b: world.avss[b] + world.avss[b + 1])
    assert current(prune)[0] == (first, first + 1)


def test_more_blocks_are_protected(world: World, prune: AppTest) -> None:
    run(run(prune).number_input(key="protect-first-count").set_value(3))
    at_cutoff(prune, 2)
    assert current(prune)[0] == (3, 4)
    run(prune.toggle(key="protect-first").set_value(False))
    assert current(prune)[0] == lowest(world.avss, 2, protected=(BLOCKS - 1,))


def test_the_most_that_keeps_a_share_is_read_off_evaluated_cutoffs(world: World, prune: AppTest) -> None:
    corpus = replace(world.held_out, max_tokens=1000)
    run(run(prune).select_slider(key="evaluation-tokens").set_value(1000))
    run(prune.selectbox(key="rule").set_value("the most that keeps …"))
    assert current(prune)[0] == ()
    assert not prune.button(key="evaluate-all").disabled
    along = [lowest(world.avss, n) for n in range(BLOCKS - 1)]
    request = world.request(*along, corpus=corpus)
    carry_out(world.store, request)
    run(prune)
    assert prune.button(key="evaluate-all").disabled
    retained = [world.perplexity((), request) / world.perplexity(cut, request) for cut in along]
    for percent in (50, 90, 100):
        run(prune.slider(key="retain").set_value(percent))
        n = max(n for n, share in enumerate(retained) if share >= percent / 100)
        assert current(prune)[0] == along[n]


def test_of_a_model_that_gets_nothing_right_no_share_can_be_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = CorpusSpec("sample:sentiment", "evaluate", max_examples=2)
    request, wrong = world.request((2,), task="sentiment", corpus=corpus), pd.DataFrame({"document": [0, 1]})
    wrong["correct"] = 0.0
    started = world.store.start_run(request.run_id(), request.kind, request.to_dict(), world.profile.facts)
    assert started is not None
    for cut in request.cuts:
        result, kept = task_named("sentiment").summarise(wrong).to_dict(), Variant.without(BLOCKS, cut).kept
        world.store.add_evaluation(request.evaluation_key(cut), started.id, kept, result, wrong)
    world.store.end_run(started.id, started.attempt, "done")
    monkeypatch.setenv("AVSS_STORE", world.store.url)
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from avss_core.jobs import EvaluateRequest
from pages.parts.engine import store
from pages.parts.prune_tolerated import choose_tolerated
st.cache_resource.clear()
cut = choose_tolerated(EvaluateRequest.from_dict(store().run({started.id!r}).spec), ((), (2,)), {BLOCKS})
assert cut.removed == ()
"""
    page = run(AppTest.from_string(script, default_timeout=60))
    (said,) = (caption.value for caption in page.caption)
    assert said.startswith("The unpruned model has nothing to retain here, so no cut can keep 90 % of it")


@pytest.mark.parametrize("task", ["perplexity", "qa"])
def test_what_all_cutoffs_cost_is_said_as_the_task_runs_them(world: World, prune: AppTest, task: str) -> None:
    run(run(prune).selectbox(key="evaluation-task").set_value(task))
    run(prune.selectbox(key="rule").set_value("the most that keeps …"))
    said = prune.button(key="evaluate-all").help
    cuts = [lowest(world.avss, n) for n in range(BLOCKS - 1)]
    kept = [tuple(block for block in range(BLOCKS) if block not in cut) for cut in cuts]
    shared = len({blocks[:n] for blocks in kept for n in range(1, len(blocks) + 1)})
    alone = sum(map(len, kept))
    assert shared < alone
    if task == "qa":
        assert f"runs over the text {alone} times, for each of the cutoffs writes its own answers." in said
    else:
        assert f"runs over the text {shared} times, and not {alone}, since the cutoffs share how they begin." in said


def test_perplexity_of_another_text_is_what_the_store_holds(world: World, prune: AppTest, tmp_path: Path) -> None:
    other = str(write_documents(tmp_path / "other.jsonl", documents=16, characters=50, seed=5))
    prune.session_state["evaluation-perplexity-source"] = other  # as if it were typed
    run(prune)
    assert not prune.error
    assert not prune.warning
    cut = current(prune)[0]
    request = world.request(cut, corpus=CorpusSpec(other, "evaluate", length=64, max_tokens=4000))
    carry_out(world.store, request)
    shown = readings(run(prune))
    before, after = (world.perplexity(removed, request) for removed in ((), cut))
    assert shown["Retained"] == f"{before / after:.1%}"
    assert float(shown["Perplexity before"].replace(",", "")) == pytest.approx(before, rel=1e-3)
    run(prune.selectbox(key="evaluation-perplexity-source").set_value(HELD_OUT))
    assert readings(prune) != shown


def test_another_task_is_shown_by_all_its_metrics(world: World, prune: AppTest, tmp_path: Path) -> None:
    rows = [
        {"frage": f"What is {n} and {n}?", "wahl": [str(2 * n), "nine hundred", "a cow"], "richtig": 0}
        for n in range(12)
    ]
    (tmp_path / "choices.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    key = "evaluation-multiple_choice"
    prune.session_state[f"{key}-source"] = str(tmp_path / "choices.jsonl")  # as if it were typed
    run(run(prune).selectbox(key="evaluation-task").set_value("multiple_choice"))
    assert any('has no column "question" (there are: frage, wahl, richtig)' in error.value for error in prune.error)
    for meaning, column in (("question", "frage"), ("choices", "wahl"), ("answer", "richtig")):
        run(prune.selectbox(key=f"{key}-column-{meaning}").set_value(column))
    assert not prune.error
    (first_examples,) = (frame.value for frame in prune.dataframe if "prompt" in frame.value)
    assert set(first_examples["wrong"]) == {"nine hundred / a cow"}

    cut = current(prune)[0]
    mapping = ColumnMapping(question="frage", choices="wahl", answer="richtig")
    corpus = CorpusSpec(str(tmp_path / "choices.jsonl"), "evaluate", mapping=mapping, max_examples=50)
    request = world.request(cut, task="multiple_choice", corpus=corpus)
    carry_out(world.store, request)
    run(prune)
    shown = readings(prune)
    for label, column in (("Accuracy", "correct"), ("Accuracy, length not divided out", "correct_by_sum")):
        for state, removed in (("before", ()), ("after", cut)):
            kept = world.store.evaluation(request.evaluation_key(removed))
            assert kept is not None
            assert shown[f"{label} {state}"] == f"{kept.examples[column].mean():.1%}"


def test_a_cut_from_another_page_is_ticked_with_its_reason(world: World, prune: AppTest) -> None:
    handed = HandedCut(world.model.identity(), (1, 3), "greedy search, step 2", (world.profiled,), "a search")
    prune.session_state["picked-cut"] = handed
    run(prune)
    assert prune.selectbox(key="method").value == "by hand"
    assert prune.session_state["current-cut"] == handed
    run(prune)
    assert prune.session_state["current-cut"] == handed
    run(prune.button_group(key="ticked").set_value([1]))
    assert current(prune) == ((1,), "ticked by hand")
    prune.session_state["picked-cut"] = replace(handed, model="another")
    run(prune)
    assert any("of another model" in warning.value for warning in prune.warning)
    assert current(prune)[0] == (1,)


def test_ablation_and_random_cuts_are_yardsticks(world: World, prune: AppTest) -> None:
    corpus = replace(world.held_out, max_tokens=2000)
    singles = tuple((block,) for block in range(BLOCKS))
    request = world.request(*singles, corpus=corpus)
    run(run(prune).select_slider(key="evaluation-tokens").set_value(2000))
    assert "single-block ablation" not in prune.selectbox(key="method").options
    carry_out(world.store, request)
    run(prune)
    assert "single-block ablation" in prune.selectbox(key="method").options
    run(prune.selectbox(key="method").set_value("single-block ablation"))
    losses = np.array([world.perplexity(cut, request) for cut in singles])
    assert current(prune)[0] == lowest(losses, 1)


def test_random_cuts_are_drawn_once(world: World, prune: AppTest) -> None:
    corpus = replace(world.held_out, max_tokens=4000)
    at_cutoff(run(prune), 3)
    assert not prune.button(key="random").disabled
    assert prune.button(key="random").label == "Evaluate all 4 cuts of 3 blocks"
    singles = [tuple(b for b in range(BLOCKS) if b != gone) for gone in (None, *range(BLOCKS))]
    shared = len({blocks[:n] for blocks in singles for n in range(1, len(blocks) + 1)})
    assert f"{shared} times, and not {sum(map(len, singles))}," in prune.button(key="ablate").help
    carry_out(world.store, world.request(*random_cuts(BLOCKS, 3, (0, BLOCKS - 1)), corpus=corpus))
    run(prune)
    assert prune.button(key="random").disabled


def test_the_band_of_random_cuts_can_be_taken_home_where_it_is_drawn(world: World, prune: AppTest) -> None:
    def offered() -> list[str]:
        buttons = [button.proto for button in run(prune).get("download_button")]
        return [button.label for button in buttons if "-csv-retained" in button.id]

    run(prune).select_slider(key="evaluation-tokens").set_value(8000)
    carry_out(world.store, world.request((1,), corpus=replace(world.held_out, max_tokens=8000)))
    assert offered() == ["data (CSV)"]
    draws = random_cuts(BLOCKS, 2, (0, BLOCKS - 1))
    carry_out(world.store, world.request(*draws, corpus=replace(world.held_out, max_tokens=8000)))
    assert offered() == ["data (CSV)", "random cuts (CSV)"]


@pytest.mark.usefixtures("as_stored")
def test_an_evaluation_under_way_is_shown_though_it_was_started_elsewhere(world: World, prune: AppTest) -> None:
    asked = world.request((1, 2, 3), corpus=replace(world.held_out, max_tokens=16000))
    under_way = world.store.start_run(asked.run_id(), asked.kind, asked.to_dict())
    assert under_way is not None
    cancel = f"cancel-evaluation-{under_way.id}"
    assert cancel not in [button.key for button in run(prune).button], "it is of more tokens"
    run(prune.select_slider(key="evaluation-tokens").set_value(16000))
    assert cancel in [button.key for button in prune.button]
    world.store.end_run(under_way.id, under_way.attempt, "cancelled")
    assert cancel not in [button.key for button in run(prune).button]


def test_a_method_that_measures_stretches_removes_the_best_that_may_go(world: World, prune: AppTest) -> None:
    request = RankRequest(world.model, world.profiled, RankSettings(("angular",)))
    run_of_it = carry_out(world.store, request)
    sums = pd.concat([pd.read_parquet(world.store.path_of(unit.file)) for unit in world.store.units(run_of_it.id)])
    angles = sums[(sums["statistic"] == "angle") & (sums["length"] == 2)].groupby("block")[["value", "weight"]].sum()
    first = (angles["value"] / angles["weight"]).loc[1 : BLOCKS - 3].idxmin()
    run(run(prune).selectbox(key="method").set_value("Angular distance"))
    run(prune.toggle(key="contiguous").set_value(True))
    at_cutoff(prune, 2)
    assert current(prune)[0] == (first, first + 1)


def test_accuracies_make_an_oracle_and_a_band_too(world: World) -> None:
    corpus = CorpusSpec("sample:sentiment", "evaluate", max_examples=25)
    singles = tuple((block,) for block in range(BLOCKS))
    draws = random_cuts(BLOCKS, 2, (0, BLOCKS - 1))
    request = world.request(*singles, *draws, task="sentiment", corpus=corpus)
    carry_out(world.store, request)

    def accuracy(removed: tuple[int, ...]) -> float:
        kept = world.store.evaluation(request.evaluation_key(removed))
        assert kept is not None
        return float(kept.examples["correct"].mean())

    assert effect_of("sentiment") == "Accuracy lost by removing the block"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pages.parts.outcomes.store", lambda: world.store)
        ablation = ablation_frame(request, BLOCKS)
        band = random_frame(request, BLOCKS, (0, BLOCKS - 1)).set_index("removed").loc[2]
        assert ablation_frame(replace(request, corpus=replace(corpus, max_examples=10)), BLOCKS) is None
    assert ablation is not None
    assert ablation["ablation"].tolist() == pytest.approx([accuracy(()) - accuracy(cut) for cut in singles])
    retained = sorted(accuracy(cut) / accuracy(()) for cut in draws)
    assert (band["low"], band["high"]) == pytest.approx((retained[0], retained[-1]))
    assert (band["draws"], band["coverage"]) == (6, 1), "all six cuts there are"


def test_what_is_judged_on_the_text_that_chose_it_is_said(world: World, prune: AppTest) -> None:
    def flattered() -> list[str]:
        return [warning.value for warning in prune.warning if "flattered" in warning.value]

    corpus = replace(world.held_out, max_tokens=1000)
    carry_out(world.store, world.request(*((block,) for block in range(BLOCKS)), corpus=corpus))
    run(run(prune).select_slider(key="evaluation-tokens").set_value(1000))
    assert flattered() == []
    run(prune.selectbox(key="method").set_value("single-block ablation"))
    assert "single-block ablation" in flattered()[0]
    assert prune.session_state["current-cut"].measured_on == (corpus,)
    assert "single-block ablation" in prune.session_state["current-cut"].method


def test_a_cut_from_another_page_is_flattered_by_the_text_that_chose_it(world: World, prune: AppTest) -> None:
    handed = HandedCut(world.model.identity(), (1, 3), "greedy search, step 2", (world.profiled, world.held_out))
    prune.session_state["picked-cut"] = handed
    run(prune)
    assert any("**greedy search, step 2**: measured on text" in warning.value for warning in prune.warning)
    prune.session_state["picked-cut"] = replace(handed, measured_on=(world.profiled,))
    assert not run(prune).warning


def test_how_far_by_evaluations_is_chosen_on_the_judged_text(world: World, prune: AppTest) -> None:
    run(prune)
    assert prune.session_state["current-cut"].measured_on == (world.profiled,)
    run(prune.selectbox(key="rule").set_value("the most that keeps …"))
    assert prune.session_state["current-cut"].measured_on == (world.profiled, world.held_out)


def test_what_was_set_stays_while_it_is_not_drawn(world: World, prune: AppTest) -> None:
    run(run(prune).selectbox(key="rule").set_value("a share of the blocks (a)"))
    run(prune.slider(key="share-of-blocks").set_value(50))
    run(prune.selectbox(key="method").set_value("by hand"))
    run(prune.button_group(key="ticked").set_value([2, 4]))
    run(prune.selectbox(key="method").set_value("AVSS (residual)"))
    assert prune.slider(key="share-of-blocks").value == 50
    assert current(prune)[0] == lowest(world.avss, 3)
    run(prune.selectbox(key="method").set_value("by hand"))
    assert current(prune)[0] == (2, 4)


@pytest.mark.parametrize("part", ["evaluate", "all"])
def test_only_what_was_held_out_is_called_so(world: World, part: str) -> None:
    said = documents_judged(world.request(corpus=replace(world.held_out, part=part)), 1234)
    assert said == "1,234 documents" + (" that were not profiled" if part == "evaluate" else "")


@pytest.mark.parametrize(
    ("chosen", "judged", "same"),
    [
        (CorpusSpec("sample:essays", "profile"), CorpusSpec("sample:essays", "evaluate", max_tokens=9), False),
        (CorpusSpec("sample:essays", "profile"), CorpusSpec("sample:essays", "all"), True),
        (CorpusSpec("sample:essays", "evaluate"), CorpusSpec("sample:essays", "evaluate"), True),
        (CorpusSpec("owner/name", "all"), CorpusSpec("owner/name", "all", split="train"), True),
        (CorpusSpec("owner/name", "all"), CorpusSpec("owner/name", "all", split="test"), False),
        (CorpusSpec("texts/a.jsonl", "all"), CorpusSpec(str(Path("texts/a.jsonl").absolute()), "profile"), True),
    ],
)
def test_texts_that_share_documents(chosen: CorpusSpec, judged: CorpusSpec, same: bool) -> None:
    assert share_documents(chosen, judged) is same


def test_of_two_comparisons_the_one_on_the_profiled_text_counts(world: World) -> None:
    settings = RankSettings(("taylor",))
    carry_out(world.store, RankRequest(world.model, world.profiled, settings))
    sample, seen = replace(world.profiled, subset=(0, 2)), replace(world.profiled, part="all")
    for text in (sample, seen):
        carry_out(world.store, RankRequest(world.model, text, settings))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pages.parts.orders.store", lambda: world.store)
        patch.setattr("pages.parts.outcomes.store", lambda: world.store)
        patch.setattr("pages.parts.engine.store", lambda: world.store)
        known = known_rankings(world.profile, world.request(), ScoreSettings("residual", Epsilon(), False))
    (label,) = (label for label in known if "Taylor" in label)
    assert known[label].text == world.profiled


def test_what_was_deleted_can_be_evaluated_again(world: World) -> None:
    request = world.request((2, 3), corpus=replace(world.held_out, max_tokens=500))
    made = carry_out(world.store, request)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pages.parts.outcomes.store", lambda: world.store)
        assert evaluations(request, request.cuts).keys() == {(), (2, 3)}
        world.store.delete_run(made.id)
        assert outcomes(request, (2, 3), "by hand") == ()
        assert evaluations(request, request.cuts) == {}, "else nothing would offer to evaluate it"
        carry_out(world.store, request)
        assert outcomes(request, (2, 3), "by hand")[0].after.value == pytest.approx(world.perplexity((2, 3), request))


def test_examples_can_be_uploaded(world: World, prune: AppTest) -> None:
    key = "evaluation-sentiment"
    run(run(prune).selectbox(key="evaluation-task").set_value("sentiment"))
    rows = "".join(f"number {n} is bad,negative\nnumber {n} is good,positive\n" for n in range(9))
    prune.file_uploader(key=f"{key}-upload").set_value(("../mine.csv", f"text,label\n{rows}".encode(), "text/csv"))
    run(prune)
    assert not prune.error
    source = Path(str(prune.selectbox(key=f"{key}-source").value))
    assert source.name == "mine.csv"
    assert world.store.folder / "uploads" in source.parents
    assert prune.selectbox(key=f"{key}-column-label").value == "label"
    (first,) = (frame.value for frame in prune.dataframe if "prompt" in frame.value)
    assert set(first["right"]) <= {"negative", "positive"}


def test_ticked_blocks_of_a_deeper_model_are_no_trouble(prune: AppTest) -> None:
    run(prune)
    prune.session_state["method"] = "by hand"
    prune.session_state["ticked"] = [1, 25]
    run(prune)
    assert current(prune)[0] == (1,)


def test_evaluate_has_the_workers_do_it(
    world: World, prune: AppTest, workers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVSS_SCHEDULER", workers)
    prune.session_state["picked-cut"] = HandedCut(world.model.identity(), (0, 2, 5), "from the sweep")
    run(prune)
    assert "Retained" not in readings(prune)
    run(prune.button(key="evaluate").click())
    until = time.monotonic() + 60
    while "Retained" not in readings(prune):
        assert time.monotonic() < until
        assert not prune.error
        time.sleep(0.2)
        run(prune)
    assert readings(prune)["Retained"] == f"{world.perplexity(()) / world.perplexity((0, 2, 5)):.1%}"
    before = len(world.store.runs("evaluate"))
    run(prune.button(key="evaluate").click())
    assert len(world.store.runs("evaluate")) == before, "an evaluated cut is free"
