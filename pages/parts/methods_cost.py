"""What each method costs and what its choice of blocks is worth: the table, and the figure of quality against cost."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from avss_core.figures.pareto import pareto_figure
from avss_core.importance.agreement import agreement_with
from avss_core.importance.ranking import Ranking
from avss_core.jobs import EvaluateRequest, RankRequest
from avss_core.jobs.results import still_to_do
from avss_core.pruning import lowest_fraction
from avss_core.tasks import PERPLEXITY
from pages.parts.engine import store
from pages.parts.evaluate_cuts import evaluate, follow_evaluation
from pages.parts.judged_text import warn_of_judged_text
from pages.parts.outcomes import outcome
from pages.parts.show import show_figure
from pages.parts.start_job import draw_job

SHARE = 0.25  # of the blocks: the papers' mark
QUARTERS = "quarters"
COSTS = {"seconds": "seconds of its pass", "block_runs": "block runs over the text", "megabytes": "memory (MB)"}
AGREEMENT, AFTER = "agreement with ablation", f"perplexity without {SHARE:.0%} of the blocks"


def cuts_of(rankings: tuple[Ranking, ...]) -> dict[str, tuple[int, ...]]:
    """What each method would remove, no block protected: the lowest quarter of its scores, or its best stretch."""
    n = len(lowest_fraction(rankings[0].scores, SHARE).removed)
    return {ranking.name: ranking.lowest(n) for ranking in rankings}


def draw_cost(rankings: tuple[Ranking, ...], request: RankRequest, predicts_next_token: bool) -> None:
    """Agreement, cost and, for a model that has a perplexity, what is left after removing a quarter by each method."""
    cuts = cuts_of(rankings)
    corpus = request.corpus if request.corpus.part == "all" else request.corpus.of_part("evaluate")
    base = EvaluateRequest(request.model, corpus, PERPLEXITY, tuple(dict.fromkeys([(), *cuts.values()])))
    table = cost_table(rankings, base, cuts)
    st.dataframe(table, hide_index=True)
    left = still_to_do(store(), base)
    if left.cuts and predicts_next_token:
        st.button(
            f"Remove {SHARE:.0%} by each method and evaluate",
            key="evaluate-quarters",
            icon=":material/content_cut:",
            on_click=evaluate,
            args=(base, QUARTERS),
            help=f"Perplexity on {_judged_on(base)}, all cuts in one prefix tree.",
        )
    follow_evaluation(base, QUARTERS)
    draw_job(QUARTERS)
    if predicts_next_token:
        warn_of_judged_text(base, {"All methods": [request.corpus]})

    cost_column, quality_column = st.columns(2)
    cost = cost_column.segmented_control(
        "Cost",
        list(COSTS),
        default="seconds",
        key="pareto-cost",
        wrap=True,
        persist_state="session",
        format_func=COSTS.__getitem__,
    )
    choices = [AGREEMENT, AFTER] if not left.cuts else [AGREEMENT]
    quality = quality_column.segmented_control(
        "Quality", choices, default=AGREEMENT, key="pareto-quality", wrap=True, persist_state="session"
    )
    draw_pareto(table, cost or "seconds", quality or AGREEMENT, _judged_on(base))


def _judged_on(base: EvaluateRequest) -> str:
    """Whether the text that cuts are judged on was kept from the methods; of a text that is read whole nothing is."""
    return "the text that the methods were given" if base.corpus.part == "all" else "held-out text"


def cost_table(rankings: tuple[Ranking, ...], base: EvaluateRequest, cuts: dict[str, tuple[int, ...]]) -> pd.DataFrame:
    """One row a method: agreement with its interval, cost of the pass, perplexity without its lowest quarter."""
    agreement = agreement_with(rankings)
    rows = []
    for ranking in rankings:
        found = outcome(base, cuts[ranking.name], ranking.name)
        rows.append(
            {
                "method": ranking.name,
                **(agreement.get(ranking.name) or {}),
                "seconds": ranking.seconds,
                "block_runs": ranking.block_runs,
                "megabytes": None if ranking.peak_bytes is None else ranking.peak_bytes / 2**20,
                "device": ranking.device,
                "perplexity": found.after.value if found else None,
                "perplexity_low": found.after.low if found else None,
                "perplexity_high": found.after.high if found else None,
                "removed first": _removed_first(ranking, cuts[ranking.name]),
            }
        )
    return pd.DataFrame(rows)


def _removed_first(ranking: Ranking, cut: tuple[int, ...]) -> str:
    """The first eight to go, in their order; of a method that removes stretches the one of a quarter of the blocks."""
    if cut and "stretches" in ranking.details:
        return f"{cut[0]} – {cut[-1]} (best stretch of {len(cut)})"
    return " ".join(map(str, ranking.removal_order[:8]))


def draw_pareto(table: pd.DataFrame, cost: str, quality: str, judged_on: str) -> None:
    """Quality against cost. The oracle agrees with itself by definition, so it is marked as the yardstick.

    judged_on: the text of the perplexity, in words.
    """
    column = "spearman" if quality == AGREEMENT else "perplexity"
    wanted = {"method": "method", cost: "cost", column: "quality", f"{column}_low": "low", f"{column}_high": "high"}
    if not set(wanted) <= set(table.columns) or table[[cost, column]].dropna().empty:
        st.info("Not known for these methods here.", icon=":material/help:")
        return
    points = table[list(wanted)].rename(columns=wanted).dropna(subset=["cost", "quality"]).astype({"cost": float})
    axis = "Spearman ρ with single-block ablation" if quality == AGREEMENT else f"{quality} ({judged_on})"
    figure = pareto_figure(points, COSTS[cost], axis, higher_is_better=quality == AGREEMENT)
    show_figure(figure, points, "quality-against-cost")
    if quality == AGREEMENT:
        st.caption("Ablation is the yardstick here, so its own agreement is 1 by definition.")
