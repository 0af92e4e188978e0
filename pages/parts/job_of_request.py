"""A job under the name of what it asks, so that the jobs of different cuts are not taken for one another."""

from __future__ import annotations

import streamlit as st

from avss_core.jobs.requests import Request
from pages.parts.engine import store
from pages.parts.start_job import draw_job, start_job


def start_request(request: Request) -> None:
    """Submit a request (for callbacks); what is wrong with it is told by `draw_request`."""
    start_job(_name(request), request)


def draw_request(request: Request) -> None:
    """The progress or the end of a request's job; one that was started before the page was opened is taken up."""
    name = _name(request)
    if f"{name}-run" not in st.session_state:
        run = store().find_run(request.run_id())
        if run is not None and not run.ended:
            st.session_state[f"{name}-run"] = run.id
    draw_job(name)


def _name(request: Request) -> str:
    return f"{request.kind}-{request.run_id()}"
