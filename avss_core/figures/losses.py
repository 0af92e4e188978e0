"""The loss of a training, step after step, of the pruned model and of the unpruned one that is given the same."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from avss_core.figures.frames import need_columns
from avss_core.figures.style import colour, dash, finish, say, symbol

PRUNED, CONTROL = "pruned model", "unpruned model, same training"
PARTS = {
    "next_token": ("Loss of the next token", "−ln p, nats per token"),
    "logits": ("Distance to the teacher's predictions", "KL, nats per token"),
    "states": ("Distance to the teacher's hidden states", "squared, relative to the teacher's"),
}


def loss_curve(
    losses: pd.DataFrame, part: str = "next_token", steps: int | None = None, *, height: int = 340
) -> go.Figure:
    """One part of the loss against the step, lower is better; each value is of that step's text, before its update.

    `losses` has `number, tokens`, and `pruned_…` and `control_…` of the part (one of `PARTS`); a column of nan only, as
    that of a control that is not trained, is not drawn. steps: so many are planned, which fixes the axis. Raises
    `SettingError` for a missing column; a frame without rows is drawn empty.
    """
    title, unit = PARTS[part]
    figure = go.Figure()
    if len(losses):
        need_columns(losses, ("number", "tokens", f"pruned_{part}", f"control_{part}"), "loss curve")
        for index, (who, name) in enumerate((("pruned", PRUNED), ("control", CONTROL))):
            values = losses[f"{who}_{part}"].astype(float)
            if values.notna().any():
                figure.add_trace(
                    go.Scatter(
                        x=losses["number"],
                        y=values,
                        customdata=losses["tokens"],
                        mode="lines+markers",
                        line={"color": colour(index), "width": 2, "dash": dash(index)},
                        marker={"color": colour(index), "size": 5, "symbol": symbol(index)},
                        name=name,
                        hovertemplate="step %{x}<br>%{y:.4g}<br>%{customdata:,} tokens<extra>" + name + "</extra>",
                    )
                )
    if steps:
        figure.update_xaxes(range=[0.5, steps + 0.5])
    figure.update_xaxes(tickformat="d")
    finish(figure, title, "step", unit, height=height)
    return figure if figure.data else say(figure, "No step has been made yet")
