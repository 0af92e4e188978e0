"""Do made-up and truthful answers differ in a block by more than chance? A permutation test. No torch.

The labels are shuffled over the questions, as many of each as there are. A block's statistic is the larger of
|σ²_h − σ²_t| and |S_h − S_t|, each over its root mean square among the shuffles (the real labels among them), so that
neither outweighs the other. p is the share of shuffles, the real labels counted as one, whose statistic is at least as
large. p_adjusted compares with the largest statistic of any block in each shuffle (Westfall and Young's single-step
max-T): the chance that any of all blocks would come out so if labels meant nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avss_core.hallucination.question_sums import QuestionSums

Floats = NDArray[np.float64]

PERMUTATIONS = 2000
NOT_WHY = (
    "The test says that activations differ with the label, not why: longer answers, for one, may be wrong more often."
)
_TIE = 1 - 1e-9  # rounding must not make an equal shuffle smaller


@dataclass(frozen=True, eq=False)
class Chance:
    """p-values by block, (B,): of the variance, of the sparsity, of both, and of both corrected for all blocks."""

    hsav: Floats
    hss: Floats
    both: Floats
    adjusted: Floats


def permutation_test(
    sums: QuestionSums, made_up: NDArray[np.bool_], permutations: int = PERMUTATIONS, seed: int = 0
) -> Chance:
    """made_up: (Q,) which answers are. Answers without a token have nothing to compare and are left out.

    What it does not say stands in NOT_WHY.
    """
    said = sums.n > 0
    labels = made_up[said]
    order = np.random.default_rng(seed).random((permutations, len(labels))).argsort(axis=1)
    every = np.zeros((permutations + 1, len(sums.n)))
    every[:, said] = np.vstack([labels, labels[order]])
    others = said - every
    first, second = sums.grouped(every), sums.grouped(others)
    variance = np.abs(first.variance - second.variance)
    sparsity = np.abs(first.sparsity - second.sparsity)
    both = np.maximum(_scaled(variance), _scaled(sparsity))
    largest = both.max(axis=1, keepdims=True)
    return Chance(_share(variance), _share(sparsity), _share(both), _share(both, largest))


def _scaled(differences: Floats) -> Floats:
    scale = np.sqrt((differences**2).mean(axis=0))
    return differences / np.where(scale > 0, scale, 1.0)


def _share(statistic: Floats, among: Floats | None = None) -> Floats:
    """Of each block, the share of rows that reach the first row, which is that of the real labels."""
    return np.asarray(((statistic if among is None else among) >= statistic[:1] * _TIE).mean(axis=0))
