"""What cuts do to a task, in numbers and a picture: every metric, before and after, and what is retained."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from avss_core.figures.before_after import before_after
from avss_core.jobs import EvaluateRequest
from avss_core.pruning.outcome import Outcome
from avss_core.readable import four_digits, from_to
from avss_core.tasks import Metric, task_named
from avss_core.tasks.evaluation import Evaluation
from pages.parts.cutoff_slider import Blocks, Reading
from pages.parts.judged_text import documents_judged
from pages.parts.kept_drawings import kept
from pages.parts.outcomes import outcomes_by_cut
from pages.parts.show import show_figure


def draw_outcome(found: tuple[Outcome, ...], request: EvaluateRequest) -> None:
    """Which blocks, over how much text, and the picture. found: one outcome for each metric of the task, the main one
    first. request: what was evaluated."""
    main = found[0]
    formula = retained_words(task_named(main.before.task).metric(main.before.metric))
    st.caption(
        f"Kept: {', '.join(map(str, main.cut.kept))}. Removed: {', '.join(map(str, main.cut.removed)) or 'none'} "
        f"({main.cut.reason}). Over {documents_judged(request, main.after.n)}. Retained: {formula}."
    )
    figure, frame = kept(("before-after", request.evaluation_key(main.cut.removed)), lambda: _draw(found))
    show_figure(figure, frame, "before-after")


def readings_of(request: EvaluateRequest, cuts: Iterable[Blocks]) -> dict[Blocks, list[Reading]]:
    """The numbers of those of the cuts that have been evaluated, by every metric of the task."""
    return {cut: _readings(found) for cut, found in outcomes_by_cut(request, cuts).items()}


def _readings(found: tuple[Outcome, ...]) -> list[Reading]:
    readings = []
    for number, outcome in enumerate(found):
        metric = task_named(outcome.before.task).metric(outcome.before.metric)
        for state, evaluation in (("before", outcome.before), ("after", outcome.after)):
            readings.append(
                Reading(
                    f"{metric.pretty_name} {state}",
                    short_number(evaluation.value, metric),
                    _interval(evaluation, metric),
                )
            )
        label = f"{metric.pretty_name} retained" if number else "Retained"
        readings.append(Reading(label, share_retained(outcome), interval_of(outcome)))
        if number == 0:
            smaller = outcome.reduction
            many = f"{smaller.removed:,}, {smaller.of_blocks:.1%} of those in blocks"
            readings.append(Reading("Parameters cut", f"{smaller.of_all:.1%}", many))
    return readings


def _interval(evaluation: Evaluation, metric: Metric) -> str:
    words = from_to(evaluation.low, evaluation.high, "" if metric.exponential else ".1%")
    return words if math.isnan(evaluation.low) or math.isnan(evaluation.high) else f"95 %: {words}"


def _draw(found: tuple[Outcome, ...]) -> tuple[go.Figure, pd.DataFrame]:
    frame = states_frame(found)
    return before_after(frame), frame


def states_frame(found: tuple[Outcome, ...]) -> pd.DataFrame:
    """The evaluations before and after by every metric, a row each, under the metrics' names for people."""
    rows = []
    for outcome in found:
        metric = task_named(outcome.before.task).metric(outcome.before.metric)
        for state, evaluation in (("before", outcome.before), ("after", outcome.after)):
            rows.append({"state": state, **evaluation.to_dict(), "metric": metric.pretty_name})
    return pd.DataFrame(rows)


def retained_words(metric: Metric) -> str:
    """Which way round the retained share of a metric is taken."""
    return "P(after) / P(before)" if metric.higher_is_better else "P(before) / P(after)"


def share_retained(outcome: Outcome) -> str:
    """What is retained, in a small box; a dash where the unpruned model has nothing that could be."""
    return "–" if math.isnan(outcome.retained) else f"{outcome.retained:.1%}"


def interval_of(outcome: Outcome) -> str:
    """The 95 % interval of what is retained, in words."""
    if math.isnan(outcome.retained):
        return "No interval: the unpruned model has nothing to retain"
    if math.isnan(outcome.retained_low) or math.isnan(outcome.retained_high):
        return "No interval: it takes two documents"
    return f"95 %: {outcome.retained_low:.1%} to {outcome.retained_high:.1%}"


def short_number(value: float, metric: Metric) -> str:
    """A value that fits a small box: 27.81, 1,234, 1.2e+06 of a perplexity, 62.5% of a share."""
    return four_digits(value) if metric.exponential else f"{value:.1%}"
