"""`avss methods`: the ways to score a block."""

from __future__ import annotations

import pandas as pd

from avss_core.commands import options as o
from avss_core.commands.answer import answer
from avss_core.importance import METHODS


def methods(as_json: o.Json = False) -> None:
    """The ways to score a block, cheap to dear; each with its paper, what it sees, and what it is blind to."""
    cards = [method.card() for method in METHODS]
    shown = ["name", "paper", "cost", "sees"]
    answer({"methods": cards}, as_json, pd.DataFrame(cards)[shown])
