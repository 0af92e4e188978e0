"""Variance and sparsity of any group of answers, from what was summed up for each of them. No torch.

Groups are rows of weights, one weight a question: 1 and 0 for the answers of a label, how often a question was drawn
for a bootstrap, a shuffled label for a permutation. All groups are had at once, by products of matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from avss_core.errors import SettingError
from avss_core.hallucination.edges import count_below
from avss_core.importance.epsilon import Epsilon

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GroupMoments:
    """Of R groups and B blocks: N, (R, 1), and equations (1) and (4), both (R, B); nan where a group is empty."""

    n: Floats
    variance: Floats
    sparsity: Floats


@dataclass(frozen=True, eq=False)
class QuestionSums:
    """Of Q answers at one site, and one ε: N = tokens × features, (Q,); Σa, Σa², and how many |a| < ε, (Q, B) each.

    blocks: the blocks' numbers in the unpruned model.
    """

    blocks: tuple[int, ...]
    n: Floats
    total: Floats
    squares: Floats
    below: Floats

    def grouped(self, weights: Floats) -> GroupMoments:
        """Moments of groups of answers; weights: (R, Q)."""
        n = weights @ self.n[:, None]
        n = np.where(n > 0, n, np.nan)
        mean = weights @ self.total / n
        variance = np.maximum(weights @ self.squares / n - mean**2, 0.0)
        return GroupMoments(n, variance, weights @ self.below / n)

    def all_answers(self) -> GroupMoments:
        """All answers as the one group."""
        return self.grouped(np.ones((1, len(self.n))))


def question_sums(frame: pd.DataFrame, site: str, epsilon: Epsilon) -> QuestionSums:
    """Read them off a frame of answers (`answers_frame`).

    A relative ε is a multiple of each block's σ over all answers. Raises SettingError when the site was not measured,
    and when no answer has a token.
    """
    if f"{site}_n" not in frame:
        sites = ", ".join(str(name).removesuffix("_below") for name in frame if str(name).endswith("_below"))
        raise SettingError(f"These answers were not measured at site {site!r}; choose one of {sites}.")
    n = np.stack(frame[f"{site}_n"].to_list())[:, 0].astype(np.float64)
    if not n.any():
        raise SettingError("No answer has a token, so there are no activations to compare; ask other questions.")
    total, squares = (np.stack(frame[f"{site}_{name}"].to_list()) for name in ("sum", "sum_squares"))
    blocks = tuple(int(block) for block in frame["kept"].iloc[0].split(","))
    unknown = QuestionSums(blocks, n, total, squares, np.zeros_like(total))
    threshold = epsilon.absolute(np.sqrt(unknown.all_answers().variance[0]))
    below = count_below(np.stack(frame[f"{site}_below"].to_list()).astype(np.float64), threshold)
    return QuestionSums(blocks, n, total, squares, below)
