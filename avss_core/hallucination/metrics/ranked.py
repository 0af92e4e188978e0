"""Answers in the order of their confidence: how accurate are the k most confident?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def ranked_accuracy(confidence: Numbers, correct: Numbers, drawn: Numbers) -> Numbers:
    """Accuracy of the k most confident answers, k = 1 … n: (resamples, n).

    confidence, correct: (n,); drawn: how often each answer was drawn, (resamples, n), whole numbers, n in each row.
    Answers of one confidence have no order among themselves: each place that they take counts as right by the share
    of them that is right, which is the mean over all their orders.
    """
    n = len(confidence)
    order = np.argsort(-confidence, kind="stable")
    starts = first_of_each(confidence[order])
    size, right = (np.add.reduceat(weights[:, order], starts, axis=1) for weights in (drawn, drawn * correct))
    share = np.divide(right, size, out=np.zeros_like(right), where=size > 0)
    places = np.repeat(share.ravel(), size.ravel().astype(np.int64)).reshape(len(drawn), n)
    return np.cumsum(places, axis=1) / np.arange(1, n + 1)


def first_of_each(ordered: Numbers) -> NDArray[np.int64]:
    """Where each new value begins in an ordered array: [9, 9, 5] gives [0, 2]."""
    return np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
