"""Does a pruned model make less up? The change that is predicted against the change that is measured."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from avss_core.figures.frames import need_columns
from avss_core.figures.style import MUTED, PALETTE, finish, say

CHOSEN, RANDOM = "chosen", "random"
_LOOKS = {CHOSEN: ("the chosen cut", PALETTE[1], "star", 17), RANDOM: ("random cuts of its size", MUTED, "circle", 9)}
_CHANGES = ("h_change", "h_change_low", "h_change_high", "rate_change", "rate_change_low", "rate_change_high")


def honesty_scatter(
    changes: pd.DataFrame,
    *,
    title: str = "Pruning for honesty: predicted and measured change",
    height: int = 440,
) -> go.Figure:
    """ΔH of every cut (across) against the change of the measured hallucination rate (up), with 95 % intervals.

    `changes` has one row per cut: `which` (chosen or random), `removed` (for the hover text), and `h_change`,
    `rate_change` with `…_low` and `…_high`, as `hallucination.honesty.honesty_table` makes them. Both are
    after − before and lower is better, so the prediction is right where cuts lie along a rising line, and a cut helps
    where it lies below 0 on the upright axis. Raises `SettingError` for a missing column.
    """
    need_columns(changes, ("which", "removed", *_CHANGES), "figure of pruning for honesty")
    figure = go.Figure()
    for which in (RANDOM, CHOSEN):
        rows = changes[changes["which"] == which]
        if rows.empty:
            continue
        name, hue, mark, size = _LOOKS[which]
        figure.add_trace(
            go.Scatter(
                x=rows["h_change"],
                y=rows["rate_change"],
                mode="markers",
                marker={"color": hue, "symbol": mark, "size": size},
                error_x=_interval(rows, "h_change", hue),
                error_y=_interval(rows, "rate_change", hue),
                customdata=[[" ".join(map(str, removed))] for removed in rows["removed"]],
                hovertemplate="without %{customdata[0]}<br>ΔH = %{x:+.3g}, rate %{y:+.1%}" + f"<extra>{name}</extra>",
                name=name,
            )
        )
    figure.add_hline(y=0, line={"color": MUTED, "width": 1, "dash": "dash"})
    figure.add_vline(x=0, line={"color": MUTED, "width": 1, "dash": "dash"})
    figure.update_yaxes(tickformat="+.0%")
    figure.update_xaxes(exponentformat="power")
    finish(
        figure,
        title,
        "ΔH: change of the model's propensity (activation², our reading)",
        "change of the measured hallucination rate",
        height=height,
    )
    return figure if len(changes) else say(figure, "No pruned model has been asked yet")


def _interval(rows: pd.DataFrame, column: str, hue: str) -> dict[str, object]:
    return {
        "type": "data",
        "symmetric": False,
        "color": hue,
        "thickness": 1.2,
        "width": 4,
        "array": (rows[f"{column}_high"] - rows[column]).to_numpy(),
        "arrayminus": (rows[column] - rows[f"{column}_low"]).to_numpy(),
    }
