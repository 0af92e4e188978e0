"""Which methods would remove the same blocks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from avss_core.errors import SettingError
from avss_core.figures.axes import colourbar
from avss_core.figures.frames import need_columns
from avss_core.figures.style import SEQUENTIAL, finish


def overlap_matrix(pairs: pd.DataFrame, n: int, n_blocks: int, *, title: str | None = None) -> go.Figure:
    """How many of the n blocks that one method removes first another removes first as well, as a square of colours.

    `pairs` has `a, b, shared`, one row per pair (either order is enough; the diagonal is n). Two random orders share
    n²/M on average, which stands in the title. Raises `SettingError` for a missing column or an n outside 1 … M.
    """
    need_columns(pairs, ("a", "b", "shared"), "overlap matrix")
    if not 1 <= n <= n_blocks:
        raise SettingError(f"The overlap of the lowest n needs an n from 1 to {n_blocks}, not {n}.")
    methods = list(dict.fromkeys([*pairs["a"], *pairs["b"]]))
    place = {method: number for number, method in enumerate(methods)}
    values = np.full((len(methods), len(methods)), np.nan)
    np.fill_diagonal(values, n)
    for a, b, shared in pairs[["a", "b", "shared"]].itertuples(index=False):
        values[place[a], place[b]] = values[place[b], place[a]] = shared
    figure = go.Figure(
        go.Heatmap(
            x=methods,
            y=methods,
            z=values,
            zmin=0,
            zmax=n,
            colorscale=SEQUENTIAL,
            xgap=2,
            ygap=2,
            texttemplate="%{z:d}",
            colorbar=colourbar("blocks shared"),
            hovertemplate=f"%{{y}} and %{{x}} share %{{z:d}} of {n} blocks<extra></extra>",
        )
    )
    figure.update_xaxes(type="category", tickangle=-45)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    heading = title or f"Overlap of the lowest {n} of {n_blocks} blocks (by chance {n * n / n_blocks:.1f})"
    return finish(figure, heading, "method", "method", height=220 + 34 * len(methods), legend=False)
