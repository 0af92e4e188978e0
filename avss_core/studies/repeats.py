"""A number measured several times: its mean, and how far that would move."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import t

LEVEL = 0.95


def t_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """mean ± t · s / √r, with s the standard deviation (r − 1) and t the quantile (1 + level) / 2 for r − 1 degrees.

    Student (1908), for values that scatter like a normal distribution. One value says nothing of others: fewer than
    two give (nan, nan). Values that are all the same give an interval of no width, which then says that repeating did
    not change anything, and not that the number is certain.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if len(numbers) < 2:
        return math.nan, math.nan
    half = float(t.ppf((1 + level) / 2, len(numbers) - 1)) * float(numbers.std(ddof=1)) / math.sqrt(len(numbers))
    mean = float(numbers.mean())
    return mean - half, mean + half
