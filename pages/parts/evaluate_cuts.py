"""Start the evaluation of cuts; what was evaluated before is free."""

from __future__ import annotations

import streamlit as st

from avss_core.errors import AvssError
from avss_core.jobs import EvaluateRequest
from avss_core.jobs.results import begun, still_to_do
from pages.parts.engine import store
from pages.parts.start_job import start_job

NAME = "evaluation"


def evaluate(request: EvaluateRequest, name: str = NAME) -> None:
    """Submit what is still to do of a request, going on where a run was broken off (for callbacks too); what is wrong
    with it is told by `draw_job(name)`."""
    try:
        left = still_to_do(store(), request)
        left = begun(store(), left) or left
    except AvssError as error:
        st.session_state[f"{name}-error"] = str(error)
        return
    if left.cuts:
        start_job(name, left)
