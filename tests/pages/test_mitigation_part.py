"""The Mitigation view: what it asks for before it can train, and what came of three trainings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from avss_core.corpora import CorpusSpec
from avss_core.hallucination.asking_again import AskingAgain
from avss_core.hallucination.mitigation import CHOICES, MitigationSettings
from avss_core.jobs import AnswersRequest, ConfidenceRequest, Jobs, MitigateRequest
from avss_core.jobs.answers_results import answers_frame
from avss_core.jobs.mitigate_results import mitigated
from avss_core.models import ModelSpec
from avss_core.runs import Store
from pages.parts.picked_cut import HandedCut

ROOT = Path(__file__).parents[2]
SETTINGS = MitigationSettings(n_blocks=1, steps=2, answers=2, rank=2)


@pytest.fixture
def answers(tiny_model: Path, tmp_path: Path) -> AnswersRequest:
    file = tmp_path / "sciq-questions.jsonl"  # whose p is 90 % in the papers
    lines = [{"question": f"Who came in {1900 + number}?", "answers": ["no one"]} for number in range(24)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return AnswersRequest(ModelSpec(str(tiny_model), dtype="float32"), CorpusSpec(str(file), part="all"), (), 3)


def opened(answers: AnswersRequest, **state: object) -> AppTest:
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from avss_core.importance import Epsilon
from avss_core.jobs import AnswersRequest
from pages.parts.hallucination_mitigation import draw_mitigation
st.cache_resource.clear()
draw_mitigation(AnswersRequest.from_dict({answers.to_dict()!r}), "alias", "residual", Epsilon(), "product")
"""
    test = AppTest.from_string(script, default_timeout=60)
    for name, value in (("blocks", 1), ("steps", 2), ("answers", 2), ("rank", 2)):
        test.session_state[f"mitigate-{name}"] = value
    for key, found in state.items():
        test.session_state[key] = found
    return test


def frame_with(shown: AppTest, *columns: str) -> pd.DataFrame:
    (frame,) = [table.value for table in shown.dataframe if set(columns) <= set(table.value.columns)]
    return frame


@pytest.mark.usefixtures("as_stored")
def test_the_half_that_is_still_asked_is_shown_when_the_other_is_done(
    tmp_path: Path, answers: AnswersRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(tmp_path / "runs.db"))
    monkeypatch.setenv("AVSS_STORE", store.url)
    request = MitigateRequest(answers, SETTINGS)
    halves = [store.start_run(one.run_id(), one.kind, one.to_dict()) for one in (request.taught, request.held_out)]
    page = opened(answers)

    def followed() -> list[str]:
        assert not page.run().exception
        return [button.key.rsplit("-", 1)[1] for button in page.button if button.label == "Cancel"]

    (taught, held_out) = (half.id for half in halves if half is not None)
    assert followed() == [taught, held_out]
    store.end_run(taught, 1, "done")
    assert followed() == [held_out]


def test_both_halves_are_asked_first_then_three_trainings_are_compared(
    tmp_path: Path, workers: str, answers: AnswersRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(tmp_path / "runs.db"))
    monkeypatch.setenv("AVSS_STORE", store.url)
    monkeypatch.setenv("AVSS_SCHEDULER", workers)
    first = opened(answers).run()
    assert not first.exception
    assert [button.label for button in first.button] == [
        "Ask the questions to learn from",
        "Ask the questions held out",
    ]

    request = MitigateRequest(answers, SETTINGS)
    with_labels = Jobs(store, workers)
    try:
        taught, _ = (with_labels.wait(with_labels.submit(one).id) for one in (request.taught, request.held_out))
        for example in answers_frame(store, taught.id)["example"][:4]:
            store.set_hand_label(taught.id, example, "truthful")
        before = opened(answers).run()
        assert not before.exception
        assert before.info[0].value.startswith("Nothing has been trained")
        by_hand, runs = tuple(store.hand_labels(taught.id).items()), {}
        for choice in CHOICES:
            one = replace(request, settings=replace(SETTINGS, choice=choice), by_hand=by_hand)
            runs[choice] = with_labels.wait(with_labels.submit(one).id)
            assert runs[choice].status == "done"
        again = ConfidenceRequest.of(request.held_out, AskingAgain(samples=2))
        assert with_labels.wait(with_labels.submit(again).id).status == "done"
    finally:
        with_labels.close()

    page = opened(answers).run()
    assert not page.exception
    assert not page.error
    told = [text.value for text in page.markdown]
    assert sum("does not help beyond chance" in text for text in told) == 3
    assert sum("points from this one" in text for text in told) == 2, "the prone blocks stand beside both controls"
    assert len(page.get("plotly_chart")) == 2
    figures, tables = 2, 2
    assert len(page.get("download_button")) == 2 * figures + tables + len(CHOICES)

    # Before and after, a row for each training and metric, at the papers' q and p for this set.
    table = frame_with(page, "training", "before", "after").set_index(["training", "metric"])
    metrics = ["made-up rate ↓", "H_model ↓", "perplexity ↓", "acc@50 ↑", "cov@90 ↑", "ECE ↓", "Brier ↓", "AUROC ↑"]
    assert list(table.index) == [(name, metric) for name in CHOICES.values() for metric in metrics]
    found = mitigated(store, runs["highest"].id)
    row = table.loc["highest HCS", "made-up rate ↓"]
    assert row["before"].startswith(f"{found.change.rate_before:.1%} (")
    assert row["n"] == found.change.questions
    row = table.loc["highest HCS", "perplexity ↓"]
    before, after = (float(row[name].split(" ")[0]) for name in ("before", "after"))
    assert float(row["change"].split(" ")[1]) == pytest.approx(after / before, rel=1e-3)
    brier = table.loc["highest HCS", "Brier ↓"]
    squares = [
        np.mean([(np.exp(np.mean(said)) - (label == "truthful")) ** 2 for said, label in answered if len(said)])
        for answered in (zip(one.frame["logprobs"], one.labels, strict=True) for one in (found.before, found.after))
    ]
    assert [brier[name].split(" ")[0] for name in ("before", "after")] == [f"{value:.3f}" for value in squares]

    # How sure it is: the model can be asked again about the held-out half, and then every estimator has its row.
    assert page.button("hallucination-ask-again").label == "Ask how sure it is"
    sure = frame_with(page, "estimator", "accuracy").set_index("estimator")
    assert sure.index[-1] == "EAVSS (sequence probability)"
    assert "cov@90 ↑" in sure.columns
    assert sure.loc["P(True)", "answers"] == 0
    page = opened(answers, **{"hallucination-samples": 2}).run()
    assert not page.exception
    assert page.button("hallucination-ask-again").label == "Asked"
    sure = frame_with(page, "estimator", "accuracy").set_index("estimator")
    assert sure.loc["P(True)", "answers"] == found.change.questions

    # No button for an adapter of which a cut leaves nothing.
    cut = {"current-cut": HandedCut(answers.model.identity(), found.blocks, "by hand")}
    trained = [mitigated(store, run.id).blocks for run in runs.values()]
    page = opened(answers, **cut).run()
    assert not page.exception
    fitting = sum(blocks != found.blocks for blocks in trained)
    assert fitting in (1, 2)
    assert len(page.get("download_button")) == 2 * figures + tables + len(CHOICES) + fitting
    assert "highest HCS: the cut of the Prune page removes every block" in " ".join(c.value for c in page.caption)
