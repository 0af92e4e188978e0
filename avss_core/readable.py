"""Numbers as people read them, for pages and figures."""

from __future__ import annotations

import math
from collections.abc import Iterable


def four_digits(value: float) -> str:
    """Four significant digits, thousands set apart up to a million: 0.05123, 27.81, 10,231, 1.2e+06."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.4g}"


def numbers_apart(values: Iterable[float], digits: int = 3) -> dict[float, str]:
    """Each value with as few significant digits, at least `digits`, as tell all the different ones apart."""
    different = set(values)
    for n in range(digits, 18):
        labels = {value: f"{value:.{n}g}" for value in different}
        if len(set(labels.values())) == len(different):
            break
    return labels


def from_to(low: float, high: float, form: str = "") -> str:
    """The ends of an interval, "1.2 to 3.4", in a format or else with four digits; "no interval" where they are nan."""
    if math.isnan(low) or math.isnan(high):
        return "no interval"
    return f"{low:{form}} to {high:{form}}" if form else f"{four_digits(low)} to {four_digits(high)}"
