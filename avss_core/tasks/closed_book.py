"""Closed-book question answering: the answer has to be known."""

from __future__ import annotations

from collections.abc import Mapping

from avss_core.corpora.examples import Example
from avss_core.tasks.metric import Metric
from avss_core.tasks.task import AnswerTask
from avss_core.tasks.verdict import contains_alias, is_exact

_SOLVED = (
    ("Which animal says moo?", "the cow"),
    ("What colour is a ripe lemon?", "yellow"),
    ('Who wrote the opera "Fidelio"?', "Ludwig van Beethoven"),
)
_BEFORE = "".join(f"Question: {question}\nAnswer: {answer}\n\n" for question, answer in _SOLVED)


def prompt(example: Example) -> str:
    """Three solved examples, then the question."""
    return f"{_BEFORE}Question: {example.question.strip()}\nAnswer:"


def judge(answer: str, example: Example) -> Mapping[str, float]:
    """`exact`: the answer is an alias, both normalised; `correct`: it contains one as whole words."""
    return {
        "correct": float(contains_alias(answer, example.answers)),
        "exact": float(is_exact(answer, example.answers)),
    }


TASK = AnswerTask(
    name="closed_book",
    pretty_name="Closed-book question answering",
    what="Answer a question of general knowledge from memory.",
    how="A greedy answer after three solved examples, up to a line break. It is right when it contains one of the "
    "accepted answers as whole words (case, punctuation and articles aside); exact matches are counted beside it.",
    needs=("question", "answers"),
    metrics=(
        Metric("accuracy", "Accuracy (contains an accepted answer)", higher_is_better=True, total="correct"),
        Metric("exact_match", "Exact match", higher_is_better=True, total="exact"),
    ),
    default_source="sample:closed_book",
    prompt=prompt,
    judge=judge,
    most_tokens=16,
)
