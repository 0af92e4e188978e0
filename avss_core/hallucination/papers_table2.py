"""The EAVSS paper's published figures (its table 2 and appendix A), beside ours and always marked as theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from avss_core.errors import SettingError

PAPERS_FOLDER = Path(__file__).resolve().parents[2] / "assets" / "papers"
SOURCE = "EAVSS paper (arXiv 2411.10069)"
THEIR_MODEL = "GPT-2 with 24 layers"
LAYERS = 24
AVERAGE = "Average"
NOT_AT_HAND = "not at hand"

# Their columns and our estimators. Ours has one more row where another model (after training) is given as "EAVSS".
THEIR_COLUMNS: dict[str, str] = {
    "original_llm": "sequence_probability",
    "p_ik": "p_ik",
    "verbalization": "verbalised",
    "self_consistency": "self_consistency",
    "eavss": "EAVSS",
}
# Our name of the metric in a row, by theirs; acc@q and cov@p are the same in both.
_METRICS = {"ECE": "ece", "Brier": "brier"}

Row = Mapping[str, Any]


@lru_cache(maxsize=1)
def papers_table2() -> pd.DataFrame:
    """Their table 2 as printed: data_set, metric, original_llm, p_ik, verbalization, self_consistency, eavss."""
    return pd.read_csv(PAPERS_FOLDER / "eavss_table2.csv")


@lru_cache(maxsize=1)
def papers_appendix_a() -> pd.DataFrame:
    """Their tables 3 and 4 as printed: data_set, layer (from 1 to 24), acc@50, cov@50, ece, brier."""
    return pd.read_csv(PAPERS_FOLDER / "eavss_appendix_a.csv")


def table2_rows(ours: Mapping[str, Sequence[Row]] | None = None) -> list[dict[str, Any]]:
    """Their table 2 with our figures beside it, one row for each data set, metric and estimator; JSON types.

    ours: for each of the paper's data sets that was run, the rows of `confidence_rows` (with the set's q and p). Keys:
    data_set, metric, estimator, higher_is_better, theirs, ours, ours_low, ours_high (None where there is none), n,
    status ("measured", "not measured" or "not at hand"). Under Average: theirs as printed, theirs_mean the mean of
    their five rows (which is not always what they print), ours the mean over the sets that were measured, in status.
    Raises SettingError for a set that the paper has not.
    """
    table = papers_table2()
    sets = [name for name in dict.fromkeys(table["data_set"]) if name != AVERAGE]
    strange = set(ours or {}) - set(sets)
    if strange:
        raise SettingError(f"The paper has no data set {min(strange)!r}; it has {', '.join(sets)}.")
    found: list[dict[str, Any]] = []
    for record in table.to_dict("records"):
        for column, estimator in THEIR_COLUMNS.items():
            row: dict[str, Any] = {
                "data_set": record["data_set"],
                "metric": record["metric"],
                "estimator": estimator,
                "higher_is_better": record["metric"] not in _METRICS,
                "theirs": float(record[column]),
            }
            if record["data_set"] == AVERAGE:
                row |= _average(column, record["metric"], found, estimator)
            else:
                row |= _ours(ours or {}, record["data_set"], record["metric"], estimator)
            found.append(row)
    return found


def appendix_a_rows(data_set: str, blocks: Sequence[Row] | None = None) -> list[dict[str, Any]]:
    """Their figures by layer for one data set, and ours by block, in one long table; JSON types.

    Keys: whose ("theirs" or "ours"), number (theirs count layers from 1, ours blocks from 0), depth (0 the first, 1 the
    last, so that networks of other depths can be laid over each other), and acc@50, cov@50, ece, brier as published;
    ours as in `per_block_rows`. Raises SettingError for a set that appendix A has not.
    """
    table = papers_appendix_a()
    theirs = table[table["data_set"] == data_set]
    if theirs.empty:
        raise SettingError(f"Appendix A has no data set {data_set!r}; it has {', '.join(table['data_set'].unique())}.")
    rows: list[dict[str, Any]] = [
        {"whose": "theirs", "number": int(row["layer"]), "depth": (row["layer"] - 1) / (LAYERS - 1)}
        | {name: float(row[name]) for name in ("acc@50", "cov@50", "ece", "brier")}
        for row in theirs.to_dict("records")
    ]
    last = max(len(blocks or ()) - 1, 1)
    for place, block in enumerate(blocks or ()):
        rows.append({"whose": "ours", "number": block["block"], "depth": place / last, **block})
    return rows


def _ours(ours: Mapping[str, Sequence[Row]], data_set: str, metric: str, estimator: str) -> dict[str, Any]:
    empty = {"ours": None, "ours_low": None, "ours_high": None, "n": 0}
    if data_set not in ours:
        return empty | {"status": NOT_AT_HAND}
    name = _METRICS.get(metric, metric)
    row = next((one for one in ours[data_set] if one["estimator"] == estimator), None)
    if row is None or row.get(name) is None:
        return empty | {"status": "not measured"}
    values = {"ours": row[name], "ours_low": row[f"{name}_low"], "ours_high": row[f"{name}_high"], "n": row["n"]}
    return values | {"status": "measured"}


def _average(column: str, metric: str, rows: Sequence[Row], estimator: str) -> dict[str, Any]:
    table = papers_table2()
    of_sets = table[(table["metric"] == metric) & (table["data_set"] != AVERAGE)]
    same = [row for row in rows if (row["metric"], row["estimator"]) == (metric, estimator)]
    measured = [row["ours"] for row in same if row["status"] == "measured"]
    return {
        "ours": sum(measured) / len(measured) if measured else None,
        "ours_low": None,
        "ours_high": None,
        "n": sum(row["n"] for row in same),
        "status": f"mean of {len(measured)} of {len(of_sets)} sets" if measured else NOT_AT_HAND,
        "theirs_mean": float(of_sets[column].mean()),
    }
