"""What `avss hallucinate` is asked to prune for honesty: which blocks go, and how many random cuts stand beside."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import pandas as pd
import typer

from avss_core.commands.blocks import parse_blocks
from avss_core.errors import SettingError
from avss_core.hallucination.contrast import Contrast
from avss_core.hallucination.honesty import (
    cut_above_propensity,
    cut_below_eavss_stable,
    cut_by_eavss_stable,
    cut_by_propensity,
)
from avss_core.pruning import Cut


class Choice(NamedTuple):
    """so_many: the cut of the first k blocks by a score. beyond: that of all beyond θ, which is compared to column."""

    so_many: Callable[[pd.DataFrame, int], Cut]
    beyond: Callable[[pd.DataFrame, float], Cut]
    column: str
    what: str


CHOICES = {
    "propensity": Choice(cut_by_propensity, cut_above_propensity, "propensity", "the propensity H"),
    "eavss_stable": Choice(
        cut_by_eavss_stable, cut_below_eavss_stable, "eavss_stable_share", "the share of EAVSS-stable"
    ),
}


@dataclass(frozen=True)
class HonestyOptions:
    """Blocks by hand, or by a score: so many of them, or all beyond a threshold θ.

    Raises SettingError when that is said in more than one way, or θ is no number.
    """

    remove: Annotated[str | None, typer.Option(help="Prune for honesty: these blocks, such as 3,4,5 or 3-5.")] = None
    prune_by: Annotated[
        str | None, typer.Option(help="Prune for honesty: propensity (highest) or eavss_stable (lowest).")
    ] = None
    blocks: Annotated[int | None, typer.Option(help="How many blocks --prune-by removes.", min=1, show_default="1")] = (
        None
    )
    theta: Annotated[
        float | None,
        typer.Option(
            help="In place of --blocks: --prune-by removes every block with a propensity H above, or a share of "
            "EAVSS-stable below, this.",
            show_default=False,
        ),
    ] = None
    random: Annotated[int, typer.Option(help="Random cuts of the same size beside what is removed.", min=0)] = 3

    def __post_init__(self) -> None:
        """Check what can be checked without a model."""
        if self.remove is not None and self.prune_by is not None:
            raise SettingError("Give --remove or --prune-by, not both.")
        if self.remove is not None:
            parse_blocks(self.remove)
        if self.prune_by is not None and self.prune_by not in CHOICES:
            raise SettingError(f"--prune-by is {' or '.join(CHOICES)}, not {self.prune_by!r}.")
        given = [f"--{name}" for name in ("blocks", "theta") if getattr(self, name) is not None]
        if given and self.prune_by is None:
            raise SettingError(f"{given[0]} says how far --prune-by goes; give that one too.")
        if len(given) > 1:
            raise SettingError("Give --blocks or --theta, not both.")
        if self.theta is not None and not math.isfinite(self.theta):
            raise SettingError(f"The threshold must be a number; {self.theta} is not.")

    def cut(self, found: Contrast) -> Cut | None:
        """What is removed, None where nothing is asked for; SettingError for a θ that removes nothing.

        Raises CutError for blocks that cannot be removed.
        """
        if self.remove is not None:
            named = parse_blocks(self.remove)
            return Cut(named, len(found.table), f"blocks {', '.join(map(str, named))}")
        if self.prune_by is None:
            return None
        choice = CHOICES[self.prune_by]
        if self.theta is None:
            return choice.so_many(found.table, self.blocks or 1)
        cut = choice.beyond(found.table, self.theta)
        if not cut.removed:
            values = found.table[choice.column]
            raise SettingError(
                f"--theta {self.theta:g} removes no block: {choice.what} lies between {values.min():.4g} and "
                f"{values.max():.4g}."
            )
        return cut
