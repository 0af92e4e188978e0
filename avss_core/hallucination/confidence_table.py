"""The table of estimators: how well does each know which answers are right?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from avss_core.errors import SettingError
from avss_core.hallucination.estimators import ESTIMATORS, Estimator, Evidence, estimator_named
from avss_core.hallucination.logistic import Numbers
from avss_core.hallucination.metrics import ConfidenceMetric, metrics_for
from avss_core.hallucination.metrics.metric import DRAWS
from avss_core.hallucination.states import correct_of

NO_NUMBER = "An answer for which an estimator has no number counts with confidence 0 in every metric: our reading."

# Answers and labels of another run, under the name that its row shall have.
Others = Mapping[str, tuple[pd.DataFrame, pd.Series]]


def confidence_rows(
    answers_frame: pd.DataFrame,
    labels: pd.Series,
    confidence_frame: pd.DataFrame | None = None,
    q: float = 0.5,
    p: float = 0.5,
    seed: int = 0,
    *,
    block: int | None = None,
    others: Others | None = None,
    draws: int = DRAWS,
) -> list[dict[str, Any]]:
    """One row an estimator, in the order of the papers' table 2; JSON types.

    Keys: estimator, pretty_name; acc@q, cov@p (named after q and p: `acc@50`, `cov@50`), ece, brier, auroc, each with
    its bootstrap 95 % interval over questions in `…_low`, `…_high`; n, the answers, all of which count; no_number,
    those of them for which the estimator has none: they count with confidence 0, so that an estimator gains nothing by
    being silent (**our reading**); accuracy, of the n; note. None stands for what is not defined. A row that cannot be
    filled, for want of any number too, has n = 0 and says why in note.

    labels: `truthful` or `hallucinated`, one for each row of answers_frame. confidence_frame: of the second asking
    (`jobs.confidence_results`), None when there was none. q, p: shares. block: whose output P(IK) reads (None: the
    last). others: other models that answered (say, one after contrastive training, named EAVSS); each gets a row of
    its sequence probability, judged by its own labels. Raises SettingError for q, p, block outside their range,
    labels that do not fit, or a second asking of other answers.
    """
    metrics = metrics_for(q, p)
    evidence = evidence_of(answers_frame, labels, confidence_frame, block, seed)
    rows = [_row(one.name, one.pretty_name, one, evidence, metrics, draws) for one in ESTIMATORS]
    of_others = estimator_named("sequence_probability")
    for name, (frame, its_labels) in (others or {}).items():
        its_evidence = evidence_of(frame, its_labels, seed=seed)
        rows.append(_row(name, f"{name} (sequence probability)", of_others, its_evidence, metrics, draws))
    return rows


def evidence_of(
    answers_frame: pd.DataFrame,
    labels: pd.Series,
    confidence_frame: pd.DataFrame | None = None,
    block: int | None = None,
    seed: int = 0,
) -> Evidence:
    """What estimators read; SettingError when labels or second asking are of other answers, or there are none."""
    if answers_frame.empty:
        raise SettingError("There are no answers to measure confidence on; ask some questions first.")
    if confidence_frame is not None and list(confidence_frame["example"]) != list(answers_frame["example"]):
        raise SettingError("The model was asked how sure it is of other answers than these; measure confidence again.")
    return Evidence(answers_frame, correct_of(answers_frame, labels), confidence_frame, block, seed)


def confidences(estimator: Estimator, evidence: Evidence) -> tuple[Numbers, Numbers, int]:
    """(confidence, correct) of all answers, and for how many of them the estimator has no number; for figures too.

    Those count with confidence 0 (our reading). Without a number for any answer there is nothing to measure: both are
    empty.
    """
    said = estimator.estimate(evidence)
    silent = np.isnan(said)
    if silent.all():
        return np.empty(0), np.empty(0), len(said)
    return np.where(silent, 0.0, said), evidence.correct, int(silent.sum())


def _row(
    name: str,
    pretty_name: str,
    estimator: Estimator,
    evidence: Evidence,
    metrics: Sequence[ConfidenceMetric],
    draws: int,
) -> dict[str, Any]:
    row: dict[str, Any] = {"estimator": name, "pretty_name": pretty_name}
    why_not = estimator.why_not(evidence)
    confidence, correct, silent = (np.empty(0), np.empty(0), 0) if why_not else confidences(estimator, evidence)
    row |= measured(confidence, correct, metrics, evidence.seed, draws)
    row["no_number"] = silent
    row["note"] = why_not or _note(row, estimator, metrics)
    return row


def measured(
    confidence: Numbers, correct: Numbers, metrics: Sequence[ConfidenceMetric], seed: int, draws: int = DRAWS
) -> dict[str, Any]:
    """Every metric with its interval, accuracy and n as entries of a row; None for what is not defined."""
    row: dict[str, Any] = {}
    for metric in metrics:
        found = metric.measure(confidence, correct, seed, draws) if len(correct) else None
        for ending in ("", "_low", "_high"):
            value = math.nan if found is None else getattr(found, ending.removeprefix("_") or "value")
            row[metric.name + ending] = float(value) if math.isfinite(value) else None
    return row | {"accuracy": float(correct.mean()) if len(correct) else None, "n": len(correct)}


def _note(row: Mapping[str, Any], estimator: Estimator, metrics: Sequence[ConfidenceMetric]) -> str:
    notes = []
    if row["no_number"] and row["n"]:
        counted = "counted with confidence 0 (our reading)"
        notes.append(f"{row['no_number']} of {row['n']} without a number, {counted}: {estimator.no_number}.")
    elif row["no_number"]:
        notes.append(f"No answer has a number, so nothing is measured: {estimator.no_number}.")
    if row["n"]:
        notes += [metric.undefined for metric in metrics if row[metric.name] is None]
    return " ".join(notes)
