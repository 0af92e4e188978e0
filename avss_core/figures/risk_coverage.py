"""Risk–coverage curve: how many answers are wrong if only the most confident ones are given?"""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from avss_core.figures.frames import need_columns
from avss_core.figures.labels import BAND
from avss_core.figures.line import band, one_entry_each
from avss_core.figures.style import MUTED, colour, dash, finish, say

_COLUMNS = ("estimator", "coverage", "risk", "risk_low", "risk_high")


def risk_coverage(
    curves: pd.DataFrame,
    accuracy: float | None = None,
    *,
    title: str = "Risk and coverage: wrong answers among the most confident",
    height: int = 440,
) -> go.Figure:
    """The share of wrong answers (risk) against the share of answers given, most confident first, with 95 % bands.

    `curves` has one row per estimator and coverage: `estimator, coverage, risk, risk_low, risk_high`, as
    `hallucination.confidence_curves.risk_coverage_table` makes it. `accuracy`, p of cov@p, draws the line at risk
    1 − p: where a curve last lies under it is cov@p. Lower is better; a curve that stays level says nothing of which
    answers are right. Raises `SettingError` for a missing column.
    """
    need_columns(curves, _COLUMNS, "risk–coverage curve")
    figure = go.Figure()
    for index, (name, rows) in enumerate(curves.groupby("estimator", sort=False)):
        rows, hue = rows.sort_values("coverage"), colour(index)
        figure.add_trace(
            band(rows["coverage"], rows["risk_low"], rows["risk_high"], hue, BAND, legendgroup=name, showlegend=False)
        )
        figure.add_trace(
            go.Scatter(
                x=rows["coverage"],
                y=rows["risk"],
                mode="lines",
                line={"color": hue, "width": 2, "dash": dash(index)},
                customdata=rows[["risk_low", "risk_high"]].to_numpy(),
                hovertemplate="the most confident %{x:.1%}: %{y:.1%} wrong"
                "<br>95 %: %{customdata[0]:.1%} to %{customdata[1]:.1%}"
                f"<extra>{name}</extra>",
                name=str(name),
                legendgroup=name,
            )
        )
    if accuracy is not None:
        figure.add_hline(
            y=1 - accuracy,
            line={"color": MUTED, "width": 1.5, "dash": "dash"},
            name=f"risk at accuracy {accuracy:.0%}",
            showlegend=True,
        )
    one_entry_each(figure)
    figure.update_xaxes(range=[0, 1.01], tickformat=".0%")
    figure.update_yaxes(range=[-0.01, 1.01], tickformat=".0%")
    finish(figure, title, "coverage (share of answers given)", "risk (share of those that is wrong)", height=height)
    return figure if len(curves) else say(figure, "No answer has a confidence yet")
