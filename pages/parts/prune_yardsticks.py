"""What a score must be held against: removing each block alone, and random cuts of the same size."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from avss_core.figures.agreement import ablation_scatter
from avss_core.importance.agreement import agreement_of
from avss_core.jobs import EvaluateRequest
from avss_core.pruning import Cut
from avss_core.tasks import task_named
from pages.parts.block_runs import what_it_takes
from pages.parts.evaluate_cuts import evaluate
from pages.parts.kept_drawings import kept
from pages.parts.outcomes import RANDOM_DRAWS, ablation_frame, effect_of, evaluations, random_cuts
from pages.parts.show import show_figure


def draw_yardsticks(
    request: EvaluateRequest, cut: Cut, protected: tuple[int, ...], label: str, scores: tuple[float, ...]
) -> None:
    """label, scores: of the order that is held against what removing each block alone does."""
    n_blocks, shared = cut.n_blocks, task_named(request.task).shares_prefixes
    alone, chance = st.columns(2)
    singles = tuple((block,) for block in range(n_blocks))
    ablation = ablation_frame(request, n_blocks)
    alone.button(
        f"Measure each of the {n_blocks} blocks alone",
        key="ablate",
        icon=":material/science:",
        on_click=evaluate,
        args=(_with(request, *singles),),
        disabled=ablation is not None,
        width="stretch",
        help=what_it_takes(((), *singles), n_blocks, shared),
    )
    may_go = n_blocks - len(protected)
    draws = random_cuts(n_blocks, len(cut.removed), protected) if 0 < len(cut.removed) <= may_go else ()
    there = evaluations(request, [(), *draws])
    chance.button(
        _offer(len(draws), len(cut.removed)),
        key="random",
        icon=":material/casino:",
        on_click=evaluate,
        args=(_with(request, *draws),),
        disabled=all(each in there for each in draws),
        width="stretch",
        help=what_it_takes(((), *draws), n_blocks, shared) if draws else None,
    )
    if ablation is None:
        st.caption(
            "Until each block has been measured alone, nothing here says whether a low score means a block that can go."
        )
        return
    points = ablation.assign(score=scores)
    key = ("scatter", request.evaluation_key(()), label, scores)
    show_figure(kept(key, lambda: _draw(points, label, request.task)), points, "score-against-ablation")


def _offer(draws: int, size: int) -> str:
    """Of few blocks that may go there are fewer cuts than are drawn elsewhere, and all of them are taken."""
    if not 0 < draws < RANDOM_DRAWS:
        return f"Draw {RANDOM_DRAWS} random cuts of {size} blocks"
    return f"Evaluate {f'all {draws} cuts' if draws > 1 else 'the only cut'} of {size} blocks"


def _draw(points: pd.DataFrame, label: str, task: str) -> go.Figure:
    agreement = agreement_of(points["score"], points["ablation"])
    return ablation_scatter(points, label, agreement=agreement, effect=effect_of(task))


def _with(request: EvaluateRequest, *cuts: tuple[int, ...]) -> EvaluateRequest:
    return EvaluateRequest(request.model, request.corpus, request.task, ((), *cuts))
