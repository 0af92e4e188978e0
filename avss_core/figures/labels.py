"""What each statistic of the score table is called, where it comes from, and how to read it.

One line a statistic; figures, pages and reports take their words from here, so that they never disagree.
Equation numbers are those of the AVSS paper (arXiv 2411.02117).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from avss_core.errors import SettingError

Direction = Literal["higher", "lower", "neither"]

BAND = "95 % interval"


@dataclass(frozen=True)
class Statistic:
    """The words for one column of a table that has one row per block.

    `unit` is "" for a pure number; `more_important` says which end the paper takes for the important blocks
    ("neither" where it takes none), and `meaning` says in one line what the number is. `band` says what lies between
    `<column>_low` and `<column>_high`.
    """

    column: str
    name: str
    symbol: str
    equation: int | None
    unit: str
    meaning: str
    more_important: Direction
    band: str = BAND

    @property
    def short(self) -> str:
        """Name and symbol: `Variance σ²`."""
        return f"{self.name} {self.symbol}".strip()

    @property
    def axis(self) -> str:
        """The title of an axis: `Variance σ² (activation²)`."""
        return f"{self.short} ({self.unit})" if self.unit else self.short

    @property
    def title(self) -> str:
        """The title of a figure: `Variance σ² by block, eq. (1)`."""
        source = "" if self.equation is None else f", eq. ({self.equation})"
        return f"{self.short} by block{source}"

    @property
    def direction(self) -> str:
        """How to read it, in one short sentence."""
        if self.more_important == "neither":
            return "Neither end is taken as the important one."
        return f"{self.more_important.capitalize()} is read as more important."


STATISTICS: tuple[Statistic, ...] = (
    Statistic(
        "variance",
        "Variance",
        "σ²",
        1,
        "activation²",
        "Mean squared deviation of all activations from their mean.",
        "higher",
    ),
    Statistic(
        "std",
        "Standard deviation",
        "σ",
        2,
        "activation units",
        "Square root of the variance, in the activations' own units.",
        "higher",
    ),
    Statistic(
        "variance_share",
        "Variance share",
        "σ̃²",
        3,
        "share of sum",
        "The block's variance divided by the sum over all blocks.",
        "higher",
    ),
    Statistic(
        "sparsity",
        "Sparsity",
        "S",
        4,
        "share of activations",
        "Share of activations with |a| < ε.",
        "lower",
    ),
    Statistic(
        "sparsity_share",
        "Sparsity share",
        "S̃",
        5,
        "share of sum",
        "The block's sparsity divided by the sum over all blocks.",
        "lower",
    ),
    Statistic(
        "sparsity_deviation",
        "Sparsity deviation",
        "D<sub>S</sub>",
        6,
        "difference of shares",
        "Distance between a block's sparsity and its sparsity share, |S − S̃|.",
        "neither",
    ),
    Statistic(
        "avss",
        "AVSS",
        "σ²/S",
        7,
        "activation²",
        "Variance divided by sparsity; S below 1/N is floored at 1/N and flagged.",
        "higher",
    ),
    Statistic(
        "avss_share",
        "AVSS share",
        "AVSS~",
        8,
        "share of sum",
        "The block's AVSS divided by the sum over all blocks.",
        "higher",
    ),
    Statistic(
        "avss_cumulative",
        "Cumulative AVSS",
        "C",
        9,
        "share of sum",
        "Sum of the AVSS shares of this block and all blocks before it.",
        "neither",
    ),
    Statistic("l1", "L1 norm", "‖a‖₁", None, "activation units", "Mean over tokens of the sum of |a|.", "higher"),
    Statistic(
        "l2",
        "L2 norm",
        "‖a‖₂",
        None,
        "activation units",
        "Mean over tokens of the Euclidean length of a token's vector.",
        "higher",
    ),
    Statistic(
        "frobenius",
        "Frobenius norm",
        "‖A‖<sub>F</sub>",
        None,
        "activation units",
        "Mean over sequences of the root of the sum of all squared activations.",
        "higher",
    ),
)

_BY_COLUMN = {statistic.column: statistic for statistic in STATISTICS}


def statistic_of(column: str | Statistic) -> Statistic:
    """The words for a column; a `Statistic` is given back as it is, so that other tables can bring their own.

    Raises `SettingError` for a name that is not a statistic of the score table.
    """
    if isinstance(column, Statistic):
        return column
    if column not in _BY_COLUMN:
        raise SettingError(f"There is no statistic {column!r}; choose one of {', '.join(_BY_COLUMN)}.")
    return _BY_COLUMN[column]
