"""Which blocks differ between made-up and truthful answers: one table, its intervals, and what may be concluded.

No torch: everything is computed from the sums that a run of answers keeps, so other labels, another ε, another reading
cost no pass of the model. A difference that chance gives as easily is not a finding, and is not called one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from avss_core.errors import SettingError
from avss_core.hallucination.edges import is_edge
from avss_core.hallucination.judge import HALLUCINATED, TRUTHFUL
from avss_core.hallucination.permutation import PERMUTATIONS, permutation_test
from avss_core.hallucination.question_sums import QuestionSums, question_sums
from avss_core.hallucination.scores import Reading, check_reading, score_arrays
from avss_core.importance.avss import is_floored
from avss_core.importance.epsilon import Epsilon

MIN_ANSWERS = 10  # of either label, with at least one token
RESAMPLES = 1000
LEVEL = 0.05

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Contrast:
    """table: as `contrast_table` gives it. exact: whether S(ε) is (ε is one of `edges.EDGES`).

    truthful, hallucinated: answers of each label; empty: those of them without a token, which have no activations.
    enough: whether both labels have MIN_ANSWERS; without, there are no p-values. conclusion: in a sentence.
    h_model: (23) the mean of the propensity H over the blocks, with its 95 % interval.
    """

    table: pd.DataFrame
    site: str
    epsilon: Epsilon
    exact: bool
    reading: Reading
    truthful: int
    hallucinated: int
    empty: int
    enough: bool
    conclusion: str
    h_model: float
    h_model_low: float
    h_model_high: float

    @property
    def flagged(self) -> str:
        """Which blocks have a 0 that is counted as 1/N, in words; empty where none has."""
        counted = "is counted as 1/N (our reading). A larger ε tells more."
        said = []
        if self.table["floored"].any():
            said.append(f"S below 1/N in block {_listed(self.table, 'floored')}: it {counted}")
        if self.reading == "ratio" and self.table["hss_floored"].any():
            said.append(f"HSS = 0 in block {_listed(self.table, 'hss_floored')}: in HSAV / HSS it {counted}")
        return " ".join(said)

    def facts(self) -> dict[str, Any]:
        """Everything but the table, as JSON types."""
        return {name: value for name, value in vars(self).items() if name != "table"} | {"epsilon": str(self.epsilon)}


def contrast(
    frame: pd.DataFrame,
    labels: pd.Series,
    site: str = "residual",
    epsilon: Epsilon | None = None,
    reading: str = "product",
    *,
    resamples: int = RESAMPLES,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Contrast:
    """Compare the blocks' activations at the tokens of made-up and of truthful answers.

    frame: `answers_frame`; labels: one for each of its rows. Intervals: 95 %, percentiles over resamples of the
    questions. |σ²_h − σ²_t| cannot be negative, so its interval leaves out 0 even by chance: the p-values tell chance
    from difference, not the intervals. For the same reason a small one may lie below that of nearly all resamples; its
    interval then reaches down to it. Raises SettingError for an unknown reading, a site that was not measured, labels
    that do not fit.
    """
    named, epsilon = check_reading(reading), epsilon or Epsilon()
    if len(labels) != len(frame) or not labels.isin((TRUTHFUL, HALLUCINATED)).all():
        raise SettingError(f"Every answer needs a label, {TRUTHFUL} or {HALLUCINATED}; judge these answers again.")
    sums = question_sums(frame, site, epsilon)
    made_up = (labels == HALLUCINATED).to_numpy()
    table, h_models = _with_intervals(sums, made_up, named, resamples, seed)
    said = sums.n > 0
    counts = int((~made_up & said).sum()), int((made_up & said).sum())
    enough = min(counts) >= MIN_ANSWERS
    chance = permutation_test(sums, made_up, permutations, seed) if enough else None
    for column, name in (("p_hsav", "hsav"), ("p_hss", "hss"), ("p_value", "both"), ("p_adjusted", "adjusted")):
        table[column] = np.nan if chance is None else getattr(chance, name)
    return Contrast(
        table=table,
        site=site,
        epsilon=epsilon,
        exact=not epsilon.relative and is_edge(epsilon.value),
        reading=named,
        truthful=int((~made_up).sum()),
        hallucinated=int(made_up.sum()),
        empty=int((~said).sum()),
        enough=enough,
        conclusion=_conclusion(table, *counts),
        h_model=float(table["propensity"].mean()),
        h_model_low=h_models[0],
        h_model_high=h_models[1],
    )


def contrast_table(
    frame: pd.DataFrame,
    labels: pd.Series,
    site: str = "residual",
    epsilon: Epsilon | None = None,
    reading: str = "product",
    seed: int = 0,
) -> pd.DataFrame:
    """One row a block: `block` (its number in the unpruned model), `n`, the scores of `scores.score_arrays` with
    `_low` and `_high`, `floored` (S below 1/N, counted as that), `hss_floored` (HSS = 0, counted as 1/N by the reading
    ratio), and from `permutation` p_hsav, p_hss, p_value, p_adjusted (nan with too few answers of a label)."""
    return contrast(frame, labels, site, epsilon, reading, seed=seed).table


def _with_intervals(
    sums: QuestionSums, made_up: NDArray[np.bool_], reading: Reading, resamples: int, seed: int
) -> tuple[pd.DataFrame, tuple[float, float]]:
    """The table without its p-values, and the ends of H_model's interval."""
    n_questions = len(made_up)
    generator = np.random.default_rng(seed)
    draws = generator.multinomial(n_questions, np.full(n_questions, 1 / n_questions), size=resamples).astype(np.float64)
    weights = np.vstack([np.ones(n_questions), draws])  # first the questions as they are
    every = sums.grouped(weights)
    scores = score_arrays(sums.grouped(weights * made_up), sums.grouped(weights * ~made_up), every, reading)
    columns: dict[str, Any] = {"block": np.array(sums.blocks), "n": int(sums.n.sum())}
    for name, values in scores.items():
        columns[name] = values[0]
        columns[f"{name}_low"], columns[f"{name}_high"] = _ends(values)
    columns["floored"], columns["hss_floored"] = is_floored(every.sparsity[0], every.n[0]), scores["hss"][0] == 0
    low, high = _ends(scores["propensity"].mean(axis=1, keepdims=True))
    return pd.DataFrame(columns), (float(low[0]), float(high[0]))


def _ends(values: Floats) -> tuple[Floats, Floats]:
    """2.5 % and 97.5 % of each column below the first row, or that row, which is the value, where it lies outside.

    Resamples that drew no answer of a label say nothing, nor do those that only repeat the answers (of one question).
    """
    value, resampled = values[0], values[1:]
    known = resampled[~np.isnan(resampled).any(axis=1)]
    if not len(known) or (len(known) > 1 and (known == known[0]).all()):
        return np.full_like(value, np.nan), np.full_like(value, np.nan)
    low, high = np.percentile(known, [2.5, 97.5], axis=0)
    return np.minimum(low, value), np.maximum(high, value)


def _listed(table: pd.DataFrame, column: str) -> str:
    return ", ".join(map(str, table.loc[table[column], "block"]))


def _conclusion(table: pd.DataFrame, truthful: int, made_up: int) -> str:
    groups = f"{truthful} truthful and {made_up} made-up answers"
    if min(truthful, made_up) < MIN_ANSWERS:
        return (
            f"There are only {groups} with tokens; at least {MIN_ANSWERS} of each are needed, so nothing is concluded: "
            "ask more questions."
        )
    found = table.loc[table["p_adjusted"] < LEVEL, "block"].tolist()
    if not found:
        return f"Between {groups} no block differs by more than chance (adjusted p at least {LEVEL:g} in all of them)."
    blocks = ", ".join(map(str, found))
    return (
        f"Between {groups} {len(found)} of {len(table)} blocks differ by more than chance (p adjusted for the number "
        f"of blocks below {LEVEL:g}): {blocks}."
    )
