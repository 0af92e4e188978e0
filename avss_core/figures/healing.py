"""What healing gives back: perplexity of every network, and how far each is from the whole one given the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from avss_core.figures.axes import spans_decades, value_axis
from avss_core.figures.frames import need_columns
from avss_core.figures.style import MUTED, colour, finish, say, symbol
from avss_core.readable import from_to

AIM = 1 / 0.9  # × apart at which 90 % of the performance is kept, as the papers report


def healed_bars(
    table: pd.DataFrame, log: bool | None = None, *, text: str = "held-out text", height: int = 380
) -> go.Figure:
    """Perplexity of each network with its 95 % interval, lower is better.

    `table` has `network, value, low, high, documents`, drawn in the order they come. log None: logarithmic when they
    span more than two decades. text: what they are judged on, for the title. Raises `SettingError` for a missing
    column.
    """
    need_columns(table, ("network", "value", "low", "high", "documents"), "chart of healed models")
    spread = table[["value", "low", "high"]].to_numpy(dtype=float)
    hues = [colour(index) for index in range(len(table))]
    figure = go.Figure(
        go.Bar(
            x=[_broken(network) for network in table["network"]],
            y=table["value"],
            marker={"color": hues, "opacity": 0.85},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": table["high"] - table["value"],
                "arrayminus": table["value"] - table["low"],
                "thickness": 2,
                "width": 7,
                "color": MUTED,
            },
            text=[f"{value:.4g}" for value in table["value"]],
            textposition="inside",
            insidetextanchor="start",
            textangle=0,
            customdata=table[["low", "high", "documents"]],
            hovertemplate="%{x}: %{y:.4g}<br>95 %: %{customdata[0]:.4g} to %{customdata[1]:.4g}"
            "<br>%{customdata[2]} documents<extra></extra>",
        )
    )
    figure.update_yaxes(**value_axis(spread, spans_decades(spread) if log is None else log))
    figure.update_xaxes(type="category", tickangle=0)
    finish(figure, f"Perplexity on {text}", None, "perplexity (lower is better)", height=height, legend=False)
    return figure if len(table) else say(figure, "Nothing has been healed yet")


def apart_chart(table: pd.DataFrame, *, height: int = 380) -> go.Figure:
    """× apart with its 95 % interval for each healed network, with the lines of nothing lost and of 90 % kept.

    `table` has `network, beside, apart, apart_low, apart_high`; rows without a ratio are left out. Raises
    `SettingError` for a missing column.
    """
    need_columns(table, ("network", "beside", "apart", "apart_low", "apart_high"), "chart of ratios")
    rows = table[table["apart"].notna()].iloc[::-1]
    figure = go.Figure()
    for row in rows.to_dict("records"):
        index = table["network"].tolist().index(row["network"])
        figure.add_trace(
            go.Scatter(
                x=[row["apart"]],
                y=[f"{_broken(row['network'])}<br><i>beside</i> {_broken(row['beside'])}"],
                mode="markers+text",
                text=[f"{row['apart']:.2f} ×"],
                textposition="top center",
                marker={"color": colour(index), "size": 11, "symbol": symbol(index)},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [row["apart_high"] - row["apart"]],
                    "arrayminus": [row["apart"] - row["apart_low"]],
                    "thickness": 2,
                    "width": 7,
                    "color": colour(index),
                },
                showlegend=False,
                hovertemplate=f"{row['network']}: %{{x:.3f}} × {row['beside']}<br>"
                f"95 %: {from_to(row['apart_low'], row['apart_high'], '.3f')}<extra></extra>",
            )
        )
    for at, name, dash in ((1.0, "nothing lost", "solid"), (AIM, f"90 % kept ({AIM:.2f} ×), as the papers", "dash")):
        figure.add_vline(x=at, line={"color": MUTED, "width": 1.5, "dash": dash}, name=name, showlegend=True)
    spread = rows[["apart", "apart_low", "apart_high"]].to_numpy(dtype=float)
    figure.update_xaxes(**value_axis(spread, spans_decades(spread)))
    if len(rows) and not spans_decades(spread):
        low, high = min(1.0, np.nanmin(spread)), max(AIM, np.nanmax(spread))
        figure.update_xaxes(range=[low - 0.05 * (high - low), high + 0.05 * (high - low)])
    figure.update_yaxes(type="category", showgrid=False, range=[-0.5, len(rows) - 0.4])  # room for the upper text
    finish(figure, "× apart from the unpruned model", "× its perplexity", height=height)
    return figure if len(rows) else say(figure, "Nothing has been healed yet")


def _broken(network: str) -> str:
    """A name in several lines, so that it fits beside its neighbours."""
    return network.replace(" + ", "<br>+ ")
