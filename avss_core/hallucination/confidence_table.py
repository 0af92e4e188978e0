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
    its bootstrap 95 % interval over questions in `…_low`, `…_high`; n, the answers that count; left_out, those for
    which the estimator has no number; accuracy, of the n; note. None stands for what is not defined. A row that cannot
    be filled has n = 0 and says why in note.

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


def confidences(estimator: Estimator, evidence: Evidence) -> tuple[Numbers, Numbers]:
    """(confidence, correct) of the answers for which the estimator has a number; for figures too."""
    said = estimator.estimate(evidence)
    known = ~np.isnan(said)
    return said[known], evidence.correct[known]


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
    confidence, correct = (np.empty(0), np.empty(0)) if why_not else confidences(estimator, evidence)
    row |= measured(confidence, correct, metrics, evidence.seed, draws)
    row["left_out"] = 0 if why_not else len(evidence.correct) - len(correct)
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
    if row["left_out"]:
        notes.append(f"{row['left_out']} left out: {estimator.left_out}.")
    if row["n"]:
        notes += [metric.undefined for metric in metrics if row[metric.name] is None]
    return " ".join(notes)
