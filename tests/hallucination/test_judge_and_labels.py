"""Judges against answers judged by eye; labels by hand, which are kept and count for every judge."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from fake_answers import fake_frame, random_activations

from avss_core.corpora import CorpusSpec
from avss_core.errors import RunError, SettingError
from avss_core.hallucination import labels as labels_module
from avss_core.hallucination.asking import question_prompt
from avss_core.hallucination.judge import JUDGES, judge_answers
from avss_core.hallucination.labels import hallucination_rate, labels_of, relabel
from avss_core.jobs import AnswersRequest
from avss_core.models import ModelSpec
from avss_core.runs import Store
from avss_core.runs.export import export_run

# answer, references, and whether exact, alias, loose call it right
CASES = [
    ("The Beatles.", ["Beatles"], (1, 1, 1)),
    ("It was Ludwig van Beethoven", ["Beethoven", "Ludwig van Beethoven"], (0, 1, 1)),
    ("Beethoven", ["Ludwig van Beethoven"], (0, 0, 1)),
    ("Emile Zola", ["Émile Zola"], (0, 0, 1)),
    ("Parisian", ["Paris"], (0, 0, 0)),
    ("London", ["Paris", "Lutetia"], (0, 0, 0)),
    ("", ["Paris"], (0, 0, 0)),
    ("", [""], (0, 0, 0)),
    ("?", ["What?"], (0, 0, 0)),
    ("14", ["14", "fourteen"], (1, 1, 1)),
]


@pytest.mark.parametrize("place", range(3))
def test_each_judge(place: int) -> None:
    frame = pd.DataFrame(
        {"answer": [case[0] for case in CASES], "references": [case[1] for case in CASES]}, index=range(5, 15)
    )
    labels = judge_answers(frame, JUDGES[place].name)
    assert labels.index.tolist() == list(range(5, 15))
    assert [label == "truthful" for label in labels] == [bool(case[2][place]) for case in CASES]
    assert set(labels) == {"truthful", "hallucinated"}


def test_an_unknown_judge() -> None:
    with pytest.raises(SettingError, match="judges are exact, alias, loose"):
        judge_answers(pd.DataFrame({"answer": [], "references": []}), "fair")


def test_the_rate_counts_all() -> None:
    assert hallucination_rate(pd.Series(["truthful"] * 3)) == 0
    assert hallucination_rate(pd.Series(["hallucinated"])) == 1
    assert hallucination_rate(pd.Series(["hallucinated", "truthful", "truthful", "truthful"])) == 0.25


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with a run of three answers, all wrong."""
    found = Store(str(tmp_path / "runs.db"))
    found.start_run("r1", "answers", {})
    monkeypatch.setattr(labels_module, "answers_frame", lambda *_: fake_frame(random_activations(3, 2)))
    return found


def test_a_label_by_hand_is_kept_and_counts_for_every_judge(store: Store) -> None:
    relabel(store, "r1", "e1", "truthful")
    again = Store(store.url)
    for judge in JUDGES:
        assert labels_of(again, "r1", judge.name).tolist() == ["hallucinated", "truthful", "hallucinated"]
    relabel(again, "r1", "e1", "hallucinated")
    relabel(again, "r1", "e2", "truthful")
    assert labels_of(store, "r1").tolist() == ["hallucinated", "hallucinated", "truthful"]
    assert store.hand_labels("r1") == {"e1": "hallucinated", "e2": "truthful"}
    relabel(store, "r1", "e2", None)
    assert labels_of(store, "r1").tolist() == ["hallucinated"] * 3


def test_labels_leave_with_the_run(store: Store, tmp_path: Path) -> None:
    relabel(store, "r1", "e1", "truthful")
    export_run(store, "r1", tmp_path / "r1.zip")
    told = json.loads(zipfile.ZipFile(tmp_path / "r1.zip").read("run.json"))
    assert told["hand_labels"] == {"e1": "truthful"}
    store.end_run("r1", 1, "done")
    store.delete_run("r1")
    assert store.hand_labels("r1") == {}


def test_what_cannot_be_labelled(store: Store) -> None:
    with pytest.raises(SettingError, match="truthful or hallucinated, not 'maybe'"):
        relabel(store, "r1", "e1", "maybe")
    with pytest.raises(RunError, match="no answer to example 'e9'"):
        relabel(store, "r1", "e9", "truthful")


def test_the_prompt_has_so_many_solved_examples() -> None:
    prompts = [question_prompt(" Why?\n", shots) for shots in range(4)]
    assert prompts[0] == "Question: Why?\nAnswer:"
    for shots, prompt in enumerate(prompts):
        assert prompt.endswith(prompts[0])
        assert prompt.count("Question:") == prompt.count("Answer:") == shots + 1
        assert prompts[3].startswith(prompt.removesuffix(prompts[0]))


@pytest.mark.parametrize(("setting", "value"), [("shots", 4), ("shots", -1), ("most_tokens", 0)])
def test_what_cannot_be_asked(setting: str, value: int) -> None:
    with pytest.raises(SettingError):
        AnswersRequest(ModelSpec("default"), CorpusSpec("sample:closed_book"), **{setting: value})
