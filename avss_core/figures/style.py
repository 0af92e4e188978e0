"""The look that all figures share: colours, fonts, margins, where the title and the legend go.

Backgrounds are transparent and greys are of middle lightness, so that a figure can be read on a light and on a dark
page without knowing which it is on. Every colour of `PALETTE` has a contrast of at least 3 : 1 against both, and
neighbours stay apart for red-, green- and blue-blind eyes; lines differ by dash and marker as well, never by colour
alone.
"""

from __future__ import annotations

import textwrap

import plotly.graph_objects as go

PALETTE = ("#2f7fd0", "#d4700f", "#1e7655", "#b5459c", "#2aa3a8", "#5f4bd8", "#c42f3c")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
PATTERNS = ("", "/", "x", ".", "\\", "-", "+", "|")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "pentagon", "star", "hexagon")

TEXT = "#757b87"
GRID = "rgba(128, 136, 150, 0.22)"
AXIS = "rgba(128, 136, 150, 0.65)"
MUTED = "#7d8592"
SHADE = "rgba(128, 136, 150, 0.22)"
CLEAR = "rgba(0, 0, 0, 0)"

SEQUENTIAL = "Cividis"
DIVERGING = ((0.0, "#b35806"), (0.25, "#f1a340"), (0.5, "#f2f2f2"), (0.75, "#6ea6d8"), (1.0, "#225ea8"))

_TITLE_LINE = 22  # pixels a line of the title takes
_TITLE_TOP = 10
_TITLE_WIDTH = 62  # characters after which a title is broken, so that it fits 600 pixels
_NOTE_WIDTH = 84  # of the smaller letters under it
_LETTER = 7.2  # pixels of a letter of an axis's title
_BELOW = 60  # pixels under the plot, at least
_SHORTEST = 16  # letters of a line of it, at least


def colour(index: int) -> str:
    """The colour of the trace with this number; the palette is used in a circle."""
    return PALETTE[index % len(PALETTE)]


def dash(index: int) -> str:
    """The dash of the line with this number."""
    return DASHES[index % len(DASHES)]


def symbol(index: int) -> str:
    """The marker of the trace with this number."""
    return SYMBOLS[index % len(SYMBOLS)]


def pattern(index: int) -> str:
    """The pattern that the bars of the trace with this number are filled with."""
    return PATTERNS[index % len(PATTERNS)]


def translucent(hex_colour: str, alpha: float) -> str:
    """`#rrggbb` with an opacity between 0 and 1, as plotly writes it."""
    red, green, blue = (int(hex_colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {alpha:g})"


def _template() -> go.layout.Template:
    axis = {
        "gridcolor": GRID,
        "linecolor": AXIS,
        "zerolinecolor": AXIS,
        "tickcolor": AXIS,
        "showline": True,
        "ticks": "outside",
        "ticklen": 4,
        "zeroline": False,
        "automargin": True,
        "title": {"standoff": 10, "font": {"size": 13}},
        "tickfont": {"size": 12},
    }
    return go.layout.Template(
        layout={
            "font": {"family": "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif", "size": 13, "color": TEXT},
            "title": {"font": {"size": 16}},
            "colorway": list(PALETTE),
            "paper_bgcolor": CLEAR,
            "plot_bgcolor": CLEAR,
            "xaxis": {**axis, "showgrid": False},
            "yaxis": {**axis, "showgrid": True},
            "hoverlabel": {"align": "left", "bgcolor": "#1d2733", "font": {"color": "#f3f5f8", "size": 12}},
            "modebar": {"bgcolor": CLEAR, "color": MUTED, "activecolor": PALETTE[0]},
            "coloraxis": {"colorbar": {"outlinewidth": 0, "thickness": 14}},
        }
    )


TEMPLATE = _template()


def finish(
    figure: go.Figure,
    title: str,
    x: str | None = None,
    y: str | None = None,
    *,
    height: int = 380,
    legend: bool = True,
) -> go.Figure:
    """Give a figure its title, its axis titles (None: left as they are) and the shared look; returns the same figure.

    The legend hangs under the title and above the plot; it reserves its own room, so however often it wraps on a
    narrow page it pushes the plot down and covers neither data nor title. Title, legend and margins are set on the
    figure and not in the template, since a page's theme may replace the template's.
    """
    lines = [line for part in title.split("\n") for line in textwrap.wrap(part, _TITLE_WIDTH)] or [""]
    head = _TITLE_TOP + _TITLE_LINE * len(lines) + 4
    figure.update_layout(
        template=TEMPLATE,
        height=height,
        title={
            "text": "<br>".join(lines),
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            # plotly hangs a title of several lines, however many, about a line higher than one of one line.
            "pad": {"t": _TITLE_TOP + _TITLE_LINE * (len(lines) > 1), "l": 8},
        },
        margin={"t": head + 8, "l": 64, "r": 16, "b": 44, "pad": 0},
        showlegend=legend,
        legend={
            "orientation": "h",
            "xref": "paper",
            "x": 0,
            "xanchor": "left",
            "yref": "container",
            "y": 1 - head / height,
            "yanchor": "top",
            "bgcolor": CLEAR,
            "font": {"size": 12},
        },
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        hovermode="closest",
    )
    if x is not None:
        figure.update_xaxes(title_text=x)
    if y is not None:
        beside = int((height - head - _BELOW) / _LETTER)  # as many letters as the plot is high
        figure.update_yaxes(title_text="<br>".join(textwrap.wrap(y, max(beside, _SHORTEST))))
    return figure


def under_title(figure: go.Figure, words: str) -> go.Figure:
    """Add a smaller line under the title of a finished figure, for what a download has to say by itself: which model,
    text and settings. The figure grows by that line; returns the same figure."""
    layout, lines = figure.layout, textwrap.wrap(words, _NOTE_WIDTH)
    more = _TITLE_LINE * len(lines)
    note = "<br>".join(f"<span style='font-size:12px'>{line}</span>" for line in lines)
    head = layout.margin.t - 8 + more
    height = layout.height + more
    figure.update_layout(
        height=height,
        title={"text": f"{layout.title.text}<br>{note}", "pad": {"t": _TITLE_TOP + _TITLE_LINE}},
        margin={"t": head + 8},
        legend={"y": 1 - head / height},
    )
    return figure


def say(figure: go.Figure, text: str) -> go.Figure:
    """Write a sentence in the middle of an empty plot, so that nothing to show does not look like a fault."""
    figure.add_annotation(text=text, xref="paper", yref="paper", x=0.5, y=0.5, showarrow=False, font={"size": 14})
    return figure
