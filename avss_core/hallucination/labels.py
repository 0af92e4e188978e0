"""The labels of a run's answers: the judge's, and those given by hand in their place. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd
from scipy.stats import binomtest

from avss_core.errors import RunError, SettingError
from avss_core.hallucination.judge import DEFAULT_JUDGE, HALLUCINATED, LABELS, judge_answers
from avss_core.jobs.answers_results import answers_frame
from avss_core.runs import Store


def labels_of(store: Store, run_id: str, judge: str = DEFAULT_JUDGE) -> pd.Series:
    """`truthful` or `hallucinated` for every row of `answers_frame`; a label by hand counts whatever the judge says."""
    run = store.run(run_id)
    return with_hand_labels(answers_frame(store, run.id), judge, store.hand_labels(run.id))


def with_hand_labels(frame: pd.DataFrame, judge: str, by_hand: Mapping[str, str]) -> pd.Series:
    """The judge's labels, with those of `by_hand` (example id -> label) in their place."""
    labels = judge_answers(frame, judge)
    for place in frame.index[frame["example"].isin(by_hand)]:
        labels[place] = by_hand[frame["example"][place]]
    return labels


def paired_labels(
    before: pd.DataFrame,
    after: pd.DataFrame,
    judge: str,
    by_hand_before: Mapping[str, str],
    by_hand_after: Mapping[str, str] | None = None,
) -> tuple[pd.Series, pd.Series]:
    """Labels of what two models answer to the same questions, to be compared.

    Where both gave the same answer, a label by hand (example id -> label) of the one is that of the other too. Where
    only one of two different answers has such a label, the judge says what both are: a judge put right on one side
    alone would look like a change.
    """
    said = dict(zip(before["example"], before["answer"], strict=True))
    pairs = zip(after["example"], after["answer"], strict=True)
    same = {example for example, answer in pairs if said.get(example) == answer}
    first, second = dict(by_hand_before), dict(by_hand_after or {})
    for mine, others in ((first, dict(second)), (second, dict(first))):
        for example in same & others.keys():
            mine.setdefault(example, others[example])
    both = first.keys() & second.keys()
    first, second = ({example: given[example] for example in both} for given in (first, second))
    return with_hand_labels(before, judge, first), with_hand_labels(after, judge, second)


def relabel(store: Store, run_id: str, example: str, label: str | None) -> None:
    """Keep a label by hand for one answer of a run, or (None) leave it to the judge again.

    Raises SettingError for another label, RunError when the run has no such example.
    """
    if label is not None and label not in LABELS:
        raise SettingError(f"An answer is {' or '.join(LABELS)}, not {label!r}.")
    run = store.run(run_id)
    if example not in set(answers_frame(store, run.id)["example"]):
        raise RunError(f"Run {run.id} has no answer to example {example!r}, so it cannot be labelled.")
    store.set_hand_label(run.id, example, label)


def rate_interval(labels: pd.Series) -> tuple[float, float]:
    """The exact 95 % interval of the rate, of Clopper and Pearson; nan without answers."""
    if labels.empty:
        return math.nan, math.nan
    ends = binomtest(int((labels == HALLUCINATED).sum()), len(labels)).proportion_ci()
    return float(ends.low), float(ends.high)


def hallucination_rate(labels: pd.Series) -> float:
    """The share of answers that are made up; all answers count, empty ones too. Lower is better."""
    return float((labels == HALLUCINATED).mean())
