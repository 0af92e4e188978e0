"""The papers' table 1 as a picture: what each method leaves of each task, ours and theirs."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from avss_core.figures.axes import spans_decades, value_axis
from avss_core.figures.frames import need_columns
from avss_core.figures.grid import finish_grid, plot_grid
from avss_core.figures.style import MUTED, colour, say, symbol

NEEDED = (
    "whose",
    "model",
    "task",
    "data_set",
    "metric",
    "higher_is_better",
    "method",
    "value",
    "low",
    "high",
    "retained",
)
OURS = "ours"
_SPREAD = 0.6  # of the room between two methods, that markers of several rows are spread over


def table1_figure(
    cells: pd.DataFrame, show: str = "retained", *, title: str = "Table 1: ours (filled), theirs (hollow)"
) -> go.Figure:
    """One plot a task; in it a place a method, and there a marker for each model and data set.

    cells: one row a cell, with the columns `NEEDED` and the ends of the interval of what is shown (`retained_low`,
    `retained_high`, or `low`, `high`). show: `retained` (1 is the whole model, higher is better) or `value` (the
    metric itself, with the whole model as a method of its own). Ours (`whose` is `ours`) are filled, with their 95 %
    interval over samples; the papers' own figures are hollow and have none. Cells without a number are left out.
    Raises `SettingError` for a missing column.
    """
    ends = ("retained_low", "retained_high") if show == "retained" else ("low", "high")
    need_columns(cells, (*NEEDED, *ends), "picture of table 1")
    known = cells[pd.to_numeric(cells[show]).notna()]
    if show == "retained":
        known = known[known["method"] != "original"]
    tasks = list(dict.fromkeys(known["task"]))
    # In one line, since names on the axis above may take two.
    headings = [(f"{task}: {_unit(known[known['task'] == task], show)}", "") for task in tasks]
    figure, places = plot_grid(headings, 1, 260)
    methods = list(dict.fromkeys(known["method"]))
    rows = list(dict.fromkeys(_row_name(cell) for cell in known.to_dict("records")))
    for task, place in zip(tasks, places, strict=True):
        of_task = known[known["task"] == task]
        named = of_task.to_dict("records")
        here = list(dict.fromkeys(_row_name(cell) for cell in named))
        for index, name in enumerate(here):
            of_row = [cell for cell in named if _row_name(cell) == name]
            offset = _SPREAD * ((index + 0.5) / len(here) - 0.5)
            trace = _markers(of_row, name, show, ends, methods, offset, rows.index(name))
            figure.add_trace(trace, **place._asdict())
        values = of_task[[show, *ends]].apply(pd.to_numeric).to_numpy(dtype=float)
        log = spans_decades(values)
        figure.update_yaxes(**value_axis(values, log), **place._asdict())
        if show == "retained":
            figure.update_yaxes(**({} if log else {"tickformat": ".0%"}), **place._asdict())
            figure.add_hline(y=1, line={"color": MUTED, "width": 1, "dash": "dot"}, **place._asdict())
        figure.update_xaxes(
            tickmode="array",
            tickvals=list(range(len(methods))),
            ticktext=[_broken(method) for method in methods],
            tickangle=0,
            range=[-0.6, max(len(methods), 1) - 0.4],
            **place._asdict(),
        )
    finish_grid(figure, places, title, "blocks chosen by")
    return figure if len(known) else say(figure, "Nothing has been measured yet")


def _markers(
    cells: list[dict[str, Any]],
    name: str,
    show: str,
    ends: tuple[str, str],
    methods: list[str],
    offset: float,
    number: int,
) -> go.Scatter:
    ours = cells[0]["whose"] == OURS
    hue = colour(number)
    spread = {}
    if ours:
        spread["error_y"] = {
            "type": "data",
            "symmetric": False,
            "array": [cell[ends[1]] - cell[show] for cell in cells],
            "arrayminus": [cell[show] - cell[ends[0]] for cell in cells],
            "color": hue,
            "thickness": 1.5,
            "width": 5,
        }
    return go.Scatter(
        x=[methods.index(cell["method"]) + offset for cell in cells],
        y=[cell[show] for cell in cells],
        mode="markers",
        name=name,
        legendgroup=name,
        marker={
            "color": hue,
            "size": 10,
            "symbol": symbol(number) + ("" if ours else "-open"),
            "line": {"width": 2, "color": hue},
        },
        customdata=[_hover(cell, ends) for cell in cells],
        hovertemplate="%{customdata}<extra></extra>",
        **spread,
    )


def _hover(cell: dict[str, Any], ends: tuple[str, str]) -> str:
    lines = [
        f"{cell['method']}: {cell['metric']} {cell['value']:.4g}, retained {cell['retained']:.1%}",
        f"{cell['model']}, {cell['data_set']}",
    ]
    if cell["whose"] != OURS:
        return "<br>".join([*lines, "the paper's figure"])
    if cell[ends[0]] == cell[ends[0]]:
        lines.append(f"95 % over samples: {cell[ends[0]]:.4g} to {cell[ends[1]]:.4g}")
    return "<br>".join([*lines, f"removed: {cell['removed']}"] if cell.get("removed") else lines)


def _row_name(cell: dict[str, Any]) -> str:
    theirs = "" if cell["whose"] == OURS else " (theirs)"
    return f"{cell['model']}, {cell['data_set']}{theirs}"


def _unit(cells: pd.DataFrame, show: str) -> str:
    if show == "retained":
        return "retained performance, 1 (100 %) is the whole model"
    better = "higher" if bool(cells["higher_is_better"].iloc[0]) else "lower"
    return f"{cells['metric'].iloc[0]}, {better} is better"


def _broken(method: str) -> str:
    """A method's name in lines, so that neighbours on the axis do not meet."""
    return method.replace("_", "<br>").replace("@", "<br>@")
