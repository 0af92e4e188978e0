"""Made-up against truthful answers, block by block: scores with bands and marks, and both groups on one pair of axes.

Equation numbers are those of the EAVSS paper (arXiv 2411.10069).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from avss_core.errors import SettingError
from avss_core.figures.axes import log_floor, raised
from avss_core.figures.curves import block_curve, curve_grid
from avss_core.figures.frames import need_columns
from avss_core.figures.labels import Statistic, statistic_of
from avss_core.figures.line import one_entry_each
from avss_core.figures.overlay import overlay
from avss_core.figures.style import MUTED, PALETTE
from avss_core.hallucination.scores import (
    EAVSS_FORMULA,
    HCS_FORMULAS,
    PROPENSITY_FORMULA,
    STABLE_FORMULA,
    Reading,
)

LEVEL = 0.05
SURE, UNSURE = f"p < {LEVEL:g}, corrected for the number of blocks", f"p < {LEVEL:g} in this block alone"
GROUPS = {"made-up answers": "hallucinated", "truthful answers": "truthful"}

HSS_FLOORED = "flagged: HSS = 0, counted as 1/N"

_OURS = "our reading"
_SCORES = (
    ("hsav", "HSAV", "|σ²<sub>h</sub> − σ²<sub>t</sub>|", "activation²", "How far the variances lie apart.", 9),
    ("hss", "HSS", "|S<sub>h</sub> − S<sub>t</sub>|", "share of activations", "How far the sparsities lie apart.", 10),
    ("hcs", "HCS", HCS_FORMULAS["product"], _OURS, "HSAV and HSS in one number.", 11),
    ("eavss", "EAVSS", EAVSS_FORMULA, _OURS, "Active, and different when something is made up.", 12),
    ("eavss_stable", "EAVSS-stable", STABLE_FORMULA, _OURS, "Useful and stable; the lowest are pruned.", 40),
    (
        "propensity",
        "Propensity H",
        PROPENSITY_FORMULA,
        f"activation², {_OURS}",
        "High variance from few active units.",
        21,
    ),
)
CONTRAST_STATISTICS: tuple[Statistic, ...] = tuple(
    Statistic(column, name, symbol, None, unit, meaning, "neither")
    for column, name, symbol, unit, meaning, _ in _SCORES
)
_EQUATIONS = {column: equation for column, *_, equation in _SCORES}
_BY_COLUMN = {statistic.column: statistic for statistic in CONTRAST_STATISTICS}


def contrast_curve(
    table: pd.DataFrame,
    column: str,
    log: bool | None = None,
    *,
    reading: Reading = "product",
    title: str | None = None,
    height: int = 380,
) -> go.Figure:
    """One score of a contrast table by block, with its 95 % band; blocks whose p-value is below 0.05 have a star.

    A full star after correction for the number of blocks, an open one without. reading: that of HCS in the table; a
    block whose HSS = 0 it counts as 1/N has a cross. Raises SettingError for an unknown score or a missing column.
    """
    statistic = _statistic(column, reading)
    need_columns(table, ("block", column, "p_value", "p_adjusted"), "contrast curve")
    ours = f", {_OURS}" if _OURS in statistic.unit else ""
    heading = title or f"{statistic.short} by block, EAVSS eq. ({_EQUATIONS[column]}){ours}"
    figure = block_curve(table, statistic, log, title=heading, height=height)
    figure.add_traces(_marks(table, column, _values(table, column, figure.layout.yaxis.type), reading))
    figure.update_layout(showlegend=len(figure.data) > 1)
    return figure


def contrast_grid(
    table: pd.DataFrame,
    columns: Sequence[str] = ("hsav", "hss", "hcs", "eavss"),
    *,
    reading: Reading = "product",
    per_row: int = 2,
    title: str = "Made-up against truthful answers by block",
    row_height: int = 210,
) -> go.Figure:
    """Several scores of a contrast table as small multiples; otherwise like `contrast_curve`."""
    need_columns(table, ("block", *columns, "p_value", "p_adjusted"), "contrast grid")
    figure = curve_grid(
        table, [_statistic(column, reading) for column in columns], per_row=per_row, title=title, row_height=row_height
    )
    for index, column in enumerate(columns):
        place = {"row": index // per_row + 1, "col": index % per_row + 1}
        axis = next(figure.select_yaxes(**place))
        for mark in _marks(table, column, _values(table, column, axis.type), reading):
            figure.add_trace(mark, **place)
    one_entry_each(figure, hidden=tuple(_statistic(column).name for column in columns))
    return figure


def groups_overlay(
    table: pd.DataFrame, column: str = "variance", log: bool | None = None, *, height: int = 420
) -> go.Figure:
    """Variance or sparsity of a contrast table's two groups, a line and a 95 % band each.

    Raises SettingError for another column, or one that is missing.
    """
    if column not in ("variance", "sparsity"):
        raise SettingError(f"The two groups differ in variance and sparsity; there is no {column!r} of each.")
    statistic = statistic_of(column)
    tables = {}
    for name, group in GROUPS.items():
        need_columns(table, ("block", f"{column}_{group}"), "overlay of groups")
        endings = [end for end in ("", "_low", "_high") if f"{column}_{group}{end}" in table.columns]
        tables[name] = pd.DataFrame(
            {"block": table["block"], **{f"{column}{end}": table[f"{column}_{group}{end}"] for end in endings}}
        )
    return overlay(tables, column, log, title=f"{statistic.short} at the answers' tokens, by block", height=height)


def _statistic(column: str, reading: Reading = "product") -> Statistic:
    if column not in _BY_COLUMN:
        raise SettingError(f"There is no score {column!r} in a contrast; choose one of {', '.join(_BY_COLUMN)}.")
    return replace(_BY_COLUMN[column], symbol=HCS_FORMULAS[reading]) if column == "hcs" else _BY_COLUMN[column]


def _values(table: pd.DataFrame, column: str, axis_type: str) -> NDArray[np.float64]:
    """Where each block's point lies: a logarithmic axis shows a zero at its floor."""
    values = table[column].to_numpy(dtype=float)
    return raised(values, log_floor(values) if axis_type == "log" else None)


def _marks(table: pd.DataFrame, column: str, values: NDArray[np.float64], reading: Reading) -> list[go.Scatter]:
    """Stars for blocks that differ; crosses on an HCS that divides by an HSS of 0."""
    stars = _stars(table, column, values)
    floored = (table["hss"] == 0).to_numpy() if "hss" in table.columns else np.zeros(len(table), dtype=bool)
    if column != "hcs" or reading != "ratio" or not floored.any():
        return stars
    cross = go.Scatter(
        x=table["block"][floored],
        y=values[floored],
        mode="markers",
        marker={"symbol": "x-thin", "size": 11, "line": {"width": 2, "color": MUTED}},
        hovertemplate=f"block %{{x}}<br>{HSS_FLOORED}<extra></extra>",
        name=HSS_FLOORED,
        legendgroup=HSS_FLOORED,
    )
    return [*stars, cross]


def _stars(table: pd.DataFrame, column: str, values: NDArray[np.float64]) -> list[go.Scatter]:
    sure = (table["p_adjusted"] < LEVEL).to_numpy()
    unsure = (table["p_value"] < LEVEL).to_numpy() & ~sure
    traces = []
    for marked, name, mark in ((sure, SURE, "star"), (unsure, UNSURE, "star-open")):
        if not marked.any():
            continue
        rows = table[marked]
        traces.append(
            go.Scatter(
                x=rows["block"],
                y=values[marked],
                mode="markers",
                marker={"symbol": mark, "size": 15, "color": PALETTE[1] if mark == "star" else MUTED},
                customdata=np.column_stack([rows[column], rows["p_value"], rows["p_adjusted"]]),
                hovertemplate=f"block %{{x}}<br>{_statistic(column).name} = %{{customdata[0]:.4g}}"
                "<br>p = %{customdata[1]:.3g}, corrected %{customdata[2]:.3g}<extra></extra>",
                name=name,
                legendgroup=name,
            )
        )
    return traces
