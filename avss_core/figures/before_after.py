"""A metric before and after blocks are removed, with its interval."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from avss_core.figures.axes import spans_decades, value_axis
from avss_core.figures.frames import need_columns
from avss_core.figures.grid import finish_grid, plot_grid
from avss_core.figures.style import colour, say, symbol
from avss_core.readable import four_digits, from_to


def before_after(
    evaluations: pd.DataFrame,
    log: bool | None = None,
    *,
    per_row: int = 3,
    title: str = "Before and after",
    row_height: int = 250,
) -> go.Figure:
    """One small plot per (task, metric), one point with a 95 % interval per state (`before`, `after`, `healed`, …).

    `evaluations` has `state, task, metric, value, low, high` and optionally `n`, the number of documents or examples;
    states are drawn in the order they come. `log` None chooses for each metric: logarithmic when values and intervals
    span more than two decades. Whether higher is better is the metric's own: perplexity falls, accuracy rises. Raises
    `SettingError` for a missing column.
    """
    need_columns(evaluations, ("state", "task", "metric", "value", "low", "high"), "before-and-after chart")
    # A task says None where there is no interval, as for a single document.
    numbers = {name: pd.to_numeric(evaluations[name]).astype(float) for name in ("value", "low", "high")}
    evaluations = evaluations.assign(**numbers)
    groups = list(evaluations.groupby(["task", "metric"], sort=False))
    figure, places = plot_grid([(str(task), str(metric)) for (task, metric), _ in groups], per_row, row_height)
    states = list(dict.fromkeys(evaluations["state"]))
    for ((task, metric), rows), place in zip(groups, places, strict=True):
        at = place._asdict()
        spread = rows[["value", "low", "high"]].to_numpy(dtype=float)
        logarithmic = spans_decades(spread) if log is None else log
        for row in rows.to_dict("records"):
            count = f"<br>n = {row['n']:,.0f}" if "n" in row else ""
            number = states.index(row["state"])
            hue = colour(number)
            figure.add_trace(
                go.Scatter(
                    x=[row["state"]],
                    y=[row["value"]],
                    mode="markers+text",
                    name=str(row["state"]),
                    marker={"color": hue, "size": 11, "symbol": symbol(number)},
                    text=[four_digits(row["value"])],
                    textposition="middle right",
                    error_y={
                        "type": "data",
                        "symmetric": False,
                        "color": hue,
                        "thickness": 2,
                        "width": 7,
                        "array": [row["high"] - row["value"]],
                        "arrayminus": [row["value"] - row["low"]],
                    },
                    hovertemplate=f"{row['state']}: {metric} {four_digits(row['value'])}"
                    f"<br>95 %: {from_to(row['low'], row['high'])}"
                    f"{count}<extra>{task}</extra>",
                ),
                **at,
            )
        # Room on the right for the last value's text.
        figure.update_xaxes(
            type="category", categoryorder="array", categoryarray=states, range=[-0.5, len(states) - 0.3], **at
        )
        figure.update_yaxes(**value_axis(spread, logarithmic), **at)
    finish_grid(figure, places, title, "model", legend=False)
    return figure if groups else say(figure, "Nothing has been evaluated yet")
