"""Move a cutoff, or tick blocks; evaluate now; read what the pruned model lost."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from scipy.stats import spearmanr

from avss_core.figures.agreement import ablation_scatter
from avss_core.figures.before_after import before_after
from avss_core.figures.retained import retained_curve
from avss_core.figures.strip import network_strip
from avss_core.importance.avss import lowest_first
from avss_core.jobs import EvaluateRequest
from avss_core.jobs.results import still_to_do
from avss_core.models.spec import ModelSpec
from avss_core.pruning import Cut
from avss_core.pruning.outcome import Outcome
from avss_core.tasks import PERPLEXITY
from pages.parts.by_address import run_dashboard
from pages.parts.choose_cut import BY_HAND, choose_cut, choose_protected
from pages.parts.choose_run import chosen_run, line_of
from pages.parts.choose_text import choose_held_out_text
from pages.parts.engine import score_table, store
from pages.parts.outcomes import (
    RANDOM_DRAWS,
    ablation_frame,
    evaluated,
    outcome,
    random_cuts,
    random_frame,
    sweep_frame,
)
from pages.parts.score_settings import choose_score_settings
from pages.parts.show import show_figure
from pages.parts.start_job import draw_job, start_job

ABLATION = "single-block ablation"


def evaluate(request: EvaluateRequest) -> None:
    """Submit what is still to do of a request; what was done before is free."""
    left = still_to_do(store(), request)
    if left.cuts:
        start_job("evaluation", left)


def short_number(value: float) -> str:
    """Four digits that fit a small box: 27.81, 1,234, 1.2e+06."""
    return f"{value:,.0f}" if 1000 <= value < 1e6 else f"{value:.4g}"


def draw_outcome(found: Outcome) -> None:
    """What the cut does, in numbers and a picture."""
    interval = f"95 %: {found.retained_low:.1%} to {found.retained_high:.1%}"
    before, after, kept, smaller = st.columns(4)
    before.metric("Perplexity before", short_number(found.before.value), border=True)
    after.metric("Perplexity after", short_number(found.after.value), border=True)
    kept.metric("Retained", f"{found.retained:.1%}", border=True, help=f"P(before) / P(after); {interval}")
    smaller.metric(
        "Parameters cut",
        f"{found.reduction.of_all:.1%}",
        border=True,
        help=f"{found.reduction.removed:,} parameters, {found.reduction.of_blocks:.1%} of those in blocks.",
    )
    st.caption(
        f"Kept: {', '.join(map(str, found.cut.kept))}. Removed: {', '.join(map(str, found.cut.removed)) or 'none'}. "
        f"{interval}, over {found.after.n} held-out documents."
    )
    frame = pd.DataFrame([{"state": "before", **found.before.to_dict()}, {"state": "after", **found.after.to_dict()}])
    show_figure(before_after(frame), frame, "before-after")


def draw_yardsticks(request: EvaluateRequest, cut: Cut, protected: tuple[int, ...], scores: pd.Series) -> None:
    """What a score must be held against: removing each block alone, and random cuts of the same size."""
    st.subheader("Is the score right?", anchor=False)
    n_blocks = cut.n_blocks
    alone, chance = st.columns(2)
    singles = tuple((block,) for block in range(n_blocks))
    alone.button(
        f"Measure each of the {n_blocks} blocks alone",
        key="ablate",
        icon=":material/science:",
        on_click=evaluate,
        args=(EvaluateRequest(request.model, request.corpus, request.task, ((), *singles)),),
        width="stretch",
    )
    may_go = n_blocks - len(protected)
    draws = random_cuts(n_blocks, len(cut.removed), protected) if 0 < len(cut.removed) <= may_go else []
    chance.button(
        f"Draw {RANDOM_DRAWS} random cuts of {len(cut.removed)} blocks",
        key="random",
        icon=":material/casino:",
        on_click=evaluate,
        args=(EvaluateRequest(request.model, request.corpus, request.task, ((), *draws)),),
        disabled=not draws,
        width="stretch",
    )
    ablation = ablation_frame(request, n_blocks)
    if ablation is None:
        st.caption(
            "Until each block has been measured alone, nothing here says whether a low score means a block that can go."
        )
        return
    points = ablation.assign(score=scores.to_numpy())
    agreement = float(spearmanr(points["score"], points["ablation"]).statistic)
    show_figure(ablation_scatter(points, "AVSS", spearman=agreement), points, "avss-against-ablation")


def page() -> None:
    """Draw the page."""
    st.title("Prune")
    run = chosen_run()
    st.caption(line_of(run))
    if run.status != "done":
        st.info("The profile has to be finished before blocks can be ranked by it.", icon=":material/hourglass:")
        return
    n_blocks = int(run.facts["blocks"])

    with st.container(border=True):
        settings = choose_score_settings(run.spec["sites"])
        left, right = st.columns([3, 2])
        with left:
            protected = choose_protected(n_blocks)
        with right:
            corpus = choose_held_out_text(run)
        base = EvaluateRequest(ModelSpec.from_dict(run.spec["model"]), corpus, PERPLEXITY, ((),))
        table = score_table(
            run.id, len(store().units(run.id)), settings.site, settings.epsilon, settings.skip_first_token
        )
        by_score = f"AVSS ({settings.site})"
        orders = {by_score: [block for block in lowest_first(table["avss"]) if block not in protected]}
        ablation = ablation_frame(base, n_blocks)
        if ablation is not None:
            orders[ABLATION] = [block for block in lowest_first(ablation["ablation"]) if block not in protected]
        method, cut = choose_cut(orders, n_blocks, protected)
        st.plotly_chart(
            network_strip(n_blocks, cut.removed, [block for block in protected if block not in cut.removed]),
            key="strip",
            config={"displayModeBar": False},
        )
        this_cut = EvaluateRequest(base.model, base.corpus, base.task, tuple(dict.fromkeys([(), cut.removed])))
        st.button(
            "Evaluate",
            type="primary",
            key="evaluate",
            icon=":material/play_arrow:",
            on_click=evaluate,
            args=(this_cut,),
            help="Perplexity on held-out documents that were not profiled, with and without these blocks.",
        )
        if corpus.part == "all":
            st.warning("This run profiled all documents, so the cut is judged on text that was used to choose it.")

    draw_job("evaluation")

    found = outcome(base, cut.removed, cut.reason)
    if found is None:
        st.info("This cut has not been evaluated yet: press **Evaluate**.", icon=":material/play_arrow:")
    else:
        draw_outcome(found)

    hand_picked = [cut.removed] if method == BY_HAND else []
    sweep = sweep_frame(base, orders, hand_picked)
    chosen = (method, len(cut.removed)) if cut.removed in evaluated(base) else None
    show_figure(
        retained_curve(
            sweep, random_frame(base, n_blocks, protected), chosen, n_blocks=n_blocks, task="perplexity before / after"
        ),
        sweep,
        "retained",
    )
    draw_yardsticks(base, cut, protected, table["avss"])


if __name__ == "__main__":
    run_dashboard()
