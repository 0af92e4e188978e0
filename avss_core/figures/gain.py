"""What a pruned model gains: every measured quantity as a multiple of the original's."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from avss_core.figures.frames import need_columns
from avss_core.figures.style import AXIS, colour, finish, say, symbol

_NEEDED = ("label", "unit", "higher_is_better", "original", "pruned", "ratio", "ratio_low", "ratio_high", "rounds")
_ROW = 34  # pixels
_DIRECTIONS = ((True, "higher is better"), (False, "lower is better"))


def gain_chart(table: pd.DataFrame, title: str = "The pruned model beside the original") -> go.Figure:
    """One row a quantity, first on top: pruned / original as a point, least and greatest of the rounds as a line.

    `table` is that of `pruning.gain_table.gain_table`. A line stands at 1, where nothing is gained; quantities of which
    more is better and those of which less is better are two traces. Raises `SettingError` for a missing column.
    """
    need_columns(table, _NEEDED, "gain chart")
    figure = go.Figure()
    for number, (higher, name) in enumerate(_DIRECTIONS):
        rows = table[table["higher_is_better"] == higher]
        if rows.empty:
            continue
        figure.add_trace(
            go.Scatter(
                x=rows["ratio"],
                y=rows["label"],
                mode="markers+text",
                name=name,
                marker={"color": colour(number), "size": 11, "symbol": symbol(number)},
                text=[f"{ratio:.2f}×" for ratio in rows["ratio"]],
                textposition="top center",
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": rows["ratio_high"] - rows["ratio"],
                    "arrayminus": rows["ratio"] - rows["ratio_low"],
                    "color": colour(number),
                    "thickness": 2,
                    "width": 6,
                },
                customdata=[_told(row) for row in rows.to_dict(orient="records")],
                hovertemplate="%{y}: %{x:.3f} ×<br>%{customdata}<extra></extra>",
            )
        )
    finish(figure, title, "pruned / original", "", height=150 + _ROW * max(len(table), 4))
    figure.update_yaxes(categoryorder="array", categoryarray=list(table["label"])[::-1], showgrid=True)
    if table.empty:
        return say(figure, "Nothing has been measured yet")
    figure.add_vline(x=1, line={"color": AXIS, "dash": "dash", "width": 1.5})
    figure.update_xaxes(range=[0, 1.12 * max(1.0, float(table["ratio_high"].max()))], tickformat="~g")
    return figure


def _told(row: dict[str, object]) -> str:
    """The two measured values with their unit."""
    unit = f" {row['unit']}" if row["unit"] else ""
    rounds = f", medians of {row['rounds']} rounds" if row["rounds"] != 1 else ""
    return f"original {row['original']:,.4g}{unit}, pruned {row['pruned']:,.4g}{unit}{rounds}"
