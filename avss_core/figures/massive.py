"""Where massive activations sit: single values hundreds of times their block's median."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from avss_core.errors import SettingError
from avss_core.figures.axes import block_axis, log_colourbar
from avss_core.figures.frames import block_count, need_columns
from avss_core.figures.style import SEQUENTIAL, finish, say

_SMALLEST, _LARGEST = 6.0, 22.0


def point_sizes(ratios: np.ndarray) -> np.ndarray:
    """Diameters in pixels, 6 to 22, linear in the logarithm of the ratio."""
    logs = np.log10(ratios)
    width = logs.max() - logs.min()
    return _SMALLEST + (_LARGEST - _SMALLEST) * ((logs - logs.min()) / width if width > 0 else np.zeros_like(logs))


def massive_map(
    massive: pd.DataFrame,
    across: Literal["position", "feature"] = "position",
    *,
    n_blocks: int | None = None,
    title: str | None = None,
) -> go.Figure:
    """A point per massive activation at (token position or feature, block); size and colour are |a| / median |a|.

    `massive` has `block, position, feature, ratio` (0-based, positions from the document's start; ratio > 0). An empty
    table says that there is none. Raises `SettingError` for another x axis or a missing column.
    """
    if across not in ("position", "feature"):
        raise SettingError(f"The map of massive activations is drawn by position or by feature, not by {across!r}.")
    need_columns(massive, ("block", "position", "feature", "ratio"), "map of massive activations")
    count = block_count(massive, n_blocks)
    # The largest last would hide the others; the smallest last stays visible on top.
    rows = massive.sort_values("ratio", ascending=False)
    ratios = rows["ratio"].to_numpy(dtype=float)
    figure = go.Figure()
    if len(rows):
        logs = np.log10(ratios)
        figure.add_trace(
            go.Scatter(
                x=rows[across],
                y=rows["block"],
                mode="markers",
                marker={
                    "size": point_sizes(ratios),
                    "color": logs,
                    "colorscale": SEQUENTIAL,
                    "opacity": 0.85,
                    "line": {"width": 1, "color": "#7d8592"},
                    "colorbar": log_colourbar(logs, "|a| / median |a| of the block"),
                },
                customdata=rows[["block", "position", "feature", "ratio"]].to_numpy(),
                hovertemplate="block %{customdata[0]:d}<br>token position in the document %{customdata[1]:d}, "
                "feature %{customdata[2]:d}<br>%{customdata[3]:.0f} × the block's median<extra></extra>",
                name="massive activations",
            )
        )
        # Room for half a point on either side, so that those at position 0 are seen whole.
        first, last = float(rows[across].min()), float(rows[across].max())
        room = 0.04 * max(last - first, 1)
        figure.update_xaxes(range=[first - room, last + room])
    figure.update_xaxes(tickformat="d")
    figure.update_yaxes(**block_axis(count))
    name = "token position in the document" if across == "position" else "feature"
    heading = title or f"Massive activations by {'token position' if across == 'position' else 'feature'} and block"
    finish(figure, heading, name, "block", height=160 + 10 * max(count, 20), legend=False)
    return figure if len(rows) else say(figure, "No massive activation was found")
