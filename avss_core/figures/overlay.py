"""Several score tables on one pair of axes: two models, two corpora, two sites."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from avss_core.errors import SettingError
from avss_core.figures.axes import block_axis, log_floor, spans_decades, value_axis
from avss_core.figures.frames import block_count, need_columns
from avss_core.figures.labels import Statistic, statistic_of
from avss_core.figures.line import line_traces, one_entry_each
from avss_core.figures.style import finish


def overlay(
    tables: Mapping[str, pd.DataFrame],
    column: str | Statistic,
    log: bool | None = None,
    *,
    title: str | None = None,
    height: int = 420,
) -> go.Figure:
    """One statistic of several score tables, a line each, named by the mapping's keys.

    When all tables have the same number of blocks the x axis is the block number, otherwise the depth block /
    (blocks − 1), so that 0 is every model's first block and 1 its last; the hover text names the block either way.
    Bands, flagged blocks and the choice of a logarithmic axis (over all tables together) are those of `block_curve`.
    Raises `SettingError` when there is no table, for an unknown statistic or a missing column.
    """
    statistic = statistic_of(column)
    if not tables:
        raise SettingError("The overlay needs at least one score table; choose a run.")
    for name, table in tables.items():
        need_columns(table, ("block", statistic.column), f"overlay ({name})")
    counts = {name: block_count(table) for name, table in tables.items()}
    normalised = len(set(counts.values())) > 1
    values = np.concatenate([table[statistic.column].to_numpy(dtype=float) for table in tables.values()])
    logarithmic = spans_decades(values, zeros=True) if log is None else log
    floor = log_floor(values) if logarithmic else None

    figure = go.Figure()
    for index, (name, table) in enumerate(tables.items()):
        rows = table.sort_values("block")
        x = rows["block"].to_numpy(dtype=float)
        if normalised:
            x = x / max(counts[name] - 1, 1)
        where = f" of {counts[name]}" if normalised else ""
        figure.add_traces(line_traces(rows, statistic, x, index=index, floor=floor, name=name, where=where))
    one_entry_each(figure)
    if normalised:
        figure.update_xaxes(range=[-0.02, 1.02], dtick=0.1, tickformat=".1f")
    else:
        figure.update_xaxes(**block_axis(max(counts.values())))
    figure.update_yaxes(**value_axis(values, logarithmic))
    x_title = "depth: block / (blocks − 1)" if normalised else "block"
    return finish(figure, title or statistic.title, x_title, statistic.axis, height=height)
