"""One statistic by block, alone or as small multiples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from avss_core.errors import SettingError
from avss_core.figures.axes import block_axis, log_floor, spans_decades, value_axis
from avss_core.figures.frames import block_count, need_columns
from avss_core.figures.grid import finish_grid, plot_grid
from avss_core.figures.labels import Statistic, statistic_of
from avss_core.figures.line import line_traces, one_entry_each
from avss_core.figures.style import SHADE, finish, say

WAITING = "waiting for the first values …"


def stretches(blocks: Iterable[int]) -> list[tuple[int, int]]:
    """Neighbouring blocks joined: {3, 4, 5, 9} becomes [(3, 5), (9, 9)]."""
    joined: list[tuple[int, int]] = []
    for block in sorted(set(blocks)):
        if joined and block == joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], block)
        else:
            joined.append((block, block))
    return joined


def shade_blocks(figure: go.Figure, blocks: Iterable[int], name: str = "removed", **where: Any) -> None:
    """Shade blocks behind the curves of a figure whose x axis is block numbers, with one entry in the legend."""
    for turn, (first, last) in enumerate(stretches(blocks)):
        figure.add_vrect(
            x0=first - 0.5,
            x1=last + 0.5,
            fillcolor=SHADE,
            line_width=0,
            layer="below",
            name=name,
            legendgroup=name,
            showlegend=turn == 0,
            **where,
        )


def block_curve(
    scores: pd.DataFrame,
    column: str | Statistic,
    log: bool | None = None,
    *,
    removed: Iterable[int] = (),
    n_blocks: int | None = None,
    title: str | None = None,
    height: int = 380,
) -> go.Figure:
    """One statistic against the 0-based block number, with its 95 % band where the table has one.

    `scores` has one row per block: `block`, the column, and where known `<column>_low`, `<column>_high`,
    `<column>_min`, `<column>_max` (what a histogram leaves open: in the hover text), `floored` (blocks whose sparsity
    was below 1/N get a cross and an entry in the legend). `log` None chooses: logarithmic when the
    positive values span more than two decades and none is negative; a zero is then drawn as a triangle under the
    smallest value. `removed` blocks are shaded. The x axis shows `n_blocks` (default: those of the table). Raises
    `SettingError` for an unknown statistic or a missing column.
    """
    statistic = statistic_of(column)
    need_columns(scores, ("block", statistic.column), "block curve")
    count = block_count(scores, n_blocks)
    rows = scores.sort_values("block")
    values = rows[statistic.column].to_numpy(dtype=float)
    logarithmic = spans_decades(values, zeros=True) if log is None else log

    figure = go.Figure(line_traces(rows, statistic, rows["block"], floor=log_floor(values) if logarithmic else None))
    shade_blocks(figure, removed)
    figure.update_xaxes(**block_axis(count))
    figure.update_yaxes(**value_axis(values, logarithmic))
    finish(figure, title or statistic.title, "block", statistic.axis, height=height)
    figure.update_layout(showlegend=len(figure.data) + len(figure.layout.shapes) > 1)
    return figure if len(rows) else say(figure, WAITING)


def curve_grid(
    scores: pd.DataFrame,
    columns: Sequence[str | Statistic],
    *,
    n_blocks: int | None = None,
    per_row: int = 3,
    log: Mapping[str, bool] | None = None,
    title: str = "Statistics by block",
    row_height: int = 210,
) -> go.Figure:
    """Small multiples, one statistic each, for the view of a running profile.

    The x axes show `n_blocks` from the start, so that nothing jumps while shards arrive; `log` fixes an axis by
    column name where it should not be chosen anew. An empty table gives the empty axes. Otherwise like
    `block_curve`.
    """
    statistics = [statistic_of(column) for column in columns]
    if not statistics:
        raise SettingError("A grid of curves needs at least one statistic; choose one.")
    need_columns(scores, ("block", *(statistic.column for statistic in statistics)), "grid of curves")
    count = block_count(scores, n_blocks)
    rows = scores.sort_values("block")
    figure, places = plot_grid([(statistic.short, statistic.unit) for statistic in statistics], per_row, row_height)
    for statistic, place in zip(statistics, places, strict=True):
        at = place._asdict()
        values = rows[statistic.column].to_numpy(dtype=float)
        fixed = (log or {}).get(statistic.column)
        logarithmic = spans_decades(values, zeros=True) if fixed is None else fixed
        for trace in line_traces(rows, statistic, rows["block"], floor=log_floor(values) if logarithmic else None):
            figure.add_trace(trace, **at)
        figure.update_xaxes(**block_axis(count, most=8), **at)
        figure.update_yaxes(**value_axis(values, logarithmic, most=4), **at)
    # The headings name the lines, so the legend is left to what they share.
    one_entry_each(figure, hidden=tuple(statistic.name for statistic in statistics))
    finish_grid(figure, places, f"{title}: {WAITING}" if rows.empty else title, "block")
    if rows.empty:
        figure.update_yaxes(range=[0, 1], showticklabels=False)
    return figure
