"""The prompt that a question is asked with. No torch."""

from __future__ import annotations

from avss_core.corpora.examples import Example
from avss_core.errors import SettingError
from avss_core.tasks import task_named
from avss_core.tasks.task import AnswerTask

TASK = "closed_book"


def answer_task() -> AnswerTask:
    """The task whose examples are read, and whose prompt is used."""
    task = task_named(TASK)
    assert isinstance(task, AnswerTask)
    return task


def solved_examples() -> tuple[str, ...]:
    """The solved examples that stand before a question, each `Question: …` and `Answer: …` on a line of its own."""
    return tuple(answer_task().prompt(Example("", 0, "")).split("\n\n")[:-1])


def question_prompt(question: str, shots: int) -> str:
    """The first `shots` solved examples, then the question; with all of them, the prompt of the task closed_book.

    Raises SettingError for more solved examples than there are, or fewer than none.
    """
    solved = solved_examples()
    if not 0 <= shots <= len(solved):
        raise SettingError(f"There are {len(solved)} solved examples to ask with, so {shots} is not possible.")
    return "\n\n".join([*solved[:shots], f"Question: {question.strip()}\nAnswer:"])
