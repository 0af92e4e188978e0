"""How sure a model was of its answers: truthful and made-up ones by their sequence probability."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from avss_core.figures.frames import need_columns
from avss_core.figures.style import PALETTE, finish, say, translucent

BINS = 20
GROUPS = {"truthful": ("truthful answers", PALETTE[0], ""), "hallucinated": ("made-up answers", PALETTE[1], "/")}


def answer_probabilities(
    answers: pd.DataFrame, *, title: str = "How sure the model was: truthful and made-up answers", height: int = 340
) -> go.Figure:
    """How many answers of each label have which sequence probability, in 20 bins of equal width, side by side.

    `answers` has one row per answer: `label` (truthful or hallucinated) and `probability` from 0 to 1, nan for an
    answer without a token, which is left out. Where the groups lie apart, the probability tells them apart. Raises
    `SettingError` for a missing column.
    """
    need_columns(answers, ("label", "probability"), "figure of the answers' probabilities")
    figure = go.Figure()
    known = answers[answers["probability"].notna()]
    edges = np.linspace(0, 1, BINS + 1)
    for label, (name, hue, pattern) in GROUPS.items():
        counts, _ = np.histogram(known.loc[known["label"] == label, "probability"], edges)
        figure.add_trace(
            go.Bar(
                x=(edges[:-1] + edges[1:]) / 2,
                y=counts,
                marker={
                    "color": translucent(hue, 0.6),
                    "line": {"color": hue, "width": 1},
                    "pattern": {"shape": pattern, "fgcolor": hue},
                },
                customdata=np.column_stack([edges[:-1], edges[1:]]),
                hovertemplate="probability %{customdata[0]:.2f} to %{customdata[1]:.2f}: %{y:d}"
                f"<extra>{name}</extra>",
                name=name,
            )
        )
    figure.update_layout(barmode="group", bargap=0.12)
    figure.update_xaxes(range=[0, 1], dtick=0.2)
    figure.update_yaxes(rangemode="tozero", tickformat="~d")
    finish(figure, title, "sequence probability (geometric mean over the answer's tokens)", "answers", height=height)
    return figure if len(known) else say(figure, "No answer has a token")
