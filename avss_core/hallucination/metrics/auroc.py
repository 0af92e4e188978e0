"""AUROC: does a right answer get more confidence than a wrong one?"""

from __future__ import annotations

import numpy as np

from avss_core.hallucination.metrics.metric import ConfidenceMetric
from avss_core.hallucination.metrics.ranked import Numbers, first_of_each


def of(confidence: Numbers, correct: Numbers, drawn: Numbers) -> Numbers:
    """P(confidence of a right answer > of a wrong one) + ½ P(equal), for each resample (Mann and Whitney's U / n₁n₀).

    0.5 says nothing, 1 separates. nan where all are right or all are wrong.
    """
    order = np.argsort(confidence, kind="stable")
    starts = first_of_each(confidence[order])
    right, wrong = (
        np.add.reduceat((drawn * of_kind)[:, order], starts, axis=1) for of_kind in (correct, 1.0 - correct)
    )
    below = np.cumsum(wrong, axis=1) - wrong
    wins = (right * (below + wrong / 2)).sum(axis=1)
    pairs = right.sum(axis=1) * wrong.sum(axis=1)
    return np.divide(wins, pairs, out=np.full_like(wins, np.nan), where=pairs > 0)


AUROC = ConfidenceMetric(
    name="auroc",
    pretty_name="AUROC",
    higher_is_better=True,
    formula="share of (right, wrong) pairs in which the right answer has more confidence, ties half",
    of=of,
    undefined="AUROC compares right answers with wrong ones; here all answers are of one kind.",
)
