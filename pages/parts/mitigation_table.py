"""Before and after contrastive training in one table, a row for each training and metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from avss_core.jobs.mitigate_table import H_MODEL, PERPLEXITY, RATE
from pages.parts.show import offer_csv

Row = Mapping[str, Any]
_HEADINGS = {"ece": "ECE", "brier": "Brier", "auroc": "AUROC"}


def draw_before_after(found: Mapping[str, Sequence[Row]]) -> None:
    """found: for each training the rows of `before_after_rows`."""
    rows = [{"training": name, **row} for name, every in found.items() for row in every]
    shown = [
        {
            "training": row["training"],
            "metric": f"{_HEADINGS.get(row['metric'], row['metric'])} {'↑' if row['higher_is_better'] else '↓'}",
            "before": _with_ends(row, "before"),
            "after": _with_ends(row, "after"),
            "change": _with_ends(row, "change"),
            "beyond chance": row["verdict"] or "no",
            "n": row["n"],
        }
        for row in rows
    ]
    st.dataframe(pd.DataFrame(shown), hide_index=True)
    st.caption(
        "On held-out questions; in brackets 95 % intervals, those of the change over questions in pairs. ↑ higher is "
        "better, ↓ lower is better. The perplexity is of plain text, its change a ratio, n its documents. The last "
        "five metrics are of the sequence probability, which is 0 for an empty answer."
    )
    offer_csv(pd.DataFrame(rows), "mitigation")


def _with_ends(row: Row, name: str) -> str:
    """A value and its interval: a rate in percent, a ratio by ×, a difference with its sign."""
    value, low, high = row[name], row[f"{name}_low"], row[f"{name}_high"]
    if value is None:
        return ""
    change = name == "change"
    sign = "+" if change and row["neutral"] == 0 else ""
    form = sign + {RATE: ".1%", H_MODEL: ".4g", PERPLEXITY: ".4g"}.get(row["metric"], ".3f")
    ends = "" if low is None or high is None else f" ({low:{form}} to {high:{form}})"
    return f"{'× ' if change and row['neutral'] == 1 else ''}{value:{form}}{ends}"
