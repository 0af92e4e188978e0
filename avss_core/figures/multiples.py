"""The scores of every block, one small plot for each method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from avss_core.errors import SettingError
from avss_core.figures.axes import block_axis, spans_decades, value_axis
from avss_core.figures.frames import block_count, need_columns
from avss_core.figures.grid import finish_grid, plot_grid
from avss_core.figures.style import colour, translucent


def score_multiples(
    scores: pd.DataFrame,
    units: Mapping[str, str],
    *,
    per_row: int = 3,
    title: str = "Score of every block, higher is more important",
) -> go.Figure:
    """Small multiples: score against block, each with the 95 % band of its method where it has one.

    `scores` has `block, method, score` and optionally `low, high`; methods are drawn in the order they come. `spread`,
    also optional, is the standard deviation of what a score is the mean of: a bar about the score, which ends at 0
    where the scores cannot be negative. `units`: what the numbers of a method are, by method. An axis is logarithmic
    where positive values span more than two decades. Raises `SettingError` for a missing column or a table without
    rows.
    """
    need_columns(scores, ("block", "method", "score"), "small multiples of scores")
    methods = list(dict.fromkeys(scores["method"]))
    if not methods:
        raise SettingError("There are no scores to draw; choose at least one method.")
    count = block_count(scores)
    figure, places = plot_grid([(name, units.get(name, "")) for name in methods], per_row, 190)
    for number, (name, place) in enumerate(zip(methods, places, strict=True)):
        rows = scores[scores["method"] == name].sort_values("block")
        if {"low", "high"} <= set(rows.columns) and rows[["low", "high"]].notna().all(axis=None):
            _band(figure, rows, number, place._asdict())
        figure.add_scatter(
            x=rows["block"],
            y=rows["score"],
            mode="lines+markers",
            line={"color": colour(number), "width": 1.5},
            marker={"size": 4},
            error_y=_bars(rows, colour(number)),
            name=name,
            showlegend=False,
            hovertemplate=f"block %{{x}}<br>{name} = %{{y:.4g}}<extra></extra>",
            **place._asdict(),
        )
        figure.update_xaxes(**block_axis(count, most=8), **place._asdict())
        figure.update_yaxes(**value_axis(rows["score"], spans_decades(rows["score"]), most=4), **place._asdict())
    return finish_grid(figure, places, title, "block", legend=False)


def _bars(rows: pd.DataFrame, line_colour: str) -> dict[str, Any] | None:
    """± one standard deviation; where all scores are 0 or more, so is what they are the means of."""
    if "spread" not in rows.columns or rows["spread"].isna().all():
        return None
    down = rows["spread"].clip(upper=rows["score"]) if (rows["score"] >= 0).all() else rows["spread"]
    return {
        "type": "data",
        "symmetric": False,
        "array": rows["spread"].to_numpy(dtype=float),
        "arrayminus": down.to_numpy(dtype=float),
        "thickness": 1,
        "width": 2,
        "color": translucent(line_colour, 0.6),
    }


def _band(figure: go.Figure, rows: pd.DataFrame, number: int, at: dict[str, int]) -> None:
    for end, fill in (("high", None), ("low", "tonexty")):
        figure.add_scatter(
            x=rows["block"],
            y=rows[end],
            mode="lines",
            line={"width": 0},
            fill=fill,
            fillcolor=translucent(colour(number), 0.18),
            hoverinfo="skip",
            showlegend=False,
            **at,
        )
