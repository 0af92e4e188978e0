"""The probe's metrics by block, laid out as in the papers' appendix A: acc@q, cov@p, ECE, Brier."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from avss_core.errors import SettingError
from avss_core.figures.axes import block_axis
from avss_core.figures.frames import block_count, need_columns
from avss_core.figures.grid import finish_grid, plot_grid
from avss_core.figures.labels import Statistic
from avss_core.figures.line import line_traces, one_entry_each
from avss_core.figures.style import MUTED, say

OURS = "this model"
THEIRS = "theirs: EAVSS paper, 24 layers stretched over these blocks"
_ENDINGS = ("_low", "_high")


def per_block_curves(
    blocks: pd.DataFrame,
    theirs: pd.DataFrame | None = None,
    *,
    n_blocks: int | None = None,
    title: str = "P(IK) probe on every block's output",
    row_height: int = 230,
) -> go.Figure:
    """Small multiples of acc@q, cov@p, ECE and Brier (and AUROC, where the table has it) against the block.

    `blocks` has one row per block: `block`, one column `acc@…`, one `cov@…`, `ece`, `brier`, each with `…_low` and
    `…_high` where known, as `hallucination.per_block.per_block_rows` makes them. `theirs` has published figures:
    `depth` (0 the first layer, 1 the last) and columns of the same names; a metric that they have not (another q or p)
    is shown without. Raises `SettingError` for a missing column.
    """
    need_columns(blocks, ("block", "ece", "brier"), "figure of the probe by block")
    statistics = _statistics(blocks)
    count = block_count(blocks, n_blocks)
    rows = blocks.sort_values("block")
    figure, places = plot_grid([(statistic.short, statistic.unit) for statistic in statistics], 2, row_height)
    for statistic, place in zip(statistics, places, strict=True):
        at = place._asdict()
        for trace in line_traces(rows, statistic, rows["block"], name=OURS):
            figure.add_trace(trace, **at)
        if theirs is not None and statistic.column in theirs.columns:
            figure.add_trace(_theirs(theirs, statistic, count), **at)
        figure.update_xaxes(**block_axis(count, most=8), **at)
        figure.update_yaxes(rangemode="tozero", **at)
    one_entry_each(figure)
    finish_grid(figure, places, title, "block")
    return figure if len(rows) else say(figure, "No block has been probed yet")


def _theirs(theirs: pd.DataFrame, statistic: Statistic, count: int) -> go.Scatter:
    rows = theirs.sort_values("depth")
    return go.Scatter(
        x=rows["depth"] * (count - 1),
        y=rows[statistic.column],
        mode="lines",
        line={"color": MUTED, "width": 1.5, "dash": "dot"},
        customdata=rows["number"] if "number" in rows.columns else None,
        hovertemplate=f"their layer %{{customdata}}: {statistic.short} = %{{y:.3f}}<extra>theirs</extra>",
        name=THEIRS,
        legendgroup=THEIRS,
    )


def _statistics(blocks: pd.DataFrame) -> list[Statistic]:
    words = {
        "acc@": ("share right", "Accuracy of the most confident answers.", "higher is better"),
        "cov@": ("share of answers", "Largest share of answers at that accuracy.", "higher is better"),
        "ece": ("", "Expected calibration error.", "lower is better"),
        "brier": ("", "Mean squared distance of confidence from right or wrong.", "lower is better"),
        "auroc": ("", "How well right and wrong answers are told apart.", "higher is better, 0.5 is chance"),
    }
    names = {"ece": "ECE", "brier": "Brier score", "auroc": "AUROC"}
    found = []
    for begins, (unit, meaning, direction) in words.items():
        columns = [name for name in map(str, blocks.columns) if name.startswith(begins) and not name.endswith(_ENDINGS)]
        if not columns and begins == "auroc":
            continue
        if not columns:
            raise SettingError(f"The figure of the probe by block needs a column {begins}…; the table has none.")
        heading = f"{unit}, {direction}" if unit else direction
        found.append(Statistic(columns[0], names.get(columns[0], columns[0]), "", None, heading, meaning, "neither"))
    return found
