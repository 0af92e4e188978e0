"""Rankings of one text in pictures: ranks, scores, who agrees with whom, each against ablation, best stretches."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from avss_core.figures.agreement import ablation_scatter, agreement_matrix, rank_heatmap
from avss_core.figures.multiples import score_multiples
from avss_core.figures.overlap import overlap_matrix
from avss_core.figures.strip import strips_by_size
from avss_core.importance.agreement import agreement_table, agreement_with, overlap_of_lowest
from avss_core.importance.ranking import Ranking, rank_table
from avss_core.importance.registry import ORACLE
from pages.parts.methods_relevance import draw_relevance
from pages.parts.show import show_figure


def draw_ranks(rankings: tuple[Ranking, ...]) -> None:
    """Every block's rank by every method."""
    ranks = rank_table(rankings)
    show_figure(rank_heatmap(ranks), ranks, "ranks")


def draw_scores(rankings: tuple[Ranking, ...]) -> None:
    """Every method's scores, each in its own plot, since their units differ."""
    scores = rank_table(rankings)
    units = {ranking.name: ranking.method.unit for ranking in rankings}
    show_figure(score_multiples(scores, units), scores, "scores")
    if scores["spread"].notna().any():
        st.caption(
            "Shaded: 95 % interval of the score. Bars, for CIM: one standard deviation of a block's divergence over "
            "contexts, which says how much it depends on the context, not how well the mean is known."
        )
    for ranking in rankings:
        if ranking.details.get("floored"):
            blocks = ", ".join(map(str, ranking.details["floored"]))
            st.caption(f"**{ranking.name}**: S is below 1/N in block {blocks}, and floored there (our reading).")


def draw_agreement(rankings: tuple[Ranking, ...]) -> None:
    """Every two methods' rank correlation."""
    measure = st.segmented_control(
        "Measure",
        ["spearman", "kendall"],
        default="spearman",
        key="agreement-measure",
        wrap=True,
        persist_state="session",
    )
    pairs = agreement_table(rankings)
    show_figure(agreement_matrix(pairs, measure or "spearman"), pairs, "agreement")


def draw_overlap(rankings: tuple[Ranking, ...]) -> None:
    """How many of the n blocks that each of two methods would remove they share."""
    n_blocks = len(rankings[0].scores)
    if n_blocks < 2:
        st.info("A model of one block has no two sets of blocks to lay over one another.", icon=":material/science:")
        return
    n = st.slider(
        "Lowest n blocks", 1, n_blocks, max(1, round(0.25 * n_blocks)), key="overlap-n", persist_state="session"
    )
    pairs = overlap_of_lowest(rankings, n)
    show_figure(overlap_matrix(pairs, n, n_blocks), pairs, "overlap")


def draw_against_ablation(rankings: tuple[Ranking, ...]) -> None:
    """One method's scores against what removing each block alone costs."""
    truth = next((ranking for ranking in rankings if ranking.name == ORACLE), None)
    others = {ranking.name: ranking for ranking in rankings if ranking.name != ORACLE}
    if truth is None or not others:
        st.info("Choose ablation and another method to hold against it.", icon=":material/science:")
        return
    name = st.selectbox("Method", list(others), key="rank-against", persist_state="session")
    shown = others.get(name) or next(iter(others.values()))
    points = pd.DataFrame({"block": range(len(truth.scores)), "score": shown.scores, "ablation": truth.scores})
    found = agreement_with(rankings)[shown.name]
    effect = f"loss added by removing the block ({truth.method.unit})"
    figure = ablation_scatter(points, shown.name, agreement=found, effect=effect)
    show_figure(figure, points, f"{shown.name}-against-ablation")


def draw_stretches(rankings: tuple[Ranking, ...]) -> None:
    """The best stretch of every number of consecutive blocks by angular distance, as strips and as a table."""
    found = next((ranking.details["stretches"] for ranking in rankings if "stretches" in ranking.details), None)
    if not found:
        st.info("Choose angular to see the best stretch of every length.", icon=":material/science:")
        return
    table = pd.DataFrame([{**each, "last": each["first"] + each["n"] - 1} for each in found])
    table = table[["n", "first", "last", "distance"]]
    cuts = [range(first, last + 1) for first, last in zip(table["first"], table["last"], strict=True)]
    title = "The n consecutive blocks over which the state turns least"
    show_figure(strips_by_size(len(rankings[0].scores), cuts, title=title), table, "stretches")
    st.dataframe(table.rename(columns={"distance": "distance (angle / π)"}), hide_index=True)


VIEWS = {
    "Ranks": draw_ranks,
    "Scores": draw_scores,
    "Against ablation": draw_against_ablation,
    "Agreement": draw_agreement,
    "Overlap": draw_overlap,
    "Stretches": draw_stretches,
    "Relevance": draw_relevance,
}
