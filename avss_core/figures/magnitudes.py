"""How large activations are: the distribution of log2|a|, one block against another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from avss_core.errors import SettingError
from avss_core.figures.frames import need_columns
from avss_core.figures.style import MUTED, colour, finish, translucent

_PATTERNS = ("", "/", "\\", ".", "x")


def _closed(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Edges with an open end (−∞ for underflow, +∞ for overflow) drawn one doubling wide."""
    low = rows["low"].to_numpy(dtype=float)
    high = rows["high"].to_numpy(dtype=float)
    return np.where(np.isneginf(low), high - 1, low), np.where(np.isposinf(high), low + 1, high)


def _outline(rows: pd.DataFrame) -> tuple[list[float], list[float], list[int]]:
    """Corners of a step curve that holds from one x to the next, and the bin each belongs to; empty stretches are 0."""
    low, high = _closed(rows)
    density = rows["share"].to_numpy(dtype=float) / (high - low)
    x: list[float] = []
    y: list[float] = []
    bins: list[int] = []
    for number, (start, end, value) in enumerate(zip(low, high, density, strict=True)):
        x.append(float(start))
        y.append(float(value))
        bins.append(number)
        if number + 1 == len(low) or low[number + 1] > end:
            x.append(float(end))
            y.append(0.0)
            bins.append(number)
    return x, y, bins


def _edge(value: float) -> str:
    return "0" if np.isneginf(value) else "∞" if np.isposinf(value) else f"{2.0**value:.3g}"


def magnitude_histogram(
    histogram: pd.DataFrame,
    blocks: Sequence[int] | None = None,
    epsilon: float | None = None,
    *,
    title: str = "Magnitudes of activations",
    height: int = 400,
) -> go.Figure:
    """Share of activations per doubling of |a|, as steps, one outline per block, with ε as a vertical line.

    `histogram` has `block, low, high, share`: a bin's edges in log2|a| (low may be −∞, high +∞) and the share of the
    block's activations in it. Shares are divided by the bin's width, so that bins of different widths compare.
    `blocks` None takes all. What lies left of the line at log2 ε is the sparsity S, eq. (4). Raises `SettingError`
    for ε ≤ 0, a block that the table lacks, a missing column.
    """
    need_columns(histogram, ("block", "low", "high", "share"), "histogram of magnitudes")
    if epsilon is not None and not epsilon > 0:
        raise SettingError(f"ε must be greater than 0, not {epsilon:g}.")
    there = sorted(int(block) for block in histogram["block"].unique())
    chosen = there if blocks is None else list(blocks)
    unknown = [block for block in chosen if block not in there]
    if unknown:
        raise SettingError(f"The histogram has no block {unknown[0]}; it has {', '.join(map(str, there))}.")

    figure = go.Figure()
    for index, block in enumerate(chosen):
        rows = histogram[histogram["block"] == block].sort_values("high")
        x, y, bins = _outline(rows)
        hover = [
            f"block {block}<br>|a| from {_edge(a)} to {_edge(b)}<br>{s:.3%} of its activations"
            for a, b, s in zip(rows["low"], rows["high"], rows["share"], strict=True)
        ]
        hue = colour(index)
        figure.add_trace(
            go.Scatter(
                x=x,
                y=y,
                mode="lines",
                line={"color": hue, "width": 2, "shape": "hv"},
                fill="tozeroy",
                fillcolor=translucent(hue, 0.15),
                fillpattern={
                    "shape": _PATTERNS[index % len(_PATTERNS)],
                    "fgcolor": hue,
                    "bgcolor": translucent(hue, 0.12),
                    "fgopacity": 0.5,
                    "size": 9,
                    "solidity": 0.12,
                },
                text=[hover[number] for number in bins],
                hovertemplate="%{text}<extra></extra>",
                name=f"block {block}",
            )
        )
    if epsilon is not None:
        figure.add_vline(
            x=float(np.log2(epsilon)),
            line={"color": MUTED, "width": 2, "dash": "dash"},
            name=f"ε = {epsilon:g}",
            showlegend=True,
        )
    figure.update_yaxes(rangemode="tozero", tickformat="~%")
    return finish(figure, title, "log<sub>2</sub> |a|", "share of activations per doubling", height=height)
