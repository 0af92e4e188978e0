"""Which blocks differ between made-up and truthful answers, whether that is more than chance, and how H is used."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from avss_core.figures.agreement import rank_heatmap
from avss_core.figures.contrast import CONTRAST_STATISTICS, contrast_grid, groups_overlay
from avss_core.figures.strip import network_strip
from avss_core.hallucination.contrast import LEVEL, Contrast
from avss_core.hallucination.honesty import cut_above_propensity
from avss_core.hallucination.permutation import NOT_WHY
from avss_core.hallucination.readings import TOP, readings_agreement, top_blocks
from avss_core.hallucination.scores import READINGS, our_readings
from avss_core.jobs import AnswersRequest
from avss_core.readable import from_to, numbers_apart
from pages.parts.hallucination_data import Answered, contrast_of
from pages.parts.hallucination_settings import ContrastSettings
from pages.parts.picked_cut import HandedCut, pick_cut
from pages.parts.show import show_figure

SCORES = tuple(statistic.column for statistic in CONTRAST_STATISTICS)
NORMALISED = ("hsav", "hss", "hcs", "eavss", "eavss_stable")  # as (8) and (9)
PICKED = "hallucination-picked"


def draw_blocks(request: AnswersRequest, of: Answered, settings: ContrastSettings) -> None:
    """The conclusion first, then the scores, the two groups, the readings, the threshold and the table."""
    found = contrast_of(of, settings.site, settings.epsilon, settings.reading)
    draw_conclusion(found)
    table = found.table
    show_figure(contrast_grid(table, SCORES, reading=found.reading), table, f"contrast-{settings.site}")
    st.caption(
        f"{settings.words}. Bands: 95 %, from resampling the questions. Distances cannot be negative, so their bands "
        f"leave out 0 even by chance: whether a block differs is told by the stars (p < {LEVEL:g} in a permutation "
        "test of the labels), not by the bands."
        + ("" if found.exact else " This ε lies between the values at which activations were counted: S is between.")
    )
    st.caption(our_readings(found.reading))
    st.caption(NOT_WHY)
    if found.flagged:
        st.warning(found.flagged)
    column = st.segmented_control(
        "Both groups",
        ("variance", "sparsity"),
        default="variance",
        key="hallucination-groups",
        wrap=True,
        persist_state="session",
        required=True,
    )
    column = column or "variance"
    show_figure(groups_overlay(table, column), table, f"groups-{column}-{settings.site}")
    draw_threshold(request, found)
    draw_readings(table)
    with st.expander("Table"):
        st.dataframe(_for_people(table), hide_index=True)


def draw_conclusion(found: Contrast) -> None:
    """What may be concluded, and H_model."""
    if found.enough:
        st.info(found.conclusion, icon=":material/gavel:")
    else:
        st.warning(found.conclusion, icon=":material/gavel:")
    empty = f" Answers without a token, which have no activations: {found.empty}." if found.empty else ""
    st.caption(
        f"H_model (23), the mean propensity (our reading) over the blocks: {found.h_model:.4g} "
        f"({from_to(found.h_model_low, found.h_model_high)}).{empty}"
    )


def draw_threshold(request: AnswersRequest, found: Contrast) -> None:
    """θ_H: which blocks lie above it, and the way to the Prune page. request: the answers that it is found from."""
    st.subheader("Threshold θ_H", anchor=False)
    values = sorted(set(found.table["propensity"]))
    labels = numbers_apart(values)  # the slider tells its steps apart by their labels alone
    theta = st.select_slider(
        "θ_H: blocks with a higher propensity H",
        values,
        values[max(0, len(values) - 1 - max(1, len(values) // 4))],
        format_func=lambda value: labels[value],
        key=f"hallucination-theta-{found.site}-{found.epsilon}",
        persist_state="session",
        help="Equations (22) and (34). The steps are the blocks' own values, so each adds a block or takes one away.",
    )
    cut = cut_above_propensity(found.table, theta)
    st.plotly_chart(
        network_strip(cut.n_blocks, cut.removed), key="hallucination-strip", config={"displayModeBar": False}
    )
    words, button = st.columns([5, 3], vertical_alignment="center")
    words.caption(
        f"Above: {', '.join(map(str, cut.removed)) or 'none'}. Whether removing them helps is measured in the view "
        "*Pruning for honesty*."
    )
    button.button(
        "Take to the Prune page",
        key="hallucination-pick",
        icon=":material/content_cut:",
        disabled=not cut.removed,
        on_click=_pick,
        args=(request, cut.removed, cut.reason),
    )
    if PICKED in st.session_state:
        st.success(f"The Prune page shows the cut of {st.session_state.pop(PICKED)} when you open it.")


def draw_readings(table: pd.DataFrame) -> None:
    """Whether the three readings of HCS point to the same blocks."""
    st.subheader("Do the readings of HCS agree?", anchor=False)
    if table[["hsav", "hss"]].isna().any(axis=None):
        st.caption("There are answers of one label only, so there is no HCS in any reading.")
        return
    agreement = readings_agreement(table)
    top = min(TOP, len(table))
    st.dataframe(
        agreement.assign(shared=agreement["shared"].map(lambda blocks: " ".join(map(str, blocks)) or "none")),
        hide_index=True,
        column_config={
            "shared": st.column_config.TextColumn(f"shared of the highest {top}"),
            "share": st.column_config.NumberColumn(f"share of {top}", format="percent"),
            "spearman": st.column_config.NumberColumn("Spearman, all blocks", format="%.2f"),
        },
    )
    if table["hss_floored"].any():
        st.caption("Where HSS = 0, *ratio* counts it as 1/N (our reading), which puts such a block first.")
    ranks = ranks_of(table)
    figure = rank_heatmap(ranks, title="Rank of every block by HCS, in each reading", first="highest HCS")
    show_figure(figure, ranks, "readings")


def ranks_of(table: pd.DataFrame) -> pd.DataFrame:
    """Columns block, method (the reading), rank: 1 is the block of highest HCS."""
    return pd.DataFrame(
        [
            {"block": block, "method": reading, "rank": place}
            for reading in READINGS
            for place, block in enumerate(top_blocks(table, reading, len(table)), start=1)
        ]
    )


def _for_people(table: pd.DataFrame) -> pd.DataFrame:
    p_values = ["p_hsav", "p_hss", "p_value", "p_adjusted"]
    ends = [f"{name}_{end}" for name in SCORES for end in ("low", "high")]
    forms = [f"{name}_{form}" for name in NORMALISED for form in ("share", "cumulative")]
    return table[["block", *SCORES, *p_values, "avss_share", *forms, "floored", "hss_floored", *ends]]


def _pick(request: AnswersRequest, removed: tuple[int, ...], reason: str) -> None:
    pick_cut(HandedCut(request.model.identity(), removed, reason, (request.corpus,)))
    st.session_state[PICKED] = reason
