"""Blocks against statistics, and blocks against features, as colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from avss_core.figures.axes import block_axis, colourbar, log_colourbar, spans_decades
from avss_core.figures.frames import block_count, need_columns
from avss_core.figures.labels import STATISTICS, Statistic, statistic_of
from avss_core.figures.style import SEQUENTIAL, finish

_SEPARATE = 32  # beyond this many blocks gaps between columns would take more room than the colours


def scaled(values: ArrayLike) -> tuple[NDArray[np.float64], bool]:
    """Values brought to 0 … 1 over blocks, and whether their logarithm was taken first (they span more than two
    decades).

    With the logarithm a zero is put at the smallest positive value. Values that are all equal become 0.5. NaN stays
    NaN.
    """
    numbers = np.asarray(values, dtype=float)
    logarithmic = spans_decades(numbers, zeros=True)
    if logarithmic:
        smallest = numbers[numbers > 0].min()
        numbers = np.log10(np.where(numbers < smallest, smallest, numbers))
    known = numbers[np.isfinite(numbers)]
    if known.size == 0 or known.max() == known.min():
        return np.where(np.isfinite(numbers), 0.5, np.nan), logarithmic
    return (numbers - known.min()) / (known.max() - known.min()), logarithmic


def statistics_heatmap(
    scores: pd.DataFrame,
    columns: Sequence[str | Statistic] | None = None,
    *,
    title: str = "All statistics by block",
) -> go.Figure:
    """Block (x) against statistic (y), each statistic scaled to 0 … 1 over blocks, like figure 1 of the AVSS paper.

    `scores` has one row per block; `columns` None takes every statistic the table has. A statistic that spans more
    than two decades is scaled by its logarithm and says so beside its name. The hover text gives the block and the
    true value.
    """
    if columns is None:
        statistics = [statistic for statistic in STATISTICS if statistic.column in scores.columns]
    else:
        statistics = [statistic_of(column) for column in columns]
    need_columns(scores, ("block", *(statistic.column for statistic in statistics)), "heat map of statistics")
    rows = scores.sort_values("block")
    shades, true, names = [], [], []
    for statistic in statistics:
        values = rows[statistic.column].to_numpy(dtype=float)
        shade, logarithmic = scaled(values)
        shades.append(shade)
        true.append(values)
        names.append(f"{statistic.short} (log)" if logarithmic else statistic.short)

    figure = go.Figure(
        go.Heatmap(
            x=rows["block"],
            y=names,
            z=np.array(shades),
            customdata=np.array(true),
            zmin=0,
            zmax=1,
            colorscale=SEQUENTIAL,
            xgap=1 if len(rows) <= _SEPARATE else 0,
            ygap=1,
            colorbar={**colourbar("lowest to highest block"), "tickvals": [0, 0.5, 1]},
            hovertemplate="block %{x}<br>%{y}: %{customdata:.4g}<br>scaled: %{z:.2f}<extra></extra>",
        )
    )
    count = max(block_count(rows), 1)
    figure.update_xaxes(**{**block_axis(count), "range": [-0.5, count - 0.5]})
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return finish(figure, title, "block", "statistic", height=130 + 26 * len(statistics), legend=False)


def feature_heatmap(features: pd.DataFrame, column: str | Statistic, *, title: str | None = None) -> go.Figure:
    """Feature (x) against block (y) for one statistic.

    `features` has `block`, `feature` and the column, one row per pair; pairs that are not there stay empty. Colours
    follow the logarithm when the positive values span more than two decades; the hover text gives the true value.
    """
    statistic = statistic_of(column)
    need_columns(features, ("block", "feature", statistic.column), "heat map of features")
    table = features.pivot(index="block", columns="feature", values=statistic.column).sort_index().sort_index(axis=1)
    values = table.to_numpy(dtype=float)
    logarithmic = spans_decades(values, zeros=True)
    if logarithmic:
        smallest = values[values > 0].min()
        shades = np.log10(np.where(values < smallest, smallest, values))
    else:
        shades = values
    figure = go.Figure(
        go.Heatmap(
            x=table.columns,
            y=table.index,
            z=shades,
            customdata=values,
            colorscale=SEQUENTIAL,
            colorbar=log_colourbar(shades, statistic.axis) if logarithmic else colourbar(statistic.axis),
            hovertemplate=f"block %{{y}}, feature %{{x}}<br>{statistic.short} = %{{customdata:.4g}}<extra></extra>",
        )
    )
    count = max(block_count(features), 1)
    figure.update_yaxes(**{**block_axis(count), "range": [count - 0.5, -0.5]}, showgrid=False)
    heading = title or f"{statistic.short} by block and feature"
    return finish(figure, heading, "feature", "block", height=170 + 10 * max(count, 16), legend=False)
