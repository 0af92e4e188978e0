"""What is left of a model's performance as more of its blocks are removed."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from avss_core.figures.axes import block_axis, spans_decades, tick_step, value_axis
from avss_core.figures.frames import need_columns
from avss_core.figures.line import band
from avss_core.figures.style import MUTED, colour, dash, finish, say, symbol

RANDOM = "random cuts (median, range of draws)"
Intervals = Literal["bars", "bands", "none"]
_HOVER = "%{customdata[0]:d} blocks removed (%{customdata[1]:.1%})<br>retained %{customdata[2]:.1%}"


def _ticks(most: int, n_blocks: int) -> dict[str, object]:
    """Ticks that give the number of removed blocks and, under it, their share."""
    at = list(range(0, most + 1, tick_step(most)))
    return {"tickmode": "array", "tickvals": at, "ticktext": [f"{k}<br>{k / n_blocks:.0%}" for k in at]}


def _ends(rows: pd.DataFrame) -> list[str]:
    """The end of each hover text: the interval where there is one, the removed blocks where the sweep names them."""
    ends = []
    for row in rows.to_dict("records"):
        known = pd.notna(row["low"]) and pd.notna(row["high"])
        lines = [f"95 %: {row['low']:.1%} to {row['high']:.1%}"] if known else []
        lines += textwrap.wrap(f"without blocks {row['blocks']}", 50) if "blocks" in row else []
        ends.append("".join(f"<br>{line}" for line in lines))
    return ends


def random_name(draws: pd.DataFrame) -> str:
    """What the band of random cuts is, for the legend: of how many draws, and what share of all such cuts it covers.

    Sizes with few cuts may have all of them; the most draws and the lowest coverage are named.
    """
    if not {"draws", "coverage"}.issubset(draws.columns) or draws.empty:
        return RANDOM
    return f"random cuts (median; band of {int(draws['draws'].max())} draws, covers {draws['coverage'].min():.0%})"


def _add_random(figure: go.Figure, draws: pd.DataFrame) -> None:
    rows = draws.sort_values("removed")
    name = random_name(rows)
    figure.add_trace(
        band(rows["removed"], rows["low"], rows["high"], MUTED, name, legendgroup=RANDOM, showlegend=False)
    )
    covers = "<br>another cut lies there with probability %{customdata[5]:.0%}" if "coverage" in rows.columns else ""
    columns = ["removed", "share", "median", "low", "high", *(["coverage"] if covers else [])]
    figure.add_trace(
        go.Scatter(
            x=rows["removed"],
            y=rows["median"],
            mode="lines",
            line={"color": MUTED, "width": 1.5},
            customdata=rows[columns].to_numpy(),
            hovertemplate=_HOVER
            + f"<br>draws lie from %{{customdata[3]:.1%}} to %{{customdata[4]:.1%}}{covers}<extra>random</extra>",
            name=name,
            legendgroup=RANDOM,
        )
    )


def _error_bars(rows: pd.DataFrame, hue: str) -> dict[str, object]:
    return {
        "type": "data",
        "symmetric": False,
        "thickness": 1.2,
        "width": 3,
        "color": hue,
        "array": (rows["high"] - rows["retained"]).to_numpy(),
        "arrayminus": (rows["retained"] - rows["low"]).to_numpy(),
    }


def _add_method(figure: go.Figure, method: str, rows: pd.DataFrame, index: int, intervals: Intervals) -> None:
    rows = rows.sort_values("removed")
    hue = colour(index)
    if intervals == "bands":
        name = f"{method}, 95 %"
        figure.add_trace(
            band(rows["removed"], rows["low"], rows["high"], hue, name, legendgroup=method, showlegend=False)
        )
    figure.add_trace(
        go.Scatter(
            x=rows["removed"],
            y=rows["retained"],
            mode="lines+markers",
            line={"color": hue, "width": 2, "dash": dash(index)},
            marker={"color": hue, "size": 7, "symbol": symbol(index)},
            error_y=_error_bars(rows, hue) if intervals == "bars" else None,
            customdata=rows[["removed", "share", "retained"]].to_numpy(),
            text=_ends(rows),
            hovertemplate=f"{_HOVER}%{{text}}<extra>{method}</extra>",
            name=method,
            legendgroup=method,
        )
    )


def retained_curve(
    sweep: pd.DataFrame,
    random: pd.DataFrame | None = None,
    chosen: tuple[str, int] | None = None,
    *,
    n_blocks: int,
    log: bool | None = None,
    line: float = 0.90,
    mark: float = 0.25,
    task: str = "",
    intervals: Intervals = "bars",
    title: str = "Performance kept as blocks are removed",
    height: int = 460,
) -> go.Figure:
    """Retained performance (1 = as before) against the number and the share of blocks removed, one line per method.

    `sweep` has `method, removed, share, retained, low, high` (95 % interval) and optionally `blocks`, the removed
    ones as text for the hover label; `random` has `removed, share, low, median, high` over random cuts, and optionally
    `draws, coverage`, which the legend then tells. `intervals`: how those of the methods are drawn. `chosen` = (method,
    number removed) is ringed where the sweep has it. `line` is the dashed horizontal (90 % retained),
    `mark` the dotted vertical (25 % of the blocks, the papers' cut). `log` None chooses: logarithmic beyond two
    decades. Higher is better. Raises `SettingError` for a missing column.
    """
    need_columns(sweep, ("method", "removed", "share", "retained", "low", "high"), "retained-performance chart")
    figure = go.Figure()
    shown = [sweep["retained"].to_numpy(dtype=float)]
    most = int(sweep["removed"].max()) if len(sweep) else 0
    if random is not None and len(random):
        need_columns(random, ("removed", "share", "low", "median", "high"), "band of random cuts")
        shown.append(random["median"].to_numpy(dtype=float))
        most = max(most, int(random["removed"].max()))
        _add_random(figure, random)
    for index, (method, rows) in enumerate(sweep.groupby("method", sort=False)):
        _add_method(figure, str(method), rows, index, intervals)
    at = sweep.iloc[:0] if chosen is None else sweep[(sweep["method"] == chosen[0]) & (sweep["removed"] == chosen[1])]
    if chosen is not None and len(at):
        figure.add_trace(
            go.Scatter(
                x=at["removed"],
                y=at["retained"],
                mode="markers",
                name="chosen cut",
                marker={"symbol": "circle-open", "size": 18, "color": MUTED, "line": {"width": 3, "color": MUTED}},
                customdata=at[["removed", "share", "retained"]].to_numpy(),
                hovertemplate=_HOVER + f"<extra>{chosen[0]}, chosen</extra>",
            )
        )
    values = np.concatenate(shown)
    logarithmic = spans_decades(values) if log is None else log
    most = max(most, int(np.ceil(mark * n_blocks)))
    figure.add_hline(
        y=line, line={"color": MUTED, "width": 1.5, "dash": "dash"}, name=f"{line * 100:g} % retained", showlegend=True
    )
    figure.add_vline(
        x=mark * n_blocks,
        line={"color": MUTED, "width": 1.5, "dash": "dot"},
        name=f"{mark * 100:g} % of the blocks",
        showlegend=True,
    )
    figure.update_xaxes(**{**block_axis(most + 1), **_ticks(most, n_blocks)})
    figure.update_yaxes(**{**value_axis(values, logarithmic), "tickformat": "~%"})
    if not logarithmic:
        figure.update_yaxes(rangemode="tozero")
    finish(
        figure,
        title,
        f"blocks removed (number and share of {n_blocks})",
        f"retained performance{', ' + task if task else ''}",
        height=height,
    )
    if len(sweep):
        return figure
    figure.update_yaxes(range=[0, 1.05])
    return say(figure, "No cut has been evaluated yet")


def picked_point(figure: go.Figure, points: Sequence[Mapping[str, Any]]) -> tuple[str, int] | None:
    """The method and the number of blocks removed of a point of `retained_curve` that was clicked.

    points: `curve_number` and `x` of each, as plotly reports them. None for random cuts, the ring, or nothing.
    """
    for point in points:
        trace = figure.data[int(point["curve_number"])]
        if trace.customdata is not None and trace.mode == "lines+markers":
            return str(trace.name), round(float(point["x"]))
    return None
