"""Folds for cross-validation: a question is on one side only, and right and wrong answers are spread evenly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def folds_of(correct: NDArray[np.float64], documents: Indices, folds: int, seed: int) -> Indices:
    """Which fold each answer is in, from 0: (n,).

    documents: (n,) what is asked about; answers of one document are in one fold, whatever they are. Documents are
    shuffled among those that are mostly right and among those that are not, and dealt out in turn.
    """
    _, place, counts = np.unique(documents, return_inverse=True, return_counts=True)
    mostly_right = np.bincount(place, weights=correct) / counts > 0.5
    shuffled = np.random.default_rng(seed).permutation(len(counts))
    dealt = np.concatenate([shuffled[mostly_right[shuffled]], shuffled[~mostly_right[shuffled]]])
    fold = np.empty(len(counts), dtype=np.int64)
    fold[dealt] = np.arange(len(dealt)) % folds
    return fold[place]
