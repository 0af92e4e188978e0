"""The chart of retained performance: every evaluated cut along every order, random cuts, and the chosen cut."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from avss_core.figures.retained import retained_curve
from avss_core.jobs import EvaluateRequest
from avss_core.pruning import Cut
from avss_core.tasks import Metric, task_named
from pages.parts.kept_drawings import kept
from pages.parts.outcomes import cuts_frame, drawn_by_size, evaluations, random_frame
from pages.parts.show import show_figure

Blocks = tuple[int, ...]
_HEIGHT, _LINE_OF_LEGEND = 460, 20  # pixels


def draw_chart(
    request: EvaluateRequest, cuts: Mapping[str, tuple[Blocks, ...]], method: str, cut: Cut, protected: Blocks
) -> None:
    """cuts: by the name of its order, the cut of every size. method: the name of the one that `cut` was chosen by."""
    listed = dict(cuts)
    if cut.removed not in listed.get(method, ()):  # ticked by hand, or by a rule that follows no order
        listed[method] = (*listed.get(method, ()), cut.removed)
    drawn = [cut for cuts in drawn_by_size(cut.n_blocks, protected).values() for cut in cuts]
    # Evaluations are added and never change, so their number says whether the chart is still true.
    there = len(evaluations(request, [(), *(cut for cuts in listed.values() for cut in cuts), *drawn]))
    key = (request.evaluation_key(()), tuple(listed.items()), protected, there)
    sweep = kept(("sweep", *key), lambda: cuts_frame(request, listed))
    band = kept(("band", *key), lambda: random_frame(request, cut.n_blocks, protected))
    # Single blocks are known of every order as soon as ablation has been measured, and are no line.
    sweep = sweep[sweep["method"].isin({method, *sweep.loc[sweep["removed"] > 1, "method"]})]
    figure = kept(("retained", *key, method, cut.removed), lambda: _draw(request.task, sweep, band, method, cut))
    show_figure(figure, sweep, "retained", {"random cuts": band} if len(band) else None)


def _draw(task: str, sweep: pd.DataFrame, band: pd.DataFrame, method: str, cut: Cut) -> go.Figure:
    return retained_curve(
        sweep,
        band,
        (method, len(cut.removed)),
        n_blocks=cut.n_blocks,
        height=_HEIGHT + _LINE_OF_LEGEND * (sweep["method"].nunique() // 3),
        task=share_words(task_named(task).metric()),
    )


def share_words(metric: Metric) -> str:
    """What is divided by what, for the chart's axis."""
    name = metric.pretty_name[0].lower() + metric.pretty_name[1:]
    return f"{name} after / before" if metric.higher_is_better else f"{name} before / after"
