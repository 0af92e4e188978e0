"""Start a job from a button, follow it in a fragment of its own, and draw the page again when it ends."""

from __future__ import annotations

import streamlit as st

from avss_core.errors import AvssError
from avss_core.jobs.requests import Request
from pages.parts.engine import jobs, store
from pages.parts.follow import follow
from pages.parts.trouble import told_in_a_box

POLL_SECONDS = 0.7


def start_job(name: str, request: Request) -> None:
    """Submit a request under a name of this page's (for callbacks); what is wrong with it is told by `draw_job`."""
    try:
        st.session_state[f"{name}-run"] = jobs().submit(request).id
        st.session_state.pop(f"{name}-shown", None)  # the same run may be made again, and ends again
    except AvssError as error:
        st.session_state[f"{name}-error"] = str(error)


def draw_job(name: str, poll_seconds: float = POLL_SECONDS) -> None:
    """What became of the job that was started last under this name; while it runs, its progress and *Cancel*."""
    if f"{name}-error" in st.session_state:
        st.error(st.session_state.pop(f"{name}-error"), icon=":material/error:")
    run = store().find_run(st.session_state.get(f"{name}-run", ""))
    if run is not None:
        st.fragment(_draw, run_every=None if run.ended else poll_seconds)(name, run.id)


def _draw(name: str, run_id: str) -> None:
    with told_in_a_box():
        if follow(run_id, name).ended and st.session_state.get(f"{name}-shown") != run_id:
            st.session_state[f"{name}-shown"] = run_id
            st.rerun()
