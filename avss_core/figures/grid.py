"""Small multiples: several plots in one figure, each under its own two-line heading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from avss_core.figures.style import finish

_HEADING = 30  # pixels of a two-line heading
_BETWEEN = 74  # pixels between two rows of plots: tick labels of the upper, heading of the lower
_AROUND = 140  # pixels of the figure's title, legend and lowest axis title


class Place(NamedTuple):
    """Where a plot is in its grid, counted from 1 as plotly does."""

    row: int
    col: int


def plot_grid(headings: Sequence[tuple[str, str]], per_row: int, row_height: int) -> tuple[go.Figure, list[Place]]:
    """An empty figure with one plot per heading (what, unit) in rows of `per_row`, and the plots' places.

    The unit stands under the heading and not beside the axis: at a third of a narrow page there is no room there.
    """
    across = max(1, min(per_row, len(headings)))
    down = max(1, -(-len(headings) // across))
    inner = row_height * down
    figure = make_subplots(
        rows=down,
        cols=across,
        subplot_titles=[
            f"{what}<br><span style='font-size:11px'>{unit}</span>" if unit else what for what, unit in headings
        ],
        horizontal_spacing=0.3 / across,
        vertical_spacing=_BETWEEN / inner,
    )
    figure.update_layout(height=inner + _AROUND)
    return figure, [Place(index // across + 1, index % across + 1) for index in range(len(headings))]


def finish_grid(figure: go.Figure, places: Sequence[Place], title: str, x: str, *, legend: bool = True) -> go.Figure:
    """The shared look for a grid; the x axis is named where there is no plot below."""
    finish(figure, title, height=figure.layout.height, legend=legend)
    # The headings of the first row lie over the plotting area, where the legend does not see them: make room inside.
    shrink = 1 - _HEADING / (figure.layout.height - _AROUND + _HEADING)
    figure.for_each_yaxis(lambda axis: axis.update(domain=[end * shrink for end in axis.domain]))
    figure.for_each_annotation(lambda heading: heading.update(y=heading.y * shrink, font={"size": 13}))
    taken = set(places)
    for place in places:
        if Place(place.row + 1, place.col) not in taken:
            figure.update_xaxes(title_text=x, row=place.row, col=place.col)
    return figure
