"""Rankings of one text in pictures: ranks, scores, who agrees with whom, and each against ablation."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from avss_core.figures.agreement import ablation_scatter, agreement_matrix, rank_heatmap
from avss_core.figures.multiples import score_multiples
from avss_core.figures.overlap import overlap_matrix
from avss_core.importance.agreement import agreement_table, agreement_with, overlap_of_lowest
from avss_core.importance.lrp import CAUSES
from avss_core.importance.ranking import Ranking, rank_table
from avss_core.importance.registry import ORACLE
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


def draw_agreement(rankings: tuple[Ranking, ...]) -> None:
    """Every two methods' rank correlation."""
    measure = st.segmented_control("Measure", ["spearman", "kendall"], default="spearman", key="agreement-measure")
    pairs = agreement_table(rankings)
    show_figure(agreement_matrix(pairs, measure or "spearman"), pairs, "agreement")


def draw_overlap(rankings: tuple[Ranking, ...]) -> None:
    """How many of the lowest n blocks two methods share."""
    n_blocks = len(rankings[0].scores)
    n = st.slider("Lowest n blocks", 1, n_blocks, max(1, round(0.25 * n_blocks)), key="overlap-n")
    pairs = overlap_of_lowest(rankings, n)
    show_figure(overlap_matrix(pairs, n, n_blocks), pairs, "overlap")


def draw_against_ablation(rankings: tuple[Ranking, ...]) -> None:
    """One method's scores against what removing each block alone costs."""
    truth = next((ranking for ranking in rankings if ranking.name == ORACLE), None)
    others = {ranking.name: ranking for ranking in rankings if ranking.name != ORACLE}
    if truth is None or not others:
        st.info("Choose ablation and another method to hold against it.", icon=":material/science:")
        return
    name = st.selectbox("Method", list(others), key="rank-against")
    shown = others.get(name) or next(iter(others.values()))
    points = pd.DataFrame({"block": range(len(truth.scores)), "score": shown.scores, "ablation": truth.scores})
    found = agreement_with(rankings)[shown.name]
    effect = f"loss added by removing the block ({truth.method.unit})"
    figure = ablation_scatter(points, shown.name, spearman=found["spearman"], kendall=found["kendall"], effect=effect)
    show_figure(figure, points, f"{shown.name}-against-ablation")


def draw_relevance(rankings: tuple[Ranking, ...]) -> None:
    """How much of the output's relevance LRP brings to the input, boundary by boundary, and what took the rest."""
    relevant = [ranking for ranking in rankings if "boundaries" in ranking.details]
    if not relevant:
        st.info("Choose lrp or attnlrp to see how much relevance is kept.", icon=":material/science:")
        return
    rows = []
    for ranking in relevant:
        told = ranking.details
        lost = {cause: amount for cause, amount in told["lost"].items() if abs(amount) > 1e-6 * abs(told["output"])}
        causes = "; ".join(f"{CAUSES[cause]} ({amount / told['output']:+.1%})" for cause, amount in lost.items())
        st.markdown(
            f"**{ranking.name}**: {told['input'] / told['output']:.1%} of the output's relevance arrives at the input; "
            f"conservation error {told['conservation_error'] or 0.0:.1e}. "
            f"{f'What took the rest: {causes}.' if causes else 'Nothing took more than a millionth of it.'}"
        )
        rows += [
            {"method": ranking.name, "block": block, "score": relevance}
            for block, relevance in enumerate(told["boundaries"][:-1])
        ]
    boundaries = pd.DataFrame(rows)
    units = {ranking.name: "Σ R before the block, in logits" for ranking in relevant}
    figure = score_multiples(boundaries, units, title="Relevance at every boundary between blocks")
    show_figure(figure, boundaries, "relevance")


VIEWS = {
    "Ranks": draw_ranks,
    "Scores": draw_scores,
    "Against ablation": draw_against_ablation,
    "Agreement": draw_agreement,
    "Overlap": draw_overlap,
    "Relevance": draw_relevance,
}
