"""Extractive question answering: the answer stands in the passage."""

from __future__ import annotations

from collections.abc import Mapping

from avss_core.corpora.examples import Example
from avss_core.tasks.metric import Metric
from avss_core.tasks.task import AnswerTask

# One solved example shows that a few words of the passage are wanted, and no sentence.
_SOLVED = (
    "Passage: The first lighthouse on the cape was built of oak in 1811 and burned down nine years later. Its "
    "successor, a tower of grey granite, was designed by Ada Lindqvist.\n"
    "Question: What was the second lighthouse made of?\n"
    "Answer: grey granite\n\n"
)


def prompt(example: Example) -> str:
    """One solved example, then the passage and the question."""
    return f"{_SOLVED}Passage: {example.context.strip()}\nQuestion: {example.question.strip()}\nAnswer:"


def judge(answer: str, example: Example) -> Mapping[str, float]:
    """`exact` and `f1` (of words) against the nearest reference, by torchmetrics' SQuAD metric."""
    # Here, because it imports torch, which the web process must not.
    from torchmetrics.functional.text import squad

    starts = [0] * len(example.answers)  # asked for, and not looked at
    values = squad(
        {"id": example.id, "prediction_text": answer},
        {"id": example.id, "answers": {"text": list(example.answers), "answer_start": starts}},
    )
    return {"exact": float(values["exact_match"]) / 100, "f1": float(values["f1"]) / 100}


TASK = AnswerTask(
    name="qa",
    pretty_name="Question answering with a passage",
    what="Answer a question with a few words of the passage that is given.",
    how="A greedy answer after one solved example, up to a line break, against the nearest reference: the share of "
    "exact matches and the mean F1 of words, both as SQuAD defines them (torchmetrics). Questions on one passage are "
    "resampled together.",
    needs=("context", "question", "answers"),
    metrics=(
        Metric("f1", "F1", higher_is_better=True, total="f1"),
        Metric("exact_match", "Exact match", higher_is_better=True, total="exact"),
    ),
    default_source="sample:passages",
    prompt=prompt,
    judge=judge,
    most_tokens=24,
)
