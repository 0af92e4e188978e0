"""What a task says of itself: what it asks, what it needs, how its answers become a number. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from avss_core.corpora.examples import Example
from avss_core.errors import SettingError
from avss_core.tasks.evaluation import Evaluation
from avss_core.tasks.metric import Metric, evaluate, retained_share


@dataclass(frozen=True)
class Task:
    """What a model is asked to do.

    what: one sentence for the page. how: how it is scored, and what is our own choice in it. needs: what a source
    must hold, of `corpora.mapping.MEANINGS`. metrics: the first is the one that is meant where only one is shown.
    default_source: the sample set. version: changes when the same examples would give other numbers.
    tokens_per_shard: what is run, stored and resumed as one. shares_prefixes: whether what pruned models share is run
    once for all of them.
    """

    scoring: ClassVar[str]
    shares_prefixes: ClassVar[bool] = True
    tokens_per_shard: ClassVar[int] = 1024

    name: str
    pretty_name: str
    what: str
    how: str
    needs: tuple[str, ...]
    metrics: tuple[Metric, ...]
    default_source: str
    version: int = 1

    def metric(self, name: str | None = None) -> Metric:
        """The metric of that name, the first when none is named; SettingError when there is none of that name."""
        for metric in self.metrics:
            if name in (None, metric.name):
                return metric
        names = ", ".join(metric.name for metric in self.metrics)
        raise SettingError(f"{self.pretty_name} has no metric {name!r}; it has {names}.")

    def summarise(self, frame: pd.DataFrame, metric: str | None = None) -> Evaluation:
        """One variant's rows (from `run.run_task`, of any number of shards) -> the metric with its 95 % interval.

        Raises SettingError when there are rows of several variants, CorpusError when there is nothing to count.
        """
        return evaluate(self.name, self.metric(metric), frame)

    def summarise_all(self, frame: pd.DataFrame) -> tuple[Evaluation, ...]:
        """Every metric of the task, in its order."""
        return tuple(evaluate(self.name, metric, frame) for metric in self.metrics)

    def retained_interval(
        self, before: pd.DataFrame, after: pd.DataFrame, metric: str | None = None
    ) -> tuple[float, float]:
        """95 % interval of the retained performance: the rows of two variants on the same documents, resampled alike.

        Raises SettingError when the documents differ.
        """
        return retained_share(self.metric(metric), before, after)

    def card(self) -> dict[str, object]:
        """What it says of itself, as JSON types."""
        return {
            "task": self.name,
            "pretty_name": self.pretty_name,
            "what": self.what,
            "how": self.how,
            "scoring": self.scoring,
            "needs": list(self.needs),
            "metrics": [metric.card() for metric in self.metrics],
            "default": self.default_source,
        }


@dataclass(frozen=True)
class TextTask(Task):
    """A task on running text, cut into windows of tokens."""

    scoring: ClassVar[str] = "surprise at each next token"


@dataclass(frozen=True, kw_only=True)
class ChoiceTask(Task):
    """A task in which one of several given continuations of a prompt is chosen by its likelihood.

    continuations: what is appended to the prompt for each choice. right: which choices are right, by number from 0.
    labels: the names of the choices where every example has the same ones, so that a classifier can answer as well,
    and label_number: which of them a classifier's name for a class means.
    """

    scoring: ClassVar[str] = "likelihood of given answers"

    prompt: Callable[[Example], str]
    continuations: Callable[[Example], tuple[str, ...]]
    right: Callable[[Example], tuple[int, ...]]
    labels: tuple[str, ...] = ()
    label_number: Callable[[str], int | None] = lambda name: None


@dataclass(frozen=True, kw_only=True)
class AnswerTask(Task):
    """A task in which an answer is written greedily, up to a line break, and judged against references.

    judge: the answer and its example -> the value columns, each from 0 to 1. most_tokens: an answer is cut there.
    """

    scoring: ClassVar[str] = "greedy answer"
    shares_prefixes: ClassVar[bool] = False  # each writes its own text from the first token on
    tokens_per_shard: ClassVar[int] = 4096  # a step of generation costs nearly the same for one answer as for many

    prompt: Callable[[Example], str]
    judge: Callable[[str, Example], Mapping[str, float]]
    most_tokens: int
