"""How far a metric would move on other documents: the percentile bootstrap over documents."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

DRAWS = 2000
LEVEL = 0.95
_CELLS_AT_ONCE = 2**22  # 32 MiB of float64


def bootstrap_interval(
    statistic: Callable[[Numbers], Numbers], n: int, seed: int = 0, draws: int = DRAWS, level: float = LEVEL
) -> tuple[float, float]:
    """The central `level` interval of a statistic over `draws` resamples of n documents (Efron's percentile method).

    statistic: takes how often each document was drawn, (resamples, n), gives one value for each resample.
    The resamples depend on n and the seed alone, so two models are always resampled alike: a statistic of both (a
    difference, a ratio) is a paired one. One document says nothing of others: n < 2 gives (nan, nan). Resamples
    whose value is not a number (say, none of the documents that count was drawn) are left out.
    """
    if n < 2:
        return math.nan, math.nan
    generator = np.random.default_rng(seed)
    rows = max(1, _CELLS_AT_ONCE // n)
    values = np.concatenate([statistic(_draw(generator, min(rows, draws - done), n)) for done in range(0, draws, rows)])
    values = values[~np.isnan(values)]
    if not values.size:
        return math.nan, math.nan
    # Between two infinities (a loss that overflows, a divisor of 0) there is nothing to interpolate.
    method = "linear" if np.isfinite(values).all() else "nearest"
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], method=method)  # type: ignore[call-overload]
    return float(low), float(high)


def ratio_interval(
    totals: Numbers,
    counts: Numbers,
    transform: Callable[[Numbers], Numbers] | None = None,
    seed: int = 0,
    draws: int = DRAWS,
) -> tuple[float, float]:
    """The 95 % interval of Σ totals / Σ counts over documents, both (documents,), under a monotone `transform`.

    An accuracy has right answers over questions; a perplexity, with `np.exp`, negative log-likelihood over tokens.
    """

    def statistic(drawn: Numbers) -> Numbers:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio: Numbers = (drawn @ totals) / (drawn @ counts)
        return ratio if transform is None else transform(ratio)

    return bootstrap_interval(statistic, len(totals), seed, draws)


def _draw(generator: np.random.Generator, rows: int, n: int) -> Numbers:
    """How often each of n documents stands in each of `rows` samples of n, drawn with replacement."""
    drawn = generator.integers(n, size=(rows, n)) + n * np.arange(rows)[:, None]
    return np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)
