"""Pruning for honesty: what to remove, and whether the pruned model makes less up. No torch.

The paper predicts that removing blocks of high propensity lowers the model's propensity H_model, and with it
hallucination. Both are measured here, on the same questions asked before and after, and they may disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from avss_core.errors import SettingError
from avss_core.hallucination.contrast import MIN_ANSWERS, Contrast
from avss_core.hallucination.judge import HALLUCINATED
from avss_core.hallucination.question_sums import QuestionSums, question_sums
from avss_core.hallucination.scores import propensity
from avss_core.importance.epsilon import Epsilon
from avss_core.pruning import Cut, below_threshold, lowest_k
from avss_core.readable import from_to

RESAMPLES = 1000

Floats = NDArray[np.float64]


def cut_by_propensity(table: pd.DataFrame, k: int, protect_first: int = 0, protect_last: int = 0) -> Cut:
    """Remove the k blocks of highest H: those that the paper takes for the likeliest to make things up."""
    scores = (-_of_whole_model(table, "propensity")).tolist()
    cut = lowest_k(scores, k, protect_first, protect_last)
    return Cut(cut.removed, cut.n_blocks, f"the {k} blocks of highest propensity H")


def cut_above_propensity(table: pd.DataFrame, theta: float, protect_first: int = 0, protect_last: int = 0) -> Cut:
    """(22, 34) Remove every block with H > θ_H."""
    scores = (-_of_whole_model(table, "propensity")).tolist()
    cut = below_threshold(scores, -theta, protect_first, protect_last)
    return Cut(cut.removed, cut.n_blocks, f"every block with a propensity H above {theta:g}")


def cut_by_eavss_stable(table: pd.DataFrame, k: int, protect_first: int = 0, protect_last: int = 0) -> Cut:
    """(41) Remove the k blocks of lowest EAVSS-stable: the least useful and stable."""
    cut = lowest_k(_stable(table, "eavss_stable").tolist(), k, protect_first, protect_last)
    return Cut(cut.removed, cut.n_blocks, f"the {k} blocks of lowest EAVSS-stable")


def cut_below_eavss_stable(table: pd.DataFrame, theta: float, protect_first: int = 0, protect_last: int = 0) -> Cut:
    """(42) Remove every block whose share of EAVSS-stable lies below θ."""
    shares = _stable(table, "eavss_stable_share").tolist()
    cut = below_threshold(shares, theta, protect_first, protect_last)
    return Cut(cut.removed, cut.n_blocks, f"every block with a share of EAVSS-stable below {theta:g}")


@dataclass(frozen=True)
class HonestyChange:
    """One cut, before and after, on the same questions; every change is after − before, with its 95 % interval (nan
    where resamples only repeat the change, as with a single question).

    h_*: (23) H_model, the mean of H over the blocks, and (24, 33, 43) its change ΔH. same_blocks_*: the change over the
    blocks that are in both models alone, since the mean changes with the blocks it is taken over even where no
    block does otherwise than before. rate_*: the measured hallucination rate. Lower is better in all. questions: how
    many were asked of both.
    """

    name: str
    removed: tuple[int, ...]
    questions: int
    h_before: float
    h_after: float
    h_change: float
    h_change_low: float
    h_change_high: float
    same_blocks_change: float
    same_blocks_change_low: float
    same_blocks_change_high: float
    rate_before: float
    rate_after: float
    rate_change: float
    rate_change_low: float
    rate_change_high: float

    @property
    def agree(self) -> bool | None:
        """Whether ΔH and the measured rate go the same way; None when an interval holds 0 or there is none, so that
        nobody knows."""
        ends = ((self.h_change_low, self.h_change_high), (self.rate_change_low, self.rate_change_high))
        if any(not (low > 0 or high < 0) for low, high in ends):
            return None
        return (self.h_change > 0) == (self.rate_change > 0)

    def to_dict(self) -> dict[str, Any]:
        """All fields and `agree`, as JSON types."""
        return asdict(self) | {"removed": list(self.removed), "agree": self.agree}


@dataclass(frozen=True, eq=False)
class Judged:
    """Answers of one model (`answers_frame`) and their labels."""

    frame: pd.DataFrame
    labels: pd.Series

    def on(self, examples: Sequence[str]) -> Judged:
        """The answers to these questions, in this order."""
        places = pd.Index(self.frame["example"]).get_indexer(pd.Index(examples))
        return Judged(self.frame.iloc[places].reset_index(drop=True), self.labels.iloc[places].reset_index(drop=True))


def honesty_change(
    before: Judged,
    after: Judged,
    name: str,
    site: str = "residual",
    epsilon: Epsilon | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> HonestyChange:
    """Compare the answers of a model with those of its pruned variant; questions are resampled in pairs.

    The seed and the questions alone decide the resamples, so that several cuts are compared on the same ones. A
    relative ε is a multiple of each model's own σ. Raises SettingError when they were not asked the same questions.
    """
    asked = set(after.frame["example"])
    examples = [example for example in before.frame["example"] if example in asked]
    if not examples:
        raise SettingError("The two models were not asked one question in common; ask both the same.")
    before, after = before.on(examples), after.on(examples)
    sums = [question_sums(judged.frame, site, epsilon or Epsilon()) for judged in (before, after)]
    n_questions = len(examples)
    draws = np.random.default_rng(seed).multinomial(n_questions, np.full(n_questions, 1 / n_questions), size=resamples)
    weights = np.vstack([np.ones(n_questions), draws])
    by_block = [_propensities(one, weights) for one in sums]
    means = [values.mean(axis=1) for values in by_block]
    common = [block for block in sums[0].blocks if block in sums[1].blocks]
    same = [
        values[:, [one.blocks.index(block) for block in common]].mean(axis=1)
        if common
        else np.full(len(weights), np.nan)
        for one, values in zip(sums, by_block, strict=True)
    ]
    rates = [
        weights @ (judged.labels == HALLUCINATED).to_numpy(dtype=float) / n_questions for judged in (before, after)
    ]
    return HonestyChange(
        name=name,
        removed=tuple(block for block in sums[0].blocks if block not in sums[1].blocks),
        questions=n_questions,
        h_before=float(means[0][0]),
        h_after=float(means[1][0]),
        **_change("h_change", means),
        **_change("same_blocks_change", same),
        rate_before=float(rates[0][0]),
        rate_after=float(rates[1][0]),
        **_change("rate_change", rates),
    )


def honesty_table(changes: Iterable[HonestyChange]) -> pd.DataFrame:
    """One row a cut: a chosen cut beside random ones of its size."""
    return pd.DataFrame([change.to_dict() for change in changes])


def doubt_about(found: Contrast) -> str:
    """What to say of blocks that were chosen by EAVSS-stable from too few answers of a label; empty where enough."""
    if found.enough:
        return ""
    return (
        f"The blocks were chosen by {found.truthful} truthful and {found.hallucinated} made-up answers; fewer than "
        f"{MIN_ANSWERS} of a kind with tokens do not tell which blocks are stable, so nothing is concluded about "
        "EAVSS-stable."
    )


def honesty_conclusion(chosen: HonestyChange, random: Sequence[HonestyChange] = (), doubt: str = "") -> str:
    """In words: both changes, whether they agree, how many random cuts leave a rate as low; and `doubt_about`."""
    verdict = {
        True: "the two go the same way",
        False: "the two go opposite ways",
        None: "an interval holds 0 or cannot be had, so whether the two agree is not known",
    }[chosen.agree]
    rate = [100 * each for each in (chosen.rate_change, chosen.rate_change_low, chosen.rate_change_high)]
    said = (
        f"Without {chosen.name}, H_model changes by {chosen.h_change:+.3g} "
        f"({from_to(chosen.h_change_low, chosen.h_change_high, '+.3g')}) and the measured hallucination rate by "
        f"{rate[0]:+.1f} points ({from_to(rate[1], rate[2], '+.1f')}): {verdict}."
    )
    if random:
        as_good = sum(other.rate_change <= chosen.rate_change for other in random)
        said += f" {as_good} of {len(random)} random cuts of as many blocks change the measured rate as favourably."
    return f"{said} {doubt}".strip()


def _of_whole_model(table: pd.DataFrame, column: str) -> Floats:
    """A score of every block; a cut is made of the whole model, so every block must be there."""
    if table["block"].tolist() != list(range(len(table))):
        raise SettingError("These scores are of a model with blocks removed; take those of the whole model to cut it.")
    return table[column].to_numpy(dtype=np.float64)


def _stable(table: pd.DataFrame, column: str) -> Floats:
    """EAVSS-stable, or its share, of every block; SettingError where the answers to contrast are missing."""
    values = _of_whole_model(table, column)
    if np.isnan(values).any():
        raise SettingError(
            "The answers with tokens are all of one label, so there is no EAVSS-stable; choose by propensity H, or ask "
            "other questions."
        )
    return values


def _propensities(sums: QuestionSums, weights: Floats) -> Floats:
    """(21) H of every block in every resample, (R, B)."""
    moments = sums.grouped(weights)
    return propensity(moments.variance, moments.sparsity, moments.n)


def _change(name: str, values: Sequence[Floats]) -> dict[str, float]:
    """After − before and its interval; the first of the values is that of the questions as they are."""
    change = values[1] - values[0]
    known = change[1:][~np.isnan(change[1:])]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (np.nan, np.nan)
    if low == high:
        low = high = np.nan
    return {name: float(change[0]), f"{name}_low": float(low), f"{name}_high": float(high)}
