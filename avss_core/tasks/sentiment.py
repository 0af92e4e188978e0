"""Sentiment: is a text praise or complaint?"""

from __future__ import annotations

from avss_core.corpora.examples import Example
from avss_core.errors import CorpusError
from avss_core.tasks.metric import Metric
from avss_core.tasks.task import ChoiceTask

LABELS = ("negative", "positive")
# What data sets, and classifiers that do not name their labels, call them.
_ALSO_CALLED = {"0": 0, "1": 1, "neg": 0, "pos": 1, "label_0": 0, "label_1": 1}


def label_number(name: str) -> int | None:
    """0 for negative and 1 for positive, by any of their usual names; None for anything else."""
    plain = name.strip().lower()
    return LABELS.index(plain) if plain in LABELS else _ALSO_CALLED.get(plain)


def prompt(example: Example) -> str:
    """The text as a review whose sentiment comes next."""
    return f"Review: {example.text.strip()}\nSentiment:"


def continuations(example: Example) -> tuple[str, ...]:
    """Both labels as words."""
    return tuple(f" {label}" for label in LABELS)


def right(example: Example) -> tuple[int, ...]:
    """The number of the label; CorpusError for one that is not known."""
    number = label_number(example.label)
    if number is None:
        raise CorpusError(
            f'The label "{example.label}" is neither negative nor positive; '
            f"say in the column mapping what it stands for, such as label.{example.label}=positive."
        )
    return (number,)


TASK = ChoiceTask(
    name="sentiment",
    pretty_name="Sentiment",
    what="Is a text praise or complaint? Half of the answers would be right by chance.",
    how="The likelier of the words negative and positive after the text, by log-likelihood a character; a model with a "
    "classifier head answers with its own classes instead. Our reading.",
    needs=("text", "label"),
    metrics=(Metric("accuracy", "Accuracy", higher_is_better=True, total="correct"),),
    default_source="sample:sentiment",
    prompt=prompt,
    continuations=continuations,
    right=right,
    labels=LABELS,
    label_number=label_number,
)
