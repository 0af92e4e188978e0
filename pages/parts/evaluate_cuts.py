"""Start the evaluation of cuts, or follow one that is under way; what was evaluated before is free."""

from __future__ import annotations

import streamlit as st

from avss_core.errors import AvssError
from avss_core.jobs import EvaluateRequest
from avss_core.jobs.results import begun, still_to_do
from avss_core.runs import Run
from pages.parts.engine import store
from pages.parts.start_job import start_job

NAME = "evaluation"
_LOOK_BACK = 20  # runs


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


def follow_evaluation(base: EvaluateRequest, name: str = NAME) -> None:
    """Take up the newest evaluation under way of this model, text and task, of whatever cuts: after a reload, a page
    no longer knows which it was."""
    under_way = (run for run in store().runs(EvaluateRequest.kind, limit=_LOOK_BACK) if not run.ended)
    take_up(next((run for run in under_way if is_of(run, base)), None), name)


def take_up(run: Run | None, name: str) -> None:
    """Let `draw_job(name)` show a run under way that was started before the page was opened, or elsewhere; not while
    another that was started under this name is under way."""
    followed = store().find_run(st.session_state.get(f"{name}-run", ""))
    if run is not None and not run.ended and (followed is None or followed.ended):
        st.session_state[f"{name}-run"] = run.id


def is_of(run: Run, base: EvaluateRequest) -> bool:
    """Whether a run evaluates this model on this text and task, healed by the same run or not at all."""
    return all(run.spec.get(part) == value for part, value in base.to_dict().items() if part != "cuts")
