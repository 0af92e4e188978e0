"""Tables behind two figures: the reliability diagram and the risk–coverage curve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.stats import beta

from avss_core.hallucination.confidence_table import confidences
from avss_core.hallucination.estimators import ESTIMATORS, Estimator, Evidence
from avss_core.hallucination.logistic import Numbers
from avss_core.hallucination.metrics.ece import BINS, bin_of
from avss_core.hallucination.metrics.metric import DRAWS, checked
from avss_core.hallucination.metrics.ranked import ranked_accuracy
from avss_core.tasks.bootstrap import LEVEL

RELIABILITY_COLUMNS = ("estimator", "low", "high", "confidence", "accuracy", "accuracy_low", "accuracy_high", "n")
RISK_COLUMNS = ("estimator", "coverage", "risk", "risk_low", "risk_high", "n")


def reliability_table(evidence: Evidence, estimators: Sequence[Estimator] = ESTIMATORS) -> pd.DataFrame:
    """`reliability_of` for every estimator that has numbers, one below the other."""
    frames = [reliability_of(*pair).assign(estimator=name) for name, pair in _known(evidence, estimators)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(RELIABILITY_COLUMNS))


def risk_coverage_table(
    evidence: Evidence, estimators: Sequence[Estimator] = ESTIMATORS, draws: int = DRAWS
) -> pd.DataFrame:
    """`risk_coverage_of` for every estimator that has numbers, one below the other."""
    frames = [
        risk_coverage_of(*pair, evidence.seed, draws).assign(estimator=name)
        for name, pair in _known(evidence, estimators)
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(RISK_COLUMNS))


def reliability_of(confidence: Numbers, correct: Numbers) -> pd.DataFrame:
    """One row for each of ECE's bins that has answers: low, high (its edges), confidence (mean), accuracy, n.

    accuracy_low, accuracy_high: the exact 95 % interval of Clopper and Pearson. Raises SettingError for confidences
    outside [0, 1], or none.
    """
    confidence, correct = checked(confidence, correct)
    number = bin_of(confidence)
    n, right, sure = (
        np.bincount(number, weights=w, minlength=BINS) for w in (np.ones_like(correct), correct, confidence)
    )
    used = n > 0
    n, right, sure, edges = n[used], right[used], sure[used], np.flatnonzero(used) / BINS
    tail = (1 - LEVEL) / 2
    return pd.DataFrame(
        {
            "low": edges,
            "high": edges + 1 / BINS,
            "confidence": sure / n,
            "accuracy": right / n,
            "accuracy_low": np.where(right > 0, beta.ppf(tail, np.maximum(right, 1), n - right + 1), 0.0),
            "accuracy_high": np.where(right < n, beta.ppf(1 - tail, right + 1, np.maximum(n - right, 1)), 1.0),
            "n": n.astype(int),
        }
    )


def risk_coverage_of(confidence: Numbers, correct: Numbers, seed: int = 0, draws: int = DRAWS) -> pd.DataFrame:
    """One row for each k = 1 … n: coverage k/n, risk (the share of wrong answers among the k most confident), n.

    risk_low, risk_high: at each coverage the central 95 % of bootstrap resamples over questions; nan for one answer.
    Ties are averaged. A good order of answers has a low risk at low coverage; the last risk is that of all answers.
    Raises SettingError for confidences outside [0, 1], or none.
    """
    confidence, correct = checked(confidence, correct)
    n = len(correct)
    risk = 1 - ranked_accuracy(confidence, correct, np.ones((1, n)))[0]
    if n < 2:
        low = high = np.full(n, np.nan)
    else:
        rows = np.random.default_rng(seed).integers(n, size=(draws, n))
        drawn = np.stack([np.bincount(row, minlength=n) for row in rows]).astype(np.float64)
        risks = 1 - ranked_accuracy(confidence, correct, drawn)
        low, high = np.quantile(risks, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    coverage = np.arange(1, n + 1) / n
    return pd.DataFrame({"coverage": coverage, "risk": risk, "risk_low": low, "risk_high": high, "n": n})


def _known(evidence: Evidence, estimators: Sequence[Estimator]) -> Iterator[tuple[str, tuple[Numbers, Numbers]]]:
    """Names and (confidence, correct) of the estimators that have a number for some answer; all answers count."""
    for one in estimators:
        if not one.why_not(evidence):
            confidence, correct, _ = confidences(one, evidence)
            if len(confidence):
                yield one.pretty_name, (confidence, correct)
