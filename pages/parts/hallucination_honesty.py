"""Pruning for honesty: remove blocks, ask the same questions again, and see whether less is made up."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from avss_core.errors import AvssError
from avss_core.figures.honesty import CHOSEN, RANDOM, honesty_scatter
from avss_core.figures.strip import network_strip
from avss_core.hallucination.honesty import (
    HonestyChange,
    Judged,
    cut_by_eavss_stable,
    cut_by_propensity,
    doubt_about,
    honesty_change,
    honesty_conclusion,
    honesty_table,
)
from avss_core.hallucination.labels import paired_labels
from avss_core.hallucination.scores import PROPENSITY_FORMULA
from avss_core.importance import Epsilon
from avss_core.jobs import AnswersRequest
from avss_core.jobs.honesty_results import requests_beside
from avss_core.pruning import Cut
from avss_core.readable import from_to
from pages.parts.engine import jobs, store
from pages.parts.follow import follow
from pages.parts.hallucination_answers import answers_table, draw_table
from pages.parts.hallucination_data import Answered, answered, contrast_of
from pages.parts.hallucination_settings import ContrastSettings
from pages.parts.show import show_figure
from pages.parts.trouble import told_in_a_box

POLL_SECONDS = 1.0
ERROR = "honesty-error"
BY_HAND = "by hand"
STABLE = "lowest EAVSS-stable"
CHOICES = {"highest propensity H": cut_by_propensity, STABLE: cut_by_eavss_stable}
FLATTERED = {
    "highest propensity H": "Chosen and judged on the same questions: H is read off the answers to the very questions "
    "that both models are compared on, which flatters this cut beside random ones, ΔH above all.",
    STABLE: "**Chosen by the labels that it is judged by**: EAVSS-stable reads which of these very answers are made "
    "up, and both ΔH and the rate are then taken on the same questions. That flatters this cut beside random ones; "
    "what it does to hallucination only other questions can tell.",
}


def draw_honesty(request: AnswersRequest, of: Answered, settings: ContrastSettings) -> None:
    """Choose a cut and random ones beside it, ask them all, and compare what is finished."""
    cut, draws, doubt = choose_cut(of, settings)
    if not cut.removed:
        st.info("Choose the blocks to remove.", icon=":material/content_cut:")
        return
    chosen = replace(request, removed=cut.removed)
    others = requests_beside(request, cut.removed, cut.n_blocks, draws)
    draw_start([chosen, *others])
    after = answered(chosen, of.judge)
    if after is None:
        st.info("This cut has not been asked yet.", icon=":material/play_arrow:")
        return
    beside = [there for other in others if (there := answered(other, of.judge)) is not None]
    if choose_judge_alone(of, after, beside):
        of, after, *beside = (replace(one, by_hand=()) for one in (of, after, *beside))
    draw_changes(
        change_of(of, after, cut.reason, settings.site, settings.epsilon),
        [change_of(of, one, "random", settings.site, settings.epsilon) for one in beside],
        doubt,
    )
    if st.toggle("Show the pruned model's answers", key="honesty-answers", persist_state="session"):
        draw_table(after, answers_table(after))


def choose_cut(of: Answered, settings: ContrastSettings) -> tuple[Cut, int, str]:
    """Draw what is removed by, how many blocks, and how many random cuts.

    The cut, the number of random ones, and what is doubtful about the choice, empty where nothing is.
    """
    found = contrast_of(of, settings.site, settings.epsilon, settings.reading)
    table = found.table
    n_blocks = len(table)
    way = st.segmented_control(
        "Remove by",
        [*CHOICES, BY_HAND],
        default=next(iter(CHOICES)),
        key="honesty-by",
        wrap=True,
        persist_state="session",
        required=True,
        help="H: equation (21), high variance from few active units. EAVSS-stable: equation (40), low where a block is "
        "neither useful nor stable. Both are readings of ours.",
    )
    size, random = st.columns(2, vertical_alignment="bottom")
    draws = random.number_input(
        "Random cuts beside",
        0,
        100,
        3,
        key="honesty-random",
        persist_state="session",
        help="Of as many blocks; each is asked all questions.",
    )
    if way in CHOICES:
        most = max(1, n_blocks - 1)
        k = size.number_input(
            "Blocks to remove",
            1,
            most,
            min(most, max(1, n_blocks // 10)),
            key="honesty-blocks",
            persist_state="session",
        )
        cut = CHOICES[way](table, int(k))
    else:
        ticked = size.pills(
            "Blocks to remove",
            range(n_blocks),
            selection_mode="multi",
            key="honesty-ticked",
            wrap=True,
            persist_state="session",
        )
        cut = Cut(tuple(ticked), n_blocks, f"blocks {', '.join(map(str, sorted(ticked)))}")
    st.plotly_chart(network_strip(n_blocks, cut.removed), key="honesty-strip", config={"displayModeBar": False})
    if way in FLATTERED:
        st.caption(FLATTERED[way])
    return cut, int(draws), doubt_about(found) if way == STABLE else ""


def draw_start(requests: list[AnswersRequest]) -> None:
    """The button that asks every model that has not answered yet, and how far they are; one runs after the other."""
    runs = [(request, store().find_run(request.run_id())) for request in requests]
    left = [request for request, run in runs if run is None or (run.ended and run.status != "done")]
    under_way = [run.id for _, run in runs if run is not None and not run.ended]
    st.button(
        f"Ask {len(left)} pruned model{'s' if len(left) != 1 else ''}" if left or under_way else "All are asked",
        type="primary",
        key="honesty-ask",
        icon=":material/play_arrow:",
        on_click=start_all,
        args=(left,),
        disabled=not left,
        help="The same questions to the model without these blocks, and without as many drawn at random.",
    )
    if ERROR in st.session_state:
        st.error(st.session_state.pop(ERROR), icon=":material/error:")
    for error in dict.fromkeys(run.error for _, run in runs if run is not None and run.ended and run.error):
        st.warning(error, icon=":material/error:")
    if under_way:
        st.fragment(_draw_queue, run_every=POLL_SECONDS)(under_way)


def start_all(requests: list[AnswersRequest]) -> None:
    """Submit all of them (for callbacks); the worker takes one after another."""
    try:
        for request in requests:
            jobs().submit(request)
    except AvssError as error:
        st.session_state[ERROR] = str(error)


def choose_judge_alone(before: Answered, after: Answered, beside: list[Answered]) -> bool:
    """Draw whether labels by hand are left out, where there are any; what they do to the comparison is said."""
    if not any(one.by_hand for one in (before, after, *beside)):
        return False
    alone = st.toggle(
        "By the judge alone",
        key="honesty-judge-alone",
        help="Leaves out labels by hand on both sides, so that all answers are judged alike.",
    )
    if not alone:
        st.caption(
            f"Labelled by hand: {len(before.by_hand)} answers of the unpruned model, {len(after.by_hand)} of the "
            f"pruned one, {sum(len(one.by_hand) for one in beside)} of those without random blocks. Where both models "
            "of a comparison gave the same answer, a label of the one is that of the other too; of two different "
            "answers both need one, or the judge says what both are. So the rate before may differ from row to row."
        )
    return alone


@st.cache_data(show_spinner="Comparing before and after …", max_entries=256)
def change_of(before: Answered, after: Answered, name: str, site: str, epsilon: Epsilon) -> HonestyChange:
    """ΔH and the change of the measured rate, on the same questions; labels by hand as `paired_labels` says."""
    labels = paired_labels(before.frame, after.frame, before.judge, dict(before.by_hand), dict(after.by_hand))
    judged = (Judged(*pair) for pair in zip((before.frame, after.frame), labels, strict=True))
    return honesty_change(*judged, name, site, epsilon)


def draw_changes(chosen: HonestyChange, others: list[HonestyChange], doubt: str) -> None:
    """The conclusion first, then the figure and the table."""
    said = honesty_conclusion(chosen, others, doubt)
    (st.warning if doubt else st.info)(said, icon=":material/gavel:")
    table = honesty_table([chosen, *others]).assign(which=[CHOSEN, *[RANDOM] * len(others)])
    show_figure(honesty_scatter(table), table.assign(removed=table["removed"].map(_as_text)), "honesty")
    st.dataframe(_for_people(table), hide_index=True)
    st.caption(
        f"After − before, on the same {chosen.questions} questions, resampled in pairs: 95 % intervals in brackets. "
        "Lower is better. The mean of H changes with the blocks that it is taken over; “ΔH, same blocks” is that of "
        f"the blocks which both models have. H = {PROPENSITY_FORMULA} is our reading of (21)."
    )


def _draw_queue(run_ids: list[str]) -> None:
    """The first that has not ended, and how many wait; the page is drawn again when one ends."""
    with told_in_a_box():
        runs = [jobs().follow(run_id) for run_id in run_ids]
        if any(run.ended for run in runs):
            st.rerun()
        current = next((run for run in runs if run.status == "running"), runs[0])
        follow(current.id, "honesty")
        if len(runs) > 1:
            words, button = st.columns([5, 1], vertical_alignment="center")
            words.caption(f"{len(runs) - 1} more wait for their turn.")
            button.button("Cancel all", key="honesty-cancel", on_click=_cancel_all, args=(run_ids,))


def _cancel_all(run_ids: list[str]) -> None:
    for run_id in reversed(run_ids):
        jobs().cancel(run_id)


def _for_people(table: pd.DataFrame) -> pd.DataFrame:
    def change(name: str, form: str) -> pd.Series:
        return table.apply(
            lambda row: f"{row[name]:{form}} ({from_to(row[f'{name}_low'], row[f'{name}_high'], form)})", axis=1
        )

    return pd.DataFrame(
        {
            "cut": table["name"],
            "removed": table["removed"].map(_as_text),
            "H before": table["h_before"],
            "H after": table["h_after"],
            "ΔH": change("h_change", "+.3g"),
            "ΔH, same blocks": change("same_blocks_change", "+.3g"),
            "rate before": table["rate_before"].map("{:.1%}".format),
            "rate after": table["rate_after"].map("{:.1%}".format),
            "Δ rate": change("rate_change", "+.1%"),
            "agree": table["agree"].map({True: "yes", False: "no"}).fillna("not known"),
        }
    )


def _as_text(removed: tuple[int, ...]) -> str:
    return " ".join(map(str, removed))
