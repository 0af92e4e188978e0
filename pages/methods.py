"""Ways to score a block, side by side on the same text, with what removal really costs beside them."""

from __future__ import annotations

import streamlit as st

from avss_core.errors import AvssError
from avss_core.importance.ranking import Ranking
from avss_core.jobs import RankRequest
from avss_core.jobs.results import finished_rankings
from avss_core.runs import Run
from pages.parts.by_address import run_dashboard
from pages.parts.choose_run import chosen_run, line_of
from pages.parts.engine import jobs, store
from pages.parts.follow import follow
from pages.parts.method_cards import draw_cards
from pages.parts.methods_choose import choose_request
from pages.parts.methods_cost import draw_cost
from pages.parts.methods_relevance import draw_conservation
from pages.parts.methods_views import VIEWS, draw_ranks
from pages.parts.trouble import told_in_a_box
from pages.parts.wait_for_profile import waits_for_profile

POLL_SECONDS = 1.5


def start(request: RankRequest) -> None:
    """Submit every pass that the methods need; those that were measured before are free."""
    try:
        for part in request.parts():
            jobs().submit(part)
    except AvssError as error:
        st.session_state["rank-error"] = str(error)


def draw_progress(request: RankRequest) -> None:
    """Every pass under way; when the last one ends, the page is drawn again."""
    with told_in_a_box():
        runs = [store().find_run(part.run_id()) for part in request.parts()]
        for index, run in enumerate(runs):
            if run is not None and run.status != "done":
                st.caption(", ".join(run.spec["settings"]["methods"]))
                follow(run.id, f"rank-{index}")
        if finished_rankings(store(), request) is not None:
            st.rerun()


def draw_rankings(rankings: tuple[Ranking, ...], request: RankRequest, run: Run) -> None:
    """Agreement, cost and quality first, what LRP conserves where it is among them, then the view that is chosen."""
    draw_cost(rankings, request, bool(run.facts.get("predicts_next_token")))
    draw_conservation(rankings)
    if len(rankings) < 2:
        draw_ranks(rankings)
        return
    view = st.segmented_control(
        "View",
        list(VIEWS),
        default="Ranks",
        key="methods-view",
        wrap=True,
        persist_state="session",
        label_visibility="collapsed",
    )
    VIEWS[view or "Ranks"](rankings)


def page() -> None:
    """Draw the page."""
    st.title("Methods")
    run = chosen_run()
    st.caption(line_of(run))
    if waits_for_profile(run):
        return
    request = choose_request(run)
    st.button("Score the blocks", type="primary", key="rank", on_click=start, args=(request,))
    if "rank-error" in st.session_state:
        st.error(st.session_state.pop("rank-error"), icon=":material/error:")
    rankings = finished_rankings(store(), request)
    if rankings is not None:
        draw_rankings(rankings, request, run)
    else:
        under_way = [part for part in request.parts() if store().find_run(part.run_id()) is not None]
        if under_way:
            st.fragment(draw_progress, run_every=POLL_SECONDS)(request)
    draw_cards(request.settings.methods)


if __name__ == "__main__":
    run_dashboard()
