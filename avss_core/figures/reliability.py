"""Reliability diagram: is an answer given with confidence 0.7 right in 70 % of cases?"""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from avss_core.figures.frames import need_columns
from avss_core.figures.style import MUTED, colour, dash, finish, pattern, say, symbol, translucent

IDEAL = "perfectly calibrated"
_COLUMNS = ("estimator", "low", "high", "confidence", "accuracy", "accuracy_low", "accuracy_high", "n")


def reliability_diagram(
    bins: pd.DataFrame, *, title: str = "Reliability: confidence against accuracy", height: int = 520
) -> go.Figure:
    """Accuracy against mean confidence for each bin, with 95 % intervals, and below how many answers are in each bin.

    `bins` has one row per estimator and bin that has answers: `estimator, low, high` (the bin's edges),
    `confidence, accuracy, accuracy_low, accuracy_high, n`, as `hallucination.confidence_curves.reliability_table` makes
    it. A point above the diagonal is too modest, one below too sure. Raises `SettingError` for a missing column.
    """
    need_columns(bins, _COLUMNS, "reliability diagram")
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.74, 0.26], vertical_spacing=0.06)
    figure.add_trace(
        go.Scatter(
            x=[0, 1],
            y=[0, 1],
            mode="lines",
            line={"color": MUTED, "width": 1.5, "dash": "dash"},
            hoverinfo="skip",
            name=IDEAL,
        ),
        row=1,
        col=1,
    )
    for index, (name, rows) in enumerate(bins.groupby("estimator", sort=False)):
        figure.add_trace(_points(str(name), rows.sort_values("confidence"), index), row=1, col=1)
        figure.add_trace(_counts(str(name), rows, index), row=2, col=1)
    figure.update_xaxes(range=[-0.02, 1.02], dtick=0.2)
    figure.update_yaxes(range=[-0.02, 1.02], dtick=0.2, title_text="accuracy (share right)", row=1, col=1)
    figure.update_yaxes(rangemode="tozero", nticks=4, tickformat="~d", title_text="answers", row=2, col=1)
    finish(figure, title, height=height)
    figure.update_layout(barmode="group", bargap=0.08)
    figure.update_xaxes(title_text="confidence (mean of the bin)", row=2, col=1)
    return figure if len(bins) else say(figure, "No answer has a confidence yet")


def _points(name: str, rows: pd.DataFrame, index: int) -> go.Scatter:
    hue = colour(index)
    return go.Scatter(
        x=rows["confidence"],
        y=rows["accuracy"],
        mode="lines+markers",
        line={"color": hue, "width": 2, "dash": dash(index)},
        marker={"color": hue, "size": 7, "symbol": symbol(index)},
        error_y={
            "type": "data",
            "symmetric": False,
            "thickness": 1.2,
            "width": 3,
            "color": hue,
            "array": (rows["accuracy_high"] - rows["accuracy"]).to_numpy(),
            "arrayminus": (rows["accuracy"] - rows["accuracy_low"]).to_numpy(),
        },
        customdata=rows[["low", "high", "n", "accuracy_low", "accuracy_high"]].to_numpy(),
        hovertemplate="bin %{customdata[0]:.3f} to %{customdata[1]:.3f}, %{customdata[2]:d} answers"
        "<br>confidence %{x:.3f}, accuracy %{y:.3f}<br>95 %: %{customdata[3]:.3f} to %{customdata[4]:.3f}"
        f"<extra>{name}</extra>",
        name=name,
        legendgroup=name,
    )


def _counts(name: str, rows: pd.DataFrame, index: int) -> go.Bar:
    hue = colour(index)
    return go.Bar(
        x=(rows["low"] + rows["high"]) / 2,
        y=rows["n"],
        marker={
            "color": translucent(hue, 0.55),
            "line": {"color": hue, "width": 1},
            "pattern": {"shape": pattern(index), "fgcolor": hue},
        },
        customdata=rows[["low", "high"]].to_numpy(),
        hovertemplate=f"bin %{{customdata[0]:.3f}} to %{{customdata[1]:.3f}}: %{{y:d}} answers<extra>{name}</extra>",
        name=name,
        legendgroup=name,
        showlegend=False,
    )
