"""What each pass cost, kept among the sums so that it merges like them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from avss_core.importance.method import Needs
from avss_core.importance.sums import fact_row

TOKENS = "tokens"


@dataclass(frozen=True)
class Spent:
    """seconds of wall time; block_tokens: blocks run times tokens; peak_bytes: beside the model, where it is known."""

    seconds: float
    block_tokens: float
    peak_bytes: int | None = None


def cost_rows(need: Needs, document: int, spent: Spent) -> list[pd.DataFrame]:
    """A pass's cost on one shard, under one of the needs that it meets."""
    rows = [fact_row(f"cost:{need}", document, spent.seconds, spent.block_tokens)]
    if spent.peak_bytes is not None:
        rows.append(fact_row(f"peak:{need}", document, spent.peak_bytes))
    return rows


def total_cost(table: pd.DataFrame, need: Needs) -> Spent:
    """The cost over all shards: sums, and the highest peak."""
    costs, peaks = table[table["statistic"] == f"cost:{need}"], table[table["statistic"] == f"peak:{need}"]
    peak = None if peaks.empty else int(peaks["value"].max())
    return Spent(float(costs["value"].sum()), float(costs["weight"].sum()), peak)


def tokens_in(table: pd.DataFrame) -> float:
    """Tokens of the text; every shard counts once, also when several passes over it were measured apart."""
    return float(table[table["statistic"] == TOKENS].groupby("document")["value"].max().sum())
