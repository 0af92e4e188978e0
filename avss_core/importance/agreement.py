"""How far rankings agree: with each other, and with what removing a block does.

Both measures run from −1 (the reverse order) over 0 (unrelated) to 1 (the same order). Intervals come from drawing
blocks with replacement: they say how far the number rests on single blocks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from avss_core.errors import SettingError
from avss_core.importance.ranking import Ranking
from avss_core.importance.registry import ORACLE

Array = NDArray[np.float64]

DRAWS = 2000
PAIR_COLUMNS = (
    "a",
    "b",
    "spearman",
    "spearman_low",
    "spearman_high",
    "kendall",
    "kendall_low",
    "kendall_high",
)


def agreement_table(rankings: Sequence[Ranking], seed: int = 0, draws: int = DRAWS) -> pd.DataFrame:
    """Spearman's ρ and Kendall's τ (τ-b) of every two rankings with 95 % intervals, the columns `PAIR_COLUMNS`."""
    rows = [
        {"a": a.name, "b": b.name, **agreement_of(a.scores, b.scores, seed, draws)}
        for a, b in combinations(rankings, 2)
    ]
    return pd.DataFrame(rows, columns=list(PAIR_COLUMNS))


def agreement_with(
    rankings: Sequence[Ranking], oracle: str = ORACLE, seed: int = 0, draws: int = DRAWS
) -> dict[str, dict[str, float | None]]:
    """By name of ranking: `spearman`, `kendall` against the oracle's scores, each with `_low` and `_high`.

    None stands for a number that cannot be had (all scores equal). Without the oracle among the rankings: nothing.
    """
    truth = next((ranking for ranking in rankings if ranking.name == oracle), None)
    if truth is None:
        return {}
    found = {ranking.name: agreement_of(ranking.scores, truth.scores, seed, draws) for ranking in rankings}
    return {
        name: {key: value if math.isfinite(value) else None for key, value in values.items()}
        for name, values in found.items()
    }


def agreement_of(a: Sequence[float], b: Sequence[float], seed: int = 0, draws: int = DRAWS) -> dict[str, float]:
    """Spearman's ρ and Kendall's τ of two scores of the same blocks, with 95 % intervals; nan where undefined."""
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if x.shape != y.shape:
        raise SettingError(f"Rankings of {x.size} and of {y.size} blocks cannot be compared; rank the same model.")
    once = np.ones((1, x.size))
    times = np.random.default_rng(seed).multinomial(x.size, np.full(x.size, 1 / x.size), size=draws).astype(np.float64)
    values: dict[str, float] = {}
    for name, measure in (("spearman", spearman_of_draws), ("kendall", kendall_of_draws)):
        resampled = measure(x, y, times)
        resampled = resampled[np.isfinite(resampled)]
        low, high = np.percentile(resampled, [2.5, 97.5]) if resampled.size else (math.nan, math.nan)
        values |= {name: float(measure(x, y, once)[0]), f"{name}_low": float(low), f"{name}_high": float(high)}
    return values


def spearman_of_draws(x: Array, y: Array, times: Array) -> Array:
    """ρ of each draw, nan where all drawn values are equal; times (draws, blocks): how often each block was drawn."""
    count = times.sum(axis=1, keepdims=True)
    # A block's rank among the drawn ones is the number of those below it, plus half of its equals.
    ranks = [times @ ((v[:, None] < v) + 0.5 * (v[:, None] == v)) for v in (x, y)]
    a, b = (rank - (times * rank).sum(axis=1, keepdims=True) / count for rank in ranks)
    return _ratio((times * a * b).sum(axis=1), (times * a * a).sum(axis=1), (times * b * b).sum(axis=1))


def kendall_of_draws(x: Array, y: Array, times: Array) -> Array:
    """τ-b of each draw: (concordant − discordant pairs) / √(pairs untied in x · pairs untied in y)."""
    a, b = np.sign(x[:, None] - x), np.sign(y[:, None] - y)
    concordant, untied_a, untied_b = (((times @ pairs) * times).sum(axis=1) for pairs in (a * b, a * a, b * b))
    return _ratio(concordant, untied_a, untied_b)


def overlap_of_lowest(rankings: Sequence[Ranking], n: int) -> pd.DataFrame:
    """Share of the n blocks that a method would remove (`Ranking.lowest`) which another would too: a, b, shared,
    overlap.

    Two random orders share n / M of them on average. Raises SettingError for an n outside 1 … M.
    """
    if rankings and not 1 <= n <= len(rankings[0].scores):
        raise SettingError(f"The overlap of the lowest n needs an n from 1 to {len(rankings[0].scores)}, not {n}.")
    lowest = {ranking.name: set(ranking.lowest(n)) for ranking in rankings}
    rows = [(a, b, len(lowest[a] & lowest[b])) for a, b in combinations(lowest, 2)]
    table = pd.DataFrame(rows, columns=["a", "b", "shared"])
    return table.assign(overlap=table["shared"] / n)


def _ratio(product: Array, square_a: Array, square_b: Array) -> Array:
    norm = np.sqrt(square_a * square_b)
    return np.divide(product, norm, out=np.full(norm.shape, np.nan), where=norm > 0)
