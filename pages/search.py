"""Search for the blocks to remove by measuring: step by step, live, and judged on held-out text."""

from __future__ import annotations

import streamlit as st

from avss_core.corpora.spec import CorpusSpec
from avss_core.jobs import SearchRequest
from avss_core.jobs.results import still_to_do
from avss_core.jobs.search_results import searches_like
from avss_core.runs import Run
from pages.parts.by_address import run_dashboard
from pages.parts.choose_run import chosen_run, line_of
from pages.parts.engine import store
from pages.parts.evaluate_cuts import evaluate
from pages.parts.picked_cut import pick_cut
from pages.parts.search_found import Found, found
from pages.parts.search_live import draw_search
from pages.parts.search_overlay import draw_overlay
from pages.parts.search_settings import choose_search
from pages.parts.start_job import draw_job, start_job
from pages.parts.told_apart import told_apart
from pages.parts.wait_for_profile import waits_for_profile

JOB, JUDGE = "search", "search-held-out"
LOOK_AT, STARTED, PICKED = "search-look-at", "search-started-here", "search-picked"
MOST_LISTED = 30


def start(request: SearchRequest) -> None:
    """Start a search, or go on with it, and look at it (for callbacks)."""
    start_job(JOB, request)
    run_id = st.session_state.get(f"{JOB}-run")
    if run_id == request.run_id():
        st.session_state[LOOK_AT] = run_id
        st.session_state.setdefault(STARTED, set()).add(run_id)


def pick(removed: tuple[int, ...], reason: str) -> None:
    """Hand a cut to the Prune page."""
    pick_cut(removed, reason)
    st.session_state[PICKED] = reason


def choose_shown(runs: list[Run], held_out: CorpusSpec) -> Found:
    """Draw which of the searches on this text is looked at, the newest first."""
    known = {run.id: found(run.id, held_out) for run in runs}
    if st.session_state.get(LOOK_AT) not in known:
        st.session_state[LOOK_AT] = next(iter(known))
    labels = told_apart({name: each.label for name, each in known.items()})
    chosen = st.selectbox("Search to look at", list(known), format_func=lambda name: labels[name], key=LOOK_AT)
    return known[chosen]


def draw_judging(shown: Found) -> None:
    """Judge what a finished search found on held-out text: at once when it was started here, else at a press."""
    draw_job(JUDGE)
    left = still_to_do(store(), shown.judged).cuts if shown.steps else ()
    if shown.run.status == "done" and left and shown.run.id in st.session_state.get(STARTED, set()):
        st.session_state[STARTED].discard(shown.run.id)
        evaluate(shown.judged, JUDGE)
        st.rerun()
    if left:
        st.button(
            f"Judge {len(left)} cuts on held-out text",
            key="search-judge",
            icon=":material/balance:",
            on_click=evaluate,
            args=(shown.judged, JUDGE),
            help="Each step's cut is the best of those tried on the text of the search, which therefore flatters it.",
        )


def draw_pick(shown: Found) -> None:
    """Choose a step, and take its cut to the Prune page."""
    numbers = [step.number for step in shown.steps]
    number = st.selectbox("Step", numbers, len(numbers) - 1, key=f"search-step-{shown.run.id}-{len(numbers)}")
    step = shown.steps[numbers.index(number)]
    reason = f"{shown.request.settings.label}, step {step.number}"
    st.button(
        f"Take the cut of step {number} to the Prune page",
        key="search-pick",
        icon=":material/content_cut:",
        disabled=not step.removed,
        on_click=pick,
        args=(step.removed, reason),
    )
    if PICKED in st.session_state:
        st.success(f"The Prune page shows the cut of {st.session_state.pop(PICKED)} when you open it.")


def page() -> None:
    """Draw the page."""
    st.title("Search")
    run = chosen_run()
    st.caption(line_of(run))
    if waits_for_profile(run):
        return
    n_blocks = int(run.facts["blocks"])
    with st.container(border=True):
        request, held_out = choose_search(run)
        known = store().find_run(request.run_id())
        steps, cuts = request.settings.most_steps(n_blocks), request.settings.most_cuts(n_blocks)
        st.button(
            "Go on" if known is not None and known.ended and known.status != "done" else "Start",
            type="primary",
            key="search-start",
            icon=":material/play_arrow:",
            on_click=start,
            args=(request,),
            disabled=known is not None and not known.ended,
            help=f"At most {steps} steps and {cuts:,} cuts. What is known is not run again.",
        )
        if request.corpus.part == "all":
            st.warning("All documents are searched on, so the cuts are judged on text that was used to find them.")
    if f"{JOB}-error" in st.session_state:
        st.error(st.session_state.pop(f"{JOB}-error"), icon=":material/error:")
    runs = searches_like(store(), request)[:MOST_LISTED]
    if not runs:
        st.info("Nothing has been searched for on this text yet: press **Start**.", icon=":material/play_arrow:")
        return
    shown = choose_shown(runs, held_out)
    draw_search(shown.run.id, held_out)
    if shown.run.ended and shown.steps:
        draw_judging(shown)
        draw_pick(shown)
    draw_overlay([found(each.id, held_out) for each in runs], n_blocks, JUDGE)


if __name__ == "__main__":
    run_dashboard()
