"""The Hallucination page over answers that a random tiny model really wrote: every view, labels by hand, refusals."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from avss_core.corpora.spec import CorpusSpec
from avss_core.hallucination.asking_again import AskingAgain
from avss_core.hallucination.question_sums import question_sums
from avss_core.importance.epsilon import Epsilon
from avss_core.jobs import AnswersRequest, ConfidenceRequest, ProfileRequest
from avss_core.jobs.answers_results import answers_frame
from avss_core.jobs.honesty_results import requests_beside
from avss_core.jobs.requests import Request
from avss_core.models.spec import ModelSpec
from avss_core.runs import Store

ROOT = Path(__file__).parents[2]
QUESTIONS, BY_HAND, SAME = 26, 12, 4
SCRIPT = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from pages import hallucination
from pages.parts.choose_run import choose_run
from pages.parts.hallucination_answers import keep_edits
from pages.parts.trouble import told_in_a_box
if "edit" in st.session_state:
    keep_edits(*st.session_state["edit"])
with told_in_a_box():
    choose_run()
    hallucination.page()
"""


@pytest.fixture(autouse=True)
def own_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest leaves its script as `__main__`, which a worker process that is started later would run again."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def asked(tmp_path: Path, tiny_model: Path) -> AnswersRequest:
    """What the page asks for by default once the questions' file is named."""
    file = tmp_path / "truthfulqa-questions.jsonl"
    rows = [{"question": f"What is number {n}?", "answers": ["never said"]} for n in range(QUESTIONS)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return AnswersRequest(
        ModelSpec(str(tiny_model), dtype="float32"), CorpusSpec(str(file), "all", max_examples=300), most_tokens=6
    )


@pytest.fixture
def store(tmp_path: Path, asked: AnswersRequest, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with a profile and the answers of its model; no worker can be asked for anything."""
    st.cache_resource.clear()
    st.cache_data.clear()
    made = Store(str(tmp_path / "avss.db"))
    monkeypatch.setenv("AVSS_STORE", made.url)

    def no_worker(*_: object, **__: object) -> None:
        raise AssertionError("a page that only reads must not start workers")

    monkeypatch.setattr("avss_core.jobs.client.start_apart", no_worker)
    profile = ProfileRequest(asked.model, CorpusSpec())
    run = made.start_run(profile.run_id(), profile.kind, profile.to_dict())
    assert run is not None
    made.add_facts(run.id, run.attempt, blocks=3, tokens=100, predicts_next_token=True)
    made.end_run(run.id, run.attempt, "done")
    return made


def finish(store: Store, request: Request) -> str:
    """Carry a request out by the workers' own code, in this process; the run's id."""
    from avss_core.jobs.works.base import Turn
    from avss_core.jobs.works.registry import WORKS

    run = store.start_run(request.run_id(), request.kind, request.to_dict())
    assert run is not None
    work = WORKS[request.kind]
    units = len(work.shards(request))
    for number in range(units):
        turn = Turn(number, run.id, store, lambda tokens: None, lambda words: None)
        store.add_unit(run.id, number, 1, 0.1, work.run(request, turn))
    store.add_facts(run.id, run.attempt, blocks=3)
    store.update_run(run.id, run.attempt, n_units=units)
    store.end_run(run.id, run.attempt, "done")
    return run.id


def label_half(store: Store, run_id: str) -> None:
    """Say that the first answers are truthful, so that there are enough of each label."""
    for example in answers_frame(store, run_id)["example"][:BY_HAND]:
        store.set_hand_label(run_id, example, "truthful")


def say_the_same(store: Store, whole: str, pruned: str) -> None:
    """Let the pruned model give the unpruned one's first answers, as larger models often do."""
    first = answers_frame(store, whole)["answer"][:SAME]
    path = store.path_of(store.units(pruned)[0].file)
    frame = pd.read_parquet(path)
    frame.loc[: SAME - 1, "answer"] = first.to_numpy()
    frame.to_parquet(path)


def opened(asked: AnswersRequest, view: str = "Answers", **state: object) -> AppTest:
    shown = AppTest.from_string(SCRIPT, default_timeout=60)
    state = {"hallucination-source": asked.corpus.source, "hallucination-tokens": 6, "hallucination-view": view} | state
    for key, value in state.items():
        shown.session_state[key] = value
    return shown.run()


def healthy(shown: AppTest) -> AppTest:
    assert not shown.exception
    assert not shown.error, [error.value for error in shown.error]
    return shown


def frame_with(shown: AppTest, *columns: str) -> pd.DataFrame:
    (frame,) = [table.value for table in shown.dataframe if set(columns) <= set(table.value.columns)]
    return frame


def captions(shown: AppTest) -> str:
    return "\n".join(caption.value for caption in shown.caption)


def test_nothing_has_been_asked(store: Store, asked: AnswersRequest) -> None:
    shown = healthy(opened(asked))
    assert "have not been asked yet" in shown.info[0].value
    assert "What is number 0?" in frame_with(shown, "prompt")["prompt"][0], "the first questions of a file are shown"
    plain = healthy(AppTest.from_string(SCRIPT, default_timeout=60).run())
    assert plain.selectbox("hallucination-source").value == "sample:closed_book"
    assert plain.select_slider("hallucination-questions").value == 300


def test_a_label_by_hand_changes_the_rate_and_is_kept(store: Store, asked: AnswersRequest) -> None:
    run = finish(store, asked)
    shown = healthy(opened(asked))
    assert shown.metric[0].value == "100.0%"
    table = frame_with(shown, "question", "label", "by hand")
    assert table["label"].tolist() == ["hallucinated"] * QUESTIONS
    frame = answers_frame(store, run)
    known = frame["logprobs"].map(len) > 0
    expected = [np.prod(np.exp(row)) ** (1 / len(row)) for row in frame.loc[known, "logprobs"]]
    np.testing.assert_allclose(table.loc[known, "probability"], expected)

    rows = [(example, "hallucinated", False) for example in table["example"]]
    shown.session_state["edits"] = {"edited_rows": {3: {"label": "truthful"}, "5": {"by hand": True}}}
    shown.session_state["edit"] = (run, rows, "edits")
    healthy(shown.run())
    assert shown.metric[0].value == f"{(QUESTIONS - 1) / QUESTIONS:.1%}"
    assert store.hand_labels(run) == {table["example"][3]: "truthful", table["example"][5]: "hallucinated"}
    marked = frame_with(shown, "question", "label", "by hand")
    assert marked.loc[marked["by hand"], "label"].tolist() == ["truthful", "hallucinated"]
    assert shown.metric[1].value == "2"

    rows[3], rows[5] = (rows[3][0], "truthful", True), (rows[5][0], "hallucinated", True)
    shown.session_state["edits"] = {"edited_rows": {3: {"label": "truthful", "by hand": False}}}
    shown.session_state["edit"] = (run, rows, "edits")
    shown.session_state["hallucination-filter"] = "by hand"
    healthy(shown.run())
    assert list(store.hand_labels(run)) == [table["example"][5]]
    assert shown.metric[0].value == "100.0%"
    assert frame_with(shown, "question", "label", "by hand")["example"].tolist() == [table["example"][5]]


def test_too_few_answers_say_so(store: Store, asked: AnswersRequest) -> None:
    finish(store, asked)
    shown = healthy(opened(asked, "Blocks"))
    assert "nothing is concluded" in shown.warning[0].value
    assert "one label only" in captions(shown)
    refused = opened(asked, "Per block")
    assert not refused.exception
    assert "P(IK) needs at least 5 right" in refused.error[0].value
    shown = healthy(opened(asked, "Confidence"))
    assert "P(IK): P(IK) needs at least 5 right" in captions(shown)


def test_blocks(store: Store, asked: AnswersRequest) -> None:
    run = finish(store, asked)
    label_half(store, run)
    shown = healthy(opened(asked, "Blocks"))
    assert f"Between {BY_HAND} truthful and {QUESTIONS - BY_HAND} made-up answers" in shown.info[0].value
    assert len(shown.get("plotly_chart")) == 4
    frame = answers_frame(store, run)
    table = frame_with(shown, "block", "hsav", "p_adjusted")
    squares, sums, n = (np.stack(frame[f"residual_{name}"]) for name in ("sum_squares", "sum", "n"))
    halves = [slice(None, BY_HAND), slice(BY_HAND, None)]
    truthful, made_up = (
        squares[part].sum(0) / n[part].sum(0) - (sums[part].sum(0) / n[part].sum(0)) ** 2 for part in halves
    )
    np.testing.assert_allclose(table["hsav"], abs(made_up - truthful), rtol=1e-6)
    assert table["p_adjusted"].between(0, 1).all()
    for name in ("hsav", "hss"):
        share = table[name] / table[name].sum()
        np.testing.assert_allclose(table[f"{name}_share"], share)
        np.testing.assert_allclose(table[f"{name}_cumulative"], np.cumsum(share))
    assert {f"{name}_share" for name in ("hcs", "eavss", "eavss_stable")} <= set(table.columns)
    said = captions(shown)
    assert "EAVSS-stable = AVSS~ / (HCS~ + 1/M), H = σ² / (1 − S)" in said
    assert "not why: longer answers" in said
    assert set(frame_with(shown, "first", "spearman")["first"]) == {"product", "sum"}

    shown.select_slider("hallucination-theta-residual-0.01").set_value(sorted(table["propensity"])[0]).run()
    prone = sorted(table["propensity"].nlargest(2).index)
    assert f"Above: {prone[0]}, {prone[1]}." in captions(healthy(shown))
    shown.button("hallucination-pick").click().run()
    picked = shown.session_state["picked-cut"]
    assert (picked.removed, picked.measured_on) == (tuple(prone), (asked.corpus,))

    other = healthy(opened(asked, "Blocks", **{"hallucination-site": "update", "hallucination-epsilon": 0.1}))
    update = question_sums(frame, "update", Epsilon(0.1)).grouped(np.ones((1, QUESTIONS)))
    expected = update.variance[0] / (1 - update.sparsity[0])
    np.testing.assert_allclose(frame_with(other, "block", "hsav")["propensity"], expected)
    broken = opened(asked, "Blocks", **{"hallucination-epsilon": 0.0})
    assert not broken.exception
    assert "ε must be a positive number" in broken.error[0].value


def test_confidence_and_the_papers_table(store: Store, asked: AnswersRequest) -> None:
    run = finish(store, asked)
    label_half(store, run)
    shown = healthy(opened(asked, "Confidence"))
    assert shown.button("hallucination-ask-again").label == "Ask how sure it is"
    table = frame_with(shown, "estimator", "answers").set_index("estimator")
    metrics = {"acc@50 ↑", "cov@40 ↑", "ECE ↓", "Brier ↓", "AUROC ↑"}
    assert metrics <= set(table.columns), "the file is called after TruthfulQA, whose p is 40 %"
    assert "P(True): Not measured yet" in captions(shown)
    assert table.loc["P(True)", "answers"] == 0
    assert len(shown.get("plotly_chart")) == 2

    finish(store, ConfidenceRequest.of(asked, AskingAgain(samples=2)))
    shown = healthy(opened(asked, "Confidence", **{"hallucination-samples": 2, "hallucination-table2": True}))
    assert shown.button("hallucination-ask-again").disabled
    table = frame_with(shown, "estimator", "answers").set_index("estimator")
    assert table.loc["P(True)", "answers"] == QUESTIONS
    assert table["no number"].between(0, QUESTIONS).all()
    assert "counts with confidence 0 in every metric: our reading" in captions(shown)
    theirs = frame_with(shown, "data set", "theirs", "ours")
    row = theirs[(theirs["data set"] == "TruthfulQA") & (theirs["estimator"] == "P(True)")]
    assert row.empty, "P(True) is not in their table"
    row = theirs[(theirs["data set"] == "TruthfulQA") & (theirs["metric"].str.startswith("ECE"))].iloc[0]
    assert row["ours"] == table["ECE ↓"].iloc[0]
    assert (theirs.loc[theirs["data set"] == "NQ", "ours"] == "not at hand").all()

    shown.button("hallucination-preset-SciQ").click().run()
    assert "cov@90 ↑" in frame_with(healthy(shown), "estimator", "answers").columns


def test_per_block(store: Store, asked: AnswersRequest) -> None:
    label_half(store, finish(store, asked))
    shown = healthy(opened(asked, "Per block"))
    table = frame_with(shown, "block", "acc@50")
    assert table["block"].tolist() == [0, 1, 2]
    assert table["ece"].between(0, 1).all()
    assert len(shown.get("plotly_chart")) == 1


def test_pruning_for_honesty(store: Store, asked: AnswersRequest) -> None:
    run = finish(store, asked)
    label_half(store, run)
    shown = healthy(opened(asked, "Pruning for honesty", **{"honesty-by": "by hand", "honesty-ticked": [1]}))
    assert shown.button("honesty-ask").label == "Ask 3 pruned models", "there are two other cuts of one block"
    assert "has not been asked yet" in shown.info[0].value

    cut = replace(asked, removed=(1,))
    say_the_same(store, run, finish(store, cut))
    for other in requests_beside(asked, (1,), 3, 3):
        finish(store, other)
    shown = healthy(shown.run())
    assert shown.button("honesty-ask").label == "All are asked"
    assert "Without blocks 1, H_model changes by" in shown.info[0].value
    assert "of 2 random cuts" in shown.info[0].value
    table = frame_with(shown, "cut", "ΔH", "Δ rate")
    assert table["removed"].tolist() == ["1", "0", "2"]
    alike = f"{(QUESTIONS - SAME) / QUESTIONS:.1%}"
    for side in ("rate before", "rate after"):
        assert table[side].tolist() == [alike, "100.0%", "100.0%"], "a label counts where both gave the same answer"
    assert table["Δ rate"][0].startswith("+0.0%")
    frames = [answers_frame(store, request.run_id()) for request in (asked, cut)]
    sums = [question_sums(frame, "residual", Epsilon()).grouped(np.ones((1, QUESTIONS))) for frame in frames]
    before, after = (float((one.variance / (1 - one.sparsity)).mean()) for one in sums)
    np.testing.assert_allclose(table.loc[0, ["H before", "H after"]].astype(float), [before, after])
    assert f"{BY_HAND} answers of the unpruned model, 0 of the pruned" in captions(shown)
    assert not shown.warning

    shown.toggle("honesty-judge-alone").set_value(True)
    shown.toggle("honesty-answers").set_value(True).run()
    assert not healthy(shown).warning
    assert frame_with(shown, "cut", "ΔH", "Δ rate")["rate before"].tolist() == ["100.0%"] * 3
    assert frame_with(shown, "question", "by hand")["answer"].tolist() == frames[1]["answer"].tolist()
    assert "flatters this cut" not in captions(shown), "chosen by hand"
    shown.segmented_control("honesty-by").set_value("highest propensity H").run()
    assert "Chosen and judged on the same questions" in captions(healthy(shown))
    shown.segmented_control("honesty-by").set_value("lowest EAVSS-stable").run()
    assert "lowest EAVSS-stable" in healthy(shown).info[0].value
    assert "**Chosen by the labels that it is judged by**" in captions(shown)

    for example in frames[0]["example"][3:BY_HAND]:
        store.set_hand_label(run, example, None)
    doubted = healthy(shown.run()).warning[0].value
    assert "lowest EAVSS-stable" in doubted
    assert f"3 truthful and {QUESTIONS - 3} made-up answers; fewer than 10 of a kind" in doubted
    for example in frames[0]["example"][:3]:
        store.set_hand_label(run, example, None)
    shown.run()
    assert not shown.exception
    assert "all of one label, so there is no EAVSS-stable" in shown.error[0].value


def test_asked_by_real_workers(
    store: Store, asked: AnswersRequest, workers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVSS_SCHEDULER", workers)
    few = {"hallucination-questions": 10, "honesty-random": 1}
    shown = healthy(opened(asked, "Pruning for honesty", **few))
    shown.button("hallucination-ask").click()
    until_ended(shown, store, 1)
    assert shown.button("hallucination-ask").label == "Answered"
    assert "10 greedy answers" in captions(shown)
    shown.button("honesty-ask").click()
    until_ended(shown, store, 3)
    assert shown.button("honesty-ask").label == "All are asked"
    assert "random cuts" in shown.info[0].value
    sys.modules["pages.parts.engine"].jobs().close()


def until_ended(shown: AppTest, store: Store, runs: int) -> None:
    """Draw the page again and again until so many runs of answers are done."""
    until = time.monotonic() + 60
    healthy(shown.run())
    while len(done := store.runs("answers")) < runs or not all(run.ended for run in done):
        assert time.monotonic() < until, "it did not end in time"
        time.sleep(0.2)
        healthy(shown.run())
    assert {run.status for run in done} == {"done"}
    healthy(shown.run())


def test_a_model_that_writes_nothing_says_so(store: Store, asked: AnswersRequest) -> None:
    (profile,) = store.runs("profile")
    store.add_facts(profile.id, profile.attempt, predicts_next_token=False)
    assert "writes no text" in healthy(opened(asked)).info[0].value


def test_a_missing_file_is_told_in_a_box(store: Store, asked: AnswersRequest) -> None:
    gone = replace(asked, corpus=replace(asked.corpus, source="/nowhere/questions.jsonl"))
    shown = opened(gone)
    assert not shown.exception
    assert "/nowhere/questions.jsonl" in shown.error[0].value


def test_the_page_needs_no_torch() -> None:
    program = "import sys; import pages.hallucination; print([m for m in ('torch', 'peft') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr[-2000:]
