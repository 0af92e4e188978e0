"""The papers' table 1, measured here: what each way to choose blocks leaves of what a model can do."""

from __future__ import annotations

import streamlit as st

from avss_core.errors import SettingError
from avss_core.studies.table1 import Table1Study
from pages.parts.by_address import run_dashboard
from pages.parts.table1_choose import choose_study
from pages.parts.table1_plan import ERROR, is_under_way, move_on, start_plan, stop_plan
from pages.parts.table1_show import draw_table
from pages.parts.trouble import told_in_a_box

POLL_SECONDS = 1.5


def draw_live(study: Table1Study) -> None:
    """Move the plan on, and draw what is there; the page is drawn again when the plan ends."""
    with told_in_a_box():
        was_under_way = is_under_way(study)
        if was_under_way:
            move_on(study)
        draw_table(study)
        if was_under_way and not is_under_way(study):
            st.rerun()


def page() -> None:
    """Draw the page."""
    st.title("Papers' table")
    st.markdown(
        "Table 1 of the AVSS paper, asked again: each method ranks the blocks, the lowest go, and what is left does a "
        "task on questions that no ranking has seen. The paper's own figures stand below, marked as theirs."
    )
    with st.container(border=True):
        try:
            study = choose_study()
        except SettingError as error:
            st.info(str(error), icon=":material/info:")
            return
        under_way = is_under_way(study)
        start, stop = st.columns([1, 1])
        start.button(
            "Fill the table",
            type="primary",
            key="table1-start",
            icon=":material/play_arrow:",
            on_click=start_plan,
            args=(study,),
            disabled=under_way,
            help="Requests run one after another while this page is open and its settings stay; what was measured "
            "before is not run again.",
        )
        stop.button(
            "Stop", key="table1-stop", icon=":material/stop_circle:", on_click=stop_plan, disabled=not under_way
        )
    if ERROR in st.session_state:
        st.error(st.session_state.pop(ERROR), icon=":material/error:")
    st.fragment(draw_live, run_every=POLL_SECONDS if under_way else None)(study)


if __name__ == "__main__":
    run_dashboard()
