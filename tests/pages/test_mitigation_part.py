"""The Mitigation view: what it asks for before it can train, and what came of three trainings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from avss_core.corpora import CorpusSpec
from avss_core.hallucination.mitigation import CHOICES, MitigationSettings
from avss_core.jobs import AnswersRequest, Jobs, MitigateRequest
from avss_core.jobs.answers_results import answers_frame
from avss_core.models import ModelSpec
from avss_core.runs import Store

ROOT = Path(__file__).parents[2]
SETTINGS = MitigationSettings(n_blocks=1, steps=2, answers=2, rank=2)


@pytest.fixture
def answers(tiny_model: Path, tmp_path: Path) -> AnswersRequest:
    file = tmp_path / "questions.jsonl"
    lines = [{"question": f"Who came in {1900 + number}?", "answers": ["no one"]} for number in range(24)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return AnswersRequest(ModelSpec(str(tiny_model), dtype="float32"), CorpusSpec(str(file), part="all"), (), 3)


def opened(answers: AnswersRequest) -> AppTest:
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
    return test


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
        by_hand = tuple(store.hand_labels(taught.id).items())
        for choice in CHOICES:
            one = replace(request, settings=replace(SETTINGS, choice=choice), by_hand=by_hand)
            assert with_labels.wait(with_labels.submit(one).id).status == "done"
    finally:
        with_labels.close()

    page = opened(answers).run()
    assert not page.exception
    assert not page.error
    told = [text.value for text in page.markdown]
    assert sum("does not help beyond chance" in text for text in told) == 3
    assert sum("points from this one" in text for text in told) == 2, "the prone blocks stand beside both controls"
    assert len(page.get("plotly_chart")) == 2
    assert "EAVSS" in " ".join(page.dataframe[0].value["pretty_name"])
    assert len(page.get("download_button")) == 2 * 2 + 3
