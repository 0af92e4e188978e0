"""Whether the set of lowest blocks settles as the text goes on."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from avss_core.figures.frames import need_columns
from avss_core.figures.style import MUTED, PALETTE, finish, say


def stability_curve(
    stability: pd.DataFrame,
    line: float = 0.95,
    *,
    title: str = "Is the set of lowest blocks settled?",
    height: int = 380,
) -> go.Figure:
    """Share of resamples that give the same lowest blocks, against the shards measured so far.

    `stability` has `shards, stability` (0 … 1, 1 is settled); `line` is the share at which a profile may stop.
    Raises `SettingError` for a missing column.
    """
    need_columns(stability, ("shards", "stability"), "stability curve")
    rows = stability.dropna().sort_values("shards")
    figure = go.Figure(
        go.Scatter(
            x=rows["shards"],
            y=rows["stability"],
            mode="lines+markers",
            line={"color": PALETTE[0], "width": 2},
            marker={"size": 7},
            name="same lowest blocks",
            hovertemplate="after %{x} shards<br>the same set in %{y:.1%} of resamples<extra></extra>",
        )
    )
    figure.add_hline(
        y=line, line={"color": MUTED, "width": 1.5, "dash": "dash"}, name=f"{line:.0%}: stable", showlegend=True
    )
    figure.update_yaxes(range=[0, 1.04], tickformat=".0%")
    finish(figure, title, "shards of the text", "share of resamples with the same set", height=height)
    return figure if len(rows) else say(figure, "Fewer than 4 shards say nothing yet")
