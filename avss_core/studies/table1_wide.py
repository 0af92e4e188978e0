"""The table as the paper prints it: a line for each model and data set, a column for each method."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from avss_core.models.standin_package import SOURCE as STANDIN
from avss_core.studies.table1 import ENOUGH_REPEATS, ORIGINAL
from avss_core.tasks import task_named

OURS, THEIRS = "ours", "theirs"
FEW = f"fewer than {ENOUGH_REPEATS} samples"
WHOSE = {OURS: "measured here", THEIRS: "the paper's figure"}


def wide_table(frame: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """From cells (`jobs/table1`) to text: task, data set, model, whose, a column for each method, reduction, note.

    A measured cell reads `mean (low – high)` with the t interval over samples; `mean (same cut)` where all samples
    chose the same blocks, `mean (equal)` where different ones did equally well. The whole model's has none, and
    nothing stands where there is no number. A row whose cells are means over fewer than 5 samples says so.
    """
    lines = []
    for keys, cells in frame.groupby(["whose", "task", "data_set", "model"], sort=False):
        whose, task, data_set, model = (str(key) for key in keys)
        by_method = {str(cell["method"]): cell for cell in cells.to_dict("records")}
        lines.append(
            {
                "task": f"{task_named(task).pretty_name} ({_metric(cells)})",
                "data set": data_set,
                "model": model_label(model),
                "whose": WHOSE[whose],
                **{name: cell_text(by_method.get(name, {})) for name in (ORIGINAL, *methods)},
                "parameter reduction": _reduction(cells),
                "note": "; ".join(filter(None, (_notes(by_method), _too_few(by_method)))),
            }
        )
    columns = ["task", "data set", "model", "whose", ORIGINAL, *methods, "parameter reduction", "note"]
    return pd.DataFrame(lines, columns=columns)


def model_label(source: str) -> str:
    """A model's name; the stand-in is called so."""
    return f"{source} (stand-in for DistilBERT)" if source == STANDIN else source


def cell_text(cell: dict[str, Any]) -> str:
    """A cell in a few characters."""
    value, low, high = (float(cell.get(name, math.nan)) for name in ("value", "low", "high"))
    if math.isnan(value):
        return "" if "note" not in cell or not cell["note"] else "–"
    if math.isnan(low):
        return short(value)
    if math.isclose(low, high, rel_tol=1e-9):
        return f"{short(value)} ({'equal' if ';' in str(cell.get('removed', '')) else 'same cut'})"
    return f"{short(value)} ({short(low)} – {short(high)})"


def short(value: float) -> str:
    """Three decimals below 1, four digits above, thousands set apart: 0.857, 27.81, 48,590, 2.6e+07."""
    if not 1 <= abs(value) < 1e7:
        return f"{value:.3f}" if abs(value) < 1 else f"{value:.1e}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _metric(cells: pd.DataFrame) -> str:
    task = task_named(str(cells["task"].iloc[0]))
    metric = task.metric(str(cells["metric"].iloc[0]))
    return f"{metric.pretty_name} {'↑' if metric.higher_is_better else '↓'}"


def _reduction(cells: pd.DataFrame) -> str:
    """Share of all parameters that the cuts remove; a range where methods differ."""
    shares = pd.to_numeric(cells.loc[cells["method"] != ORIGINAL, "parameter_reduction"]).dropna()
    if shares.empty:
        return ""
    low, high = f"{shares.min():.2%}", f"{shares.max():.2%}"
    return low if low == high else f"{low} – {high}"


def _too_few(by_method: dict[str, dict[str, Any]]) -> str:
    """Said of a measured row; a cell that is on its way, or has failed, says itself how far it is."""
    told = [float(cell.get("repeats", math.nan)) for name, cell in by_method.items() if _is_whole_cell(name, cell)]
    return FEW if any(repeats < ENOUGH_REPEATS for repeats in told) else ""


def _is_whole_cell(method: str, cell: dict[str, Any]) -> bool:
    return method != ORIGINAL and not cell["note"]


def _notes(by_method: dict[str, dict[str, Any]]) -> str:
    """What is said of all cells once, and what is said of single ones by name."""
    named: dict[str, list[str]] = {}
    for method, cell in by_method.items():
        if cell["note"]:
            named.setdefault(str(cell["note"]), []).append(method)
    if len(named) == 1 and sum(map(len, named.values())) == len(by_method):
        return next(iter(named))
    return "; ".join(f"{', '.join(methods)}: {note}" for note, methods in named.items())
