"""What the tasks say of themselves, without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from avss_core.corpora.mapping import MEANINGS
from avss_core.errors import SettingError
from avss_core.tasks import TASKS, AnswerTask, ChoiceTask, read_task, spec_of, task_named


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_task_says_what_it_is(task) -> None:
    card = json.loads(json.dumps(task.card()))
    assert card["task"] == task.name
    assert all(card[key] for key in ("pretty_name", "what", "how", "scoring", "metrics", "default"))
    assert set(task.needs) <= set(MEANINGS)
    assert task.metric() is task.metrics[0] is task.metric(task.metrics[0].name)
    with pytest.raises(SettingError, match="no metric 'beauty'; it has"):
        task.metric("beauty")


def test_a_wrong_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(SettingError, match=r"no task 'sentimant' .*closed_book\); did you mean \"sentiment\"\?"):
        task_named("sentimant")


def test_every_task_of_the_issue_is_there() -> None:
    assert list(TASKS) == ["perplexity", "sentiment", "multiple_choice", "qa", "closed_book"]


def test_what_models_write_is_run_for_each_alone() -> None:
    assert {name for name, task in TASKS.items() if not task.shares_prefixes} == {"qa", "closed_book"}


@pytest.mark.parametrize("name", ["qa", "closed_book"])
def test_solved_examples_are_not_in_the_sample(name: str) -> None:
    task = TASKS[name]
    assert isinstance(task, AnswerTask)
    for example in read_task(task, spec_of(task, task.default_source, part="all")):
        asked = task.prompt(example)
        assert asked.count(example.question) == 1
        assert asked.endswith("\nAnswer:")


def test_every_sample_label_is_known_and_every_choice_a_continuation() -> None:
    for name in ("sentiment", "multiple_choice"):
        task = TASKS[name]
        assert isinstance(task, ChoiceTask)
        for example in read_task(task, spec_of(task, task.default_source, part="all")):
            said = task.continuations(example)
            assert all(text.startswith(" ") and text.strip() for text in said)
            assert all(0 <= number < len(said) for number in task.right(example))


PROGRAM = """
import sys
import pandas as pd
from avss_core.tasks import TASKS, preview_task, spec_of
for task in TASKS.values():
    assert len(preview_task(task, spec_of(task, task.default_source), 3)) == 3
frame = pd.DataFrame({"document": [0, 1], "correct": [1.0, 0.0]})
assert TASKS["sentiment"].summarise(frame).value == 0.5
low, high = TASKS["sentiment"].retained_interval(frame, frame)
assert low < 1.0 < high
print(sorted({"torch", "transformers", "torchmetrics", "datasets"} & set(sys.modules)))
"""


def test_a_page_shows_and_sums_up_every_task_without_torch() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=root, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
