"""One statistic of one table as traces: its 95 % band, its line, and the blocks that need a remark."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from avss_core.figures.axes import raised
from avss_core.figures.labels import BAND, Statistic
from avss_core.figures.style import colour, dash, symbol, translucent

FLOORED = "flagged: S < 1/N, floored at 1/N"
OFF_AXIS = "zero or less: off the logarithmic axis"


def interval(frame: pd.DataFrame, column: str) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """`column_low` and `column_high` as arrays, or None where the table has no interval for the column in any row."""
    names = (f"{column}_low", f"{column}_high")
    if not all(name in frame.columns for name in names):
        return None
    low, high = (frame[name].to_numpy(dtype=float) for name in names)
    return (low, high) if (np.isfinite(low) & np.isfinite(high)).any() else None


def band(x: ArrayLike, low: ArrayLike, high: ArrayLike, hue: str, name: str = BAND, **more: Any) -> go.Scatter:
    """A filled band between two curves over the same x; points where an end is not finite are left out."""
    at, lower, upper = (np.asarray(values, dtype=float) for values in (x, low, high))
    known = np.isfinite(lower) & np.isfinite(upper)
    at, lower, upper = at[known], lower[known], upper[known]
    return go.Scatter(
        x=np.concatenate([at, at[::-1]]),
        y=np.concatenate([upper, lower[::-1]]),
        mode="lines",
        line={"width": 0, "color": hue},
        fill="toself",
        fillcolor=translucent(hue, 0.28),
        hoverinfo="skip",
        name=name,
        **more,
    )


def line_traces(
    frame: pd.DataFrame,
    statistic: Statistic,
    x: ArrayLike,
    *,
    index: int = 0,
    floor: float | None = None,
    name: str | None = None,
    where: str = "",
) -> list[go.Scatter]:
    """Band, line, flagged markers and markers of zeros, in that order; each only where there is something to draw.

    `x` has one position per row of `frame`; `index` chooses colour, dash and marker; `floor` is the height at which a
    logarithmic axis shows what is not above zero (None: the axis is linear); `name` is the line's when there are
    several (its band then has no entry of its own in the legend); `where` ends the hover text's first line.
    """
    values = frame[statistic.column].to_numpy(dtype=float)
    at = np.asarray(x, dtype=float)
    ends = interval(frame, statistic.column)
    hue = colour(index)

    low_high = ends if ends is not None else (np.full_like(values, np.nan), np.full_like(values, np.nan))
    details = np.column_stack([frame["block"].to_numpy(), values, *low_high])
    hover = f"block %{{customdata[0]:d}}{where}<br>{statistic.short} = %{{customdata[1]:.4g}}"
    if ends is not None:
        words = "95 %" if statistic.band == BAND else statistic.band
        hover += f"<br>{words}: %{{customdata[2]:.4g}} to %{{customdata[3]:.4g}}"
    allowed = [f"{statistic.column}_{end}" for end in ("min", "max")]
    if set(allowed) <= set(frame.columns):
        details = np.column_stack([details, frame[allowed].to_numpy(dtype=float)])
        hover += "<br>the histogram allows %{customdata[4]:.4g} to %{customdata[5]:.4g}"

    traces = []
    if ends is not None:
        low, high = (raised(end, floor) for end in ends)
        traces.append(
            band(at, low, high, hue, statistic.band, legendgroup=name or statistic.band, showlegend=name is None)
        )
    traces.append(
        go.Scatter(
            x=at,
            y=values if floor is None else np.where(values > 0, values, np.nan),
            mode="lines+markers",
            line={"color": hue, "width": 2, "dash": dash(index)},
            marker={"color": hue, "size": 6, "symbol": symbol(index)},
            customdata=details,
            hovertemplate=f"{hover}<extra>{name or ''}</extra>",
            name=name or statistic.name,
            legendgroup=name or statistic.column,
        )
    )
    flagged = frame["floored"].to_numpy(dtype=bool) if "floored" in frame.columns else np.zeros(len(values), dtype=bool)
    zero = (values <= 0) & (floor is not None)
    for marked, label, mark in ((flagged, FLOORED, "x-thin"), (zero, OFF_AXIS, "triangle-down-open")):
        if marked.any():
            traces.append(
                go.Scatter(
                    x=at[marked],
                    y=raised(values[marked], floor),
                    mode="markers",
                    marker={"symbol": mark, "size": 11, "color": hue, "line": {"width": 2, "color": hue}},
                    customdata=details[marked],
                    hovertemplate=f"{hover}<br>{label}<extra>{name or ''}</extra>",
                    name=label,
                    legendgroup=label,
                )
            )
    return traces


def one_entry_each(figure: go.Figure, hidden: tuple[str, ...] = ()) -> None:
    """Keep one entry in the legend for traces of the same name, and none for the names in `hidden`."""
    seen = set(hidden)
    for trace in figure.data:
        if trace.showlegend is not False:
            trace.showlegend = trace.name not in seen
            seen.add(trace.name)
