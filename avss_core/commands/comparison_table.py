"""The comparison of methods as a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from avss_core.importance.ranking import Ranking

Agreement = Mapping[str, Mapping[str, float | None]]


def comparison_table(rankings: Sequence[Ranking], agreement: Agreement) -> pd.DataFrame:
    """One row a method: agreement with ablation, cost, what is special to some, and the blocks to go first.

    agreement: as `agreement_with` gives it. A column that no method fills is left out.
    """
    rows = [
        {
            "method": ranking.name,
            "spearman (95 %)": _interval(agreement.get(ranking.name, {}), "spearman"),
            "kendall (95 %)": _interval(agreement.get(ranking.name, {}), "kendall"),
            "seconds": ranking.seconds,
            "block runs": ranking.block_runs,
            "memory (MB)": None if ranking.peak_bytes is None else ranking.peak_bytes / 2**20,
            "device": ranking.device,
            "conservation error": ranking.details.get("conservation_error"),
            "S = 0, as 1/N": _floored(ranking),
            "lowest blocks": " ".join(map(str, ranking.removal_order[:10])),
        }
        for ranking in rankings
    ]
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


def _interval(found: Mapping[str, float | None], name: str) -> str | None:
    value, low, high = (found.get(key) for key in (name, f"{name}_low", f"{name}_high"))
    if value is None:
        return None
    return f"{value:.2f}" if low is None or high is None else f"{value:.2f} ({low:.2f} – {high:.2f})"


def _floored(ranking: Ranking) -> str | None:
    """The blocks without a silent number; None when there are none, or the method does not count them."""
    floored = ranking.details.get("floored")
    if not floored:
        return None
    return "all" if len(floored) == len(ranking.scores) else " ".join(map(str, floored))
