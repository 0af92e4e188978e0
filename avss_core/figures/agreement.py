"""How far ways of scoring blocks agree: with what removing a block does, and with each other."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from avss_core.errors import SettingError
from avss_core.figures.axes import block_axis, colourbar, spans_decades, value_axis
from avss_core.figures.frames import block_count, need_columns
from avss_core.figures.style import DIVERGING, PALETTE, SEQUENTIAL, finish, under_title

MEASURES = {"spearman": "Spearman ρ", "kendall": "Kendall τ"}


def ablation_scatter(
    points: pd.DataFrame,
    method: str,
    *,
    agreement: Mapping[str, float | None] | None = None,
    effect: str = "loss added by removing the block (nats per token)",
    height: int = 460,
) -> go.Figure:
    """A method's score (x) against what removing a block alone does (y), each point labelled with its block number.

    `points` has `block, score, ablation`. A good method's points rise from left to right. Each axis is logarithmic
    when its values are all positive and span more than two decades. `agreement` has `spearman` or `kendall` with
    `_low` and `_high`, as `importance.agreement` gives them; nan and None are left out. Raises `SettingError` for a
    missing column.
    """
    need_columns(points, ("block", "score", "ablation"), "scatter against ablation")
    figure = go.Figure(
        go.Scatter(
            x=points["score"],
            y=points["ablation"],
            mode="markers+text",
            text=points["block"].astype(str),
            textposition="top center",
            textfont={"size": 11},
            marker={"color": PALETTE[0], "size": 8, "opacity": 0.8},
            customdata=points["block"],
            hovertemplate=f"block %{{customdata}}<br>{method} = %{{x:.4g}}<br>ablation = %{{y:.4g}}<extra></extra>",
            name=method,
        )
    )
    figure.update_xaxes(**value_axis(points["score"], spans_decades(points["score"])), showgrid=True)
    figure.update_yaxes(**value_axis(points["ablation"], spans_decades(points["ablation"])))
    heading = f"{method} against single-block ablation"
    finish(figure, heading, f"{method} score", effect, height=height, legend=False)
    known = [_measured(name, agreement) for name in MEASURES if agreement and _number(agreement.get(name)) is not None]
    return under_title(figure, "; ".join(known)) if known else figure


def _measured(name: str, agreement: Mapping[str, float | None]) -> str:
    """A measure with its interval, minus signs as they are printed."""
    value, low, high = (_number(agreement.get(f"{name}{end}")) for end in ("", "_low", "_high"))
    ends = "" if low is None or high is None else f" (95 %: {low:.2f} to {high:.2f})"
    return f"{MEASURES[name]} = {value:.2f}{ends}".replace("-", "−")


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def agreement_matrix(pairs: pd.DataFrame, measure: str = "spearman", *, title: str | None = None) -> go.Figure:
    """Rank correlation between every two methods, −1 … 1, as a square of colours with the numbers in it.

    `pairs` has `a, b` and the measure (`spearman` or `kendall`), one row per pair (either order is enough, the
    diagonal is 1), and optionally `<measure>_low`, `<measure>_high` for the hover text. 1: same order of blocks; 0:
    unrelated. Raises `SettingError` for another measure or a missing column.
    """
    if measure not in MEASURES:
        raise SettingError(f"There is no agreement measure {measure!r}; choose one of {', '.join(MEASURES)}.")
    need_columns(pairs, ("a", "b", measure), "agreement matrix")
    methods = list(dict.fromkeys([*pairs["a"], *pairs["b"]]))
    place = {method: number for number, method in enumerate(methods)}
    values = np.full((len(methods), len(methods)), np.nan)
    np.fill_diagonal(values, 1.0)
    text = [[f"{a} with {b}" for b in methods] for a in methods]
    for row in pairs.to_dict("records"):
        i, j = place[row["a"]], place[row["b"]]
        values[i, j] = values[j, i] = row[measure]
        if f"{measure}_low" in row and f"{measure}_high" in row:
            ends = f"<br>95 %: {row[f'{measure}_low']:.2f} to {row[f'{measure}_high']:.2f}"
            text[i][j], text[j][i] = text[i][j] + ends, text[j][i] + ends
    figure = go.Figure(
        go.Heatmap(
            x=methods,
            y=methods,
            z=values,
            zmin=-1,
            zmax=1,
            colorscale=[list(stop) for stop in DIVERGING],
            xgap=2,
            ygap=2,
            texttemplate="%{z:.2f}",
            customdata=text,
            colorbar=colourbar(MEASURES[measure]),
            hovertemplate=f"%{{customdata}}<br>{MEASURES[measure]} = %{{z:.3f}}<br>over all blocks<extra></extra>",
        )
    )
    figure.update_xaxes(type="category", tickangle=-45)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    heading = title or f"Agreement between methods, {MEASURES[measure]}"
    return finish(figure, heading, "method", "method", height=220 + 34 * len(methods), legend=False)


def rank_heatmap(
    ranks: pd.DataFrame, *, title: str = "Rank of every block by every method", first: str = "most important"
) -> go.Figure:
    """Block (x) against method (y), coloured by rank: 1 is the block the method finds most important, or what `first`
    says of it.

    `ranks` has `block, method, rank` and optionally `score` for the hover text; methods are drawn in the order they
    come.
    """
    need_columns(ranks, ("block", "method", "rank"), "heat map of ranks")
    methods = list(dict.fromkeys(ranks["method"]))
    table = ranks.pivot(index="method", columns="block", values="rank").loc[methods].sort_index(axis=1)
    hover = "block %{x}, %{y}<br>rank %{z}"
    customdata = None
    if "score" in ranks.columns:
        customdata = (
            ranks.pivot(index="method", columns="block", values="score").loc[methods].sort_index(axis=1).to_numpy()
        )
        hover += "<br>score %{customdata:.4g}"
    count = block_count(ranks)
    figure = go.Figure(
        go.Heatmap(
            x=table.columns,
            y=methods,
            z=table.to_numpy(dtype=float),
            customdata=customdata,
            colorscale=SEQUENTIAL,
            reversescale=True,
            xgap=1,
            ygap=1,
            texttemplate="%{z:d}",
            colorbar={**colourbar(f"rank (1 = {first})"), "tickvals": [1, (count + 1) // 2, count]},
            hovertemplate=hover + "<extra></extra>",
        )
    )
    figure.update_xaxes(**{**block_axis(count), "range": [-0.5, count - 0.5]})
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    return finish(figure, title, "block", "method", height=150 + 30 * len(methods), legend=False)
