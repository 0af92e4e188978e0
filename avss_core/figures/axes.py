"""Axes: block numbers that stay readable, and logarithms where values span decades."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

DECADES = 2.0  # a logarithmic axis is chosen when positive values span more than this
MOST_TICKS = 16


def spans_decades(values: ArrayLike, zeros: bool = False) -> bool:
    """Whether the positive values span more than two decades, so that a logarithmic axis is the one to read them on.

    Negative values rule it out, and so do zeros unless `zeros` says that the figure has a way to show them there.
    """
    numbers = np.asarray(values, dtype=float).ravel()
    numbers = numbers[np.isfinite(numbers)]
    positive = numbers[numbers > 0]
    if positive.size == 0 or (numbers < 0).any() or (not zeros and positive.size < numbers.size):
        return False
    return math.log10(positive.max()) - math.log10(positive.min()) > DECADES


def log_floor(values: ArrayLike) -> float:
    """Where a logarithmic axis shows what it cannot show (0): half a decade under the smallest positive value."""
    numbers = np.asarray(values, dtype=float).ravel()
    positive = numbers[np.isfinite(numbers) & (numbers > 0)]
    return float(positive.min()) / math.sqrt(10) if positive.size else 1.0


def raised(values: ArrayLike, floor: float | None) -> NDArray[np.float64]:
    """The values with all that is not positive put at `floor` (None: as they are); NaN stays NaN."""
    numbers = np.asarray(values, dtype=float)
    return numbers if floor is None else np.where(numbers <= 0, floor, numbers)


def value_axis(values: ArrayLike, log: bool, most: int = 10) -> dict[str, Any]:
    """Settings of a linear or logarithmic axis.

    On a logarithmic one every decade has its tick, every n-th beyond `most` decades; below a quarter of
    `most` decades 2 and 5 have theirs too.
    """
    if not log:
        return {"type": "linear", "exponentformat": "power", "tickformat": "~g"}
    numbers = np.asarray(values, dtype=float).ravel()
    positive = numbers[np.isfinite(numbers) & (numbers > 0)]
    decades = math.log10(positive.max() / positive.min()) if positive.size else 1.0
    return {
        "type": "log",
        "dtick": "D2" if decades < most / 4 else max(1, math.ceil(decades / most)),
        "exponentformat": "power",
        "showexponent": "all",
    }


def tick_step(count: int, most: int = MOST_TICKS) -> int:
    """Distance between the ticks of `count` blocks, so that at most `most` are labelled: 1, 2, 5, 10, 20, …"""
    step, factors = 1, (2, 2.5, 2)
    turn = 0
    while count / step > most:
        step = int(step * factors[turn % 3])
        turn += 1
    return step


def block_axis(n_blocks: int, most: int = MOST_TICKS) -> dict[str, Any]:
    """Settings of an axis of 0-based block numbers; its range depends on the number of blocks only."""
    return {
        "type": "linear",
        "range": [-0.6, max(n_blocks, 1) - 0.4],
        "tickmode": "linear",
        "tick0": 0,
        "dtick": tick_step(n_blocks, most),
        "tickformat": "d",
    }


def log_colourbar(exponents: ArrayLike, title: str) -> dict[str, Any]:
    """A colour bar for values that are coloured by their log10: its labels are the values themselves."""
    numbers = np.asarray(exponents, dtype=float).ravel()
    numbers = numbers[np.isfinite(numbers)]
    low, high = (math.floor(numbers.min()), math.ceil(numbers.max())) if numbers.size else (0, 1)
    if high - low <= 2:
        values = [digit * 10.0**power for power in range(low, high + 1) for digit in (1, 2, 5)]
        return {
            **colourbar(title),
            "tickvals": [math.log10(value) for value in values],
            "ticktext": [f"{value:g}" for value in values],
        }
    ticks = list(range(low, high + 1, math.ceil((high - low) / 6)))
    return {**colourbar(title), "tickvals": ticks, "ticktext": [f"10<sup>{tick}</sup>" for tick in ticks]}


def colourbar(title: str) -> dict[str, Any]:
    """A thin colour bar whose title runs along it, so that it takes no width from the plot."""
    return {"title": {"text": title, "side": "right", "font": {"size": 12}}, "thickness": 14, "outlinewidth": 0}
