"""What a training changed, metric by metric, on the held-out questions. No torch here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from avss_core.hallucination.confidence_table import confidences, evidence_of
from avss_core.hallucination.estimators import estimator_named
from avss_core.hallucination.labels import rate_interval
from avss_core.hallucination.logistic import Numbers
from avss_core.hallucination.metrics import ConfidenceMetric, metrics_for
from avss_core.hallucination.metrics.metric import DRAWS
from avss_core.jobs.mitigate_results import Mitigated
from avss_core.tasks.bootstrap import bootstrap_interval

RATE, H_MODEL, PERPLEXITY = "made-up rate", "H_model", "perplexity"


def before_after_rows(
    one: Mitigated, q: float = 0.5, p: float = 0.5, seed: int = 0, draws: int = DRAWS
) -> list[dict[str, Any]]:
    """One row a metric: the made-up rate, H_model, perplexity, then acc@q, cov@p, ece, brier and auroc; JSON types.

    Keys: metric, higher_is_better; before and after; change, which is after − before, and for the perplexity after ÷
    before; neutral, the change that says nothing (0, and 1 for the ratio); each of the three with its 95 % interval in
    `…_low`, `…_high`; n, the questions (for the perplexity the documents); verdict, "better" or "worse" where the
    interval of the change leaves out neutral. None stands for what is not defined. H_model has an interval of its
    change alone.

    The last five are of the sequence probability, on all questions that both models were asked (an empty answer counts
    with confidence 0), so that the interval of the change is one over questions in pairs. A change that resamples only
    repeat has no interval.
    """
    c, fluency = one.change, one.fluency
    rates = (one.before.labels, one.after.labels)
    rows = [
        _row(
            RATE,
            False,
            (c.rate_before, *rate_interval(rates[0])),
            (c.rate_after, *rate_interval(rates[1])),
            (c.rate_change, c.rate_change_low, c.rate_change_high),
            c.questions,
        ),
        _row(
            H_MODEL,
            False,
            (c.h_before, math.nan, math.nan),
            (c.h_after, math.nan, math.nan),
            (c.h_change, c.h_change_low, c.h_change_high),
            c.questions,
        ),
        _row(
            PERPLEXITY,
            False,
            (fluency.control.value, fluency.control.low, fluency.control.high),
            (fluency.healed.value, fluency.healed.low, fluency.healed.high),
            (fluency.ratio, fluency.low, fluency.high),
            fluency.control.n,
            neutral=1.0,
        ),
    ]
    before, after = _sure_and_right(one, seed)
    return rows + [_paired(metric, before, after, seed, draws) for metric in metrics_for(q, p)]


def _sure_and_right(one: Mitigated, seed: int) -> tuple[tuple[Numbers, Numbers], tuple[Numbers, Numbers]]:
    """(confidence, correct) before and after, of the questions that both were asked; nothing where one never said a
    token."""
    asked = set(one.after.frame["example"])
    examples = [example for example in one.before.frame["example"] if example in asked]
    pair = (one.before.on(examples), one.after.on(examples))
    estimator = estimator_named("sequence_probability")
    evidence = [evidence_of(judged.frame, judged.labels, seed=seed) for judged in pair]
    before, after = (confidences(estimator, each)[:2] for each in evidence)
    nothing = np.empty(0), np.empty(0)
    return (before, after) if len(before) and len(after) else (nothing, nothing)


def _paired(
    metric: ConfidenceMetric,
    before: tuple[Numbers, Numbers],
    after: tuple[Numbers, Numbers],
    seed: int,
    draws: int,
) -> dict[str, Any]:
    n, none = len(before[0]), (math.nan, math.nan, math.nan)
    if not n:
        return _row(metric.name, metric.higher_is_better, none, none, none, 0)
    first, second = (metric.measure(*pair, seed, draws) for pair in (before, after))
    low, high = bootstrap_interval(lambda drawn: metric.of(*after, drawn) - metric.of(*before, drawn), n, seed, draws)
    if low == high:
        low = high = math.nan
    return _row(
        metric.name,
        metric.higher_is_better,
        (first.value, first.low, first.high),
        (second.value, second.low, second.high),
        (second.value - first.value, low, high),
        n,
    )


def _row(
    metric: str,
    higher_is_better: bool,
    before: tuple[float, float, float],
    after: tuple[float, float, float],
    change: tuple[float, float, float],
    n: int,
    neutral: float = 0.0,
) -> dict[str, Any]:
    row: dict[str, Any] = {"metric": metric, "higher_is_better": higher_is_better}
    for name, values in (("before", before), ("after", after), ("change", change)):
        for ending, value in zip(("", "_low", "_high"), values, strict=True):
            row[name + ending] = float(value) if math.isfinite(value) else None
    verdict = None
    if change[1] > neutral or change[2] < neutral:
        verdict = "better" if (change[1] > neutral) == higher_is_better else "worse"
    return row | {"neutral": neutral, "n": int(n), "verdict": verdict}
