"""Multiple choice: which of the given answers is the likeliest?"""

from __future__ import annotations

from avss_core.corpora.examples import Example
from avss_core.tasks.metric import Metric
from avss_core.tasks.task import ChoiceTask


def prompt(example: Example) -> str:
    """The question; the choices are not shown, each is tried as the answer."""
    return f"Question: {example.question.strip()}\nAnswer:"


def continuations(example: Example) -> tuple[str, ...]:
    """Each choice as the answer."""
    return tuple(f" {choice.strip()}" for choice in example.choices)


def right(example: Example) -> tuple[int, ...]:
    """As the source has it."""
    return example.right


TASK = ChoiceTask(
    name="multiple_choice",
    pretty_name="Multiple choice",
    what="Which of the given answers to a question is right?",
    how="Each choice is tried as the answer to the question, and the one with the highest log-likelihood a character "
    "is taken; choices that tie share the point. The accuracy without dividing by the length stands beside it.",
    needs=("question", "choices", "answer"),
    metrics=(
        Metric("accuracy", "Accuracy", higher_is_better=True, total="correct"),
        Metric("accuracy_by_sum", "Accuracy, length not divided out", higher_is_better=True, total="correct_by_sum"),
    ),
    default_source="sample:multiple_choice",
    prompt=prompt,
    continuations=continuations,
    right=right,
)
