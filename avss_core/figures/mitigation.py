"""Contrastive training in pictures: its losses while it goes, and what it changed on held-out questions."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from avss_core.figures.frames import need_columns
from avss_core.figures.grid import finish_grid, plot_grid
from avss_core.figures.style import MUTED, colour, dash, finish, say, symbol

CURVES = {
    "contrast": ("Contrastive loss (InfoNCE)", "nats, lower is better"),
    "language": ("Loss of the next token", "nats per token, lower is better"),
    "margin": ("Margin between the kinds", "difference of cosines, higher is better"),
}
EFFECT_COLUMNS = ("training", "change", "low", "high")


def contrast_losses(curves: Mapping[str, pd.DataFrame], steps: int, *, row_height: int = 220) -> go.Figure:
    """Both losses and the margin against the step, a line for each training by its name.

    Each frame has `number` and the columns of `CURVES`, values before the step's update; empty ones are left out.
    steps: so many are planned, which fixes the axes. Raises `SettingError` for a missing column.
    """
    figure, places = plot_grid(list(CURVES.values()), 3, row_height)
    for index, (name, rows) in enumerate(curves.items()):
        if rows.empty:
            continue
        need_columns(rows, ("number", *CURVES), "contrastive losses")
        for at, (column, place) in enumerate(zip(CURVES, places, strict=True)):
            figure.add_scatter(
                x=rows["number"],
                y=rows[column],
                mode="lines+markers",
                line={"color": colour(index), "width": 1.5, "dash": dash(index)},
                marker={"size": 4, "symbol": symbol(index)},
                name=name,
                legendgroup=name,
                showlegend=at == 0,
                hovertemplate="step %{x}<br>%{y:.4g}<extra>" + name + "</extra>",
                **place._asdict(),
            )
    for place in places:
        figure.update_xaxes(range=[0.5, steps + 0.5], tickformat="d", **place._asdict())
    return finish_grid(figure, places, "Contrastive training, step by step", "step")


def mitigation_effect(rows: pd.DataFrame, *, height: int = 320) -> go.Figure:
    """Change of the hallucination rate on held-out questions, in percentage points, one point for each training.

    `rows` has `EFFECT_COLUMNS`, the numbers as shares; the bars are 95 % intervals over questions in pairs. Left of 0
    is better; an interval that holds 0 is a change that chance gives as well. Raises `SettingError` for a missing
    column.
    """
    need_columns(rows, EFFECT_COLUMNS, "effect of the training")
    change, low, high = (100 * rows[name].astype(float) for name in EFFECT_COLUMNS[1:])
    figure = go.Figure(
        go.Scatter(
            x=change,
            y=rows["training"],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": high - change,
                "arrayminus": change - low,
                "thickness": 2,
                "width": 6,
            },
            mode="markers",
            marker={"size": 10, "color": colour(0)},
            hovertemplate="%{y}<br>%{x:+.1f} points<extra></extra>",
        )
    )
    figure.add_vline(x=0, line={"color": MUTED, "dash": "dot"})
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    figure.update_xaxes(showgrid=True)
    title = "Change of the hallucination rate by the training"
    finish(figure, title, "percentage points, left is better", "blocks that learn", height=height, legend=False)
    return figure if len(rows) else say(figure, "No training has finished yet")
