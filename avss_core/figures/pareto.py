"""Which method for which budget: quality against cost, and the methods that no other beats in both."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from avss_core.figures.axes import spans_decades, value_axis
from avss_core.figures.frames import need_columns
from avss_core.figures.style import MUTED, PALETTE, finish


def pareto_methods(points: pd.DataFrame, *, higher_is_better: bool) -> list[str]:
    """The methods that no other beats: none is at most as costly and at least as good, and better in one of the two.

    `points` has `method, cost, quality`; a method whose quality is not a number is never among them. By cost.
    """
    need_columns(points, ("method", "cost", "quality"), "choice of methods by cost")
    known = points[np.isfinite(points["quality"].astype(float))].sort_values("cost", kind="stable")
    cost = known["cost"].to_numpy(dtype=float)
    quality = known["quality"].to_numpy(dtype=float) * (1 if higher_is_better else -1)
    front = []
    for at, name in enumerate(known["method"]):
        beaten = (cost <= cost[at]) & (quality >= quality[at]) & ((cost < cost[at]) | (quality > quality[at]))
        if not beaten.any():
            front.append(str(name))
    return front


def pareto_figure(
    points: pd.DataFrame,
    cost: str,
    quality: str,
    *,
    higher_is_better: bool = True,
    title: str = "Which method for which budget",
    height: int = 480,
) -> go.Figure:
    """Quality (y) against cost (x), each method a labelled point, those that no other beats joined by a line.

    `points` has `method, cost, quality` and optionally `low, high` (95 %, drawn as error bars); `cost` and `quality`
    are the axes' titles with their units. Axes are logarithmic where positive values span more than two decades.
    """
    front = pareto_methods(points, higher_is_better=higher_is_better)
    rows = points.sort_values("cost", kind="stable")
    best = rows[rows["method"].isin(front)]
    figure = go.Figure()
    figure.add_scatter(
        x=best["cost"],
        y=best["quality"],
        mode="lines",
        line={"color": MUTED, "width": 1.5, "dash": "dot", "shape": "hv"},
        name="no other method is cheaper and better",
        hoverinfo="skip",
    )
    for on_front, name, color, mark in (
        (True, "on the front", PALETTE[0], "circle"),
        (False, "beaten by another", MUTED, "circle-open"),
    ):
        some = rows[rows["method"].isin(front) == on_front]
        bars = None
        if {"low", "high"} <= set(some.columns):
            bars = {
                "type": "data",
                "symmetric": False,
                "array": (some["high"] - some["quality"]).to_numpy(dtype=float),
                "arrayminus": (some["quality"] - some["low"]).to_numpy(dtype=float),
                "thickness": 1,
                "width": 3,
            }
        figure.add_scatter(
            x=some["cost"],
            y=some["quality"],
            error_y=bars,
            mode="markers+text",
            text=some["method"],
            textposition="top center",
            textfont={"size": 11},
            marker={"color": color, "size": 9, "symbol": mark, "line": {"width": 2, "color": color}},
            name=name,
            hovertemplate=f"%{{text}}<br>{cost}: %{{x:.4g}}<br>{quality}: %{{y:.4g}}<extra></extra>",
        )
    figure.update_xaxes(**value_axis(rows["cost"], spans_decades(rows["cost"])), showgrid=True)
    figure.update_yaxes(**value_axis(rows["quality"], spans_decades(rows["quality"])))
    return finish(figure, title, cost, quality, height=height)
