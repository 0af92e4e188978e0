"""The course of a search: what the task is worth after every step, what was tried and put back, what may be lost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from avss_core.figures.axes import spans_decades, tick_step, value_axis
from avss_core.figures.frames import need_columns
from avss_core.figures.labels import BAND
from avss_core.figures.line import band
from avss_core.figures.style import MUTED, PALETTE, finish, say

COLUMNS = ("number", "decision", "value", "low", "high", "attempt", "drop", "delta", "retained", "blocks")
STANDING = "as it stands after the step"
PUT_BACK = "tried and put back"
BOUND = "bound of the step: before it, and δ more lost"
HELD_OUT = "the same cuts on held-out text"
_REMOVED = "removed"


def bound_of(steps: pd.DataFrame, higher_is_better: bool) -> pd.Series:
    """The value that a step's attempt must not pass: P(M_i) − δ where higher is better, P(M_i) + δ where lower is.

    P(M_i), from before the step, is the attempt with its drop undone; nan where the search has no δ.
    """
    attempt, drop, delta = (pd.to_numeric(steps[name]) for name in ("attempt", "drop", "delta"))
    return attempt + drop - delta if higher_is_better else attempt - drop + delta


def steps_figure(
    steps: pd.DataFrame,
    held_out: pd.DataFrame | None = None,
    *,
    unpruned: float,
    metric: str,
    higher_is_better: bool,
    title: str = "Step by step",
    height: int = 420,
) -> go.Figure:
    """Performance after every step of a search with its 95 % interval; steps that were put back are crossed out.

    `steps` is `steps_table` of a search, with the columns `COLUMNS`; its δ, where there is one, is drawn as the bound
    of each step. `held_out` has `number, value, low, high`: the cuts after the steps, on text that the search did not
    measure on. `unpruned`: the performance of the whole model on the text of the search. The axis is logarithmic where
    values span two decades. Raises `SettingError` for a missing column.
    """
    need_columns(steps, COLUMNS, "figure of a search")
    rows = steps.sort_values("number")
    figure = go.Figure()
    figure.add_trace(band(rows["number"], rows["low"], rows["high"], PALETTE[0], BAND, showlegend=False))
    figure.add_trace(_standing(rows, metric))
    back = rows[rows["decision"] != _REMOVED]
    if len(back):
        figure.add_trace(_put_back(back, metric))
    bound = bound_of(rows, higher_is_better)
    if bound.notna().any():
        figure.add_trace(_bound(rows["number"], bound))
    if held_out is not None and len(held_out):
        need_columns(held_out, ("number", "value", "low", "high"), "held-out part of the figure of a search")
        figure.add_trace(_held_out(held_out.sort_values("number"), metric))
    figure.add_hline(
        y=unpruned, line={"color": MUTED, "width": 1.5, "dash": "dash"}, name="the whole model", showlegend=True
    )
    most = int(rows["number"].max()) if len(rows) else 1
    values = np.concatenate([rows["value"].to_numpy(dtype=float), back["attempt"].to_numpy(dtype=float), [unpruned]])
    figure.update_xaxes(tickmode="linear", tick0=tick_step(most), dtick=tick_step(most), range=[0.4, most + 0.6])
    figure.update_yaxes(**value_axis(values, spans_decades(values)))
    better = "higher" if higher_is_better else "lower"
    finish(figure, title, "step", f"{metric} ({better} is better)", height=height)
    return figure if len(rows) else say(figure, "waiting for the first step …")


def _standing(rows: pd.DataFrame, metric: str) -> go.Scatter:
    return go.Scatter(
        x=rows["number"],
        y=rows["value"],
        mode="lines+markers",
        line={"color": PALETTE[0], "width": 2},
        marker={"size": 8, "symbol": ["circle" if d == _REMOVED else "circle-open" for d in rows["decision"]]},
        customdata=np.column_stack([rows["decision"], rows["blocks"], rows["retained"], rows["low"], rows["high"]]),
        hovertemplate=f"step %{{x}}: %{{customdata[0]}}<br>{metric} %{{y:.4g}}"
        "<br>95 %: %{customdata[3]:.4g} to %{customdata[4]:.4g}<br>retained %{customdata[2]:.1%}"
        "<br>without blocks %{customdata[1]}<extra></extra>",
        name=STANDING,
    )


def _put_back(rows: pd.DataFrame, metric: str) -> go.Scatter:
    candidates = ["?" if pd.isna(block) else str(int(block)) for block in _candidates(rows)]
    return go.Scatter(
        x=rows["number"],
        y=rows["attempt"],
        mode="markers",
        marker={"size": 10, "symbol": "x", "color": PALETTE[1]},
        customdata=np.column_stack([candidates, rows["drop"]]),
        hovertemplate=f"step %{{x}}: block %{{customdata[0]}} put back<br>without it {metric} %{{y:.4g}}"
        "<br>drop %{customdata[1]:.4g}<extra></extra>",
        name=PUT_BACK,
    )


def _candidates(rows: pd.DataFrame) -> pd.Series:
    return rows["candidate"] if "candidate" in rows.columns else pd.Series(np.nan, index=rows.index)


def _bound(numbers: pd.Series, bound: pd.Series) -> go.Scatter:
    return go.Scatter(
        x=numbers,
        y=bound,
        mode="lines",
        line={"color": PALETTE[1], "width": 1.5, "dash": "dot", "shape": "hvh"},
        hovertemplate="step %{x}: bound %{y:.4g}<extra></extra>",
        name=BOUND,
    )


def _held_out(rows: pd.DataFrame, metric: str) -> go.Scatter:
    value, low, high = (rows[name].to_numpy(dtype=float) for name in ("value", "low", "high"))
    return go.Scatter(
        x=rows["number"],
        y=value,
        mode="lines+markers",
        line={"color": PALETTE[2], "width": 2, "dash": "dash"},
        marker={"size": 7, "symbol": "diamond"},
        error_y={"type": "data", "symmetric": False, "array": high - value, "arrayminus": value - low, "thickness": 1},
        hovertemplate=f"step %{{x}}, held out: {metric} %{{y:.4g}}<extra></extra>",
        name=HELD_OUT,
    )
