"""The plan under way: at every look the next request is submitted, when the one before has ended.

The plan is read off the store, so it can be left and taken up again: a page that is closed loses nothing but the time
until it is opened again. A job of its own would have to carry out other jobs' work inside itself, and other pages would
not find what it measured.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import streamlit as st

from avss_core.errors import AvssError
from avss_core.jobs.table1 import Progress, progress
from avss_core.studies.table1 import Table1Study
from pages.parts.engine import jobs, store
from pages.parts.follow import follow

KEY = "table1-plan"
ERROR = "table1-error"


@dataclass(frozen=True)
class Started:
    """A plan that was started: what failed before `since` is tried again. tried: the run submitted last."""

    study: Table1Study
    since: float
    tried: str = ""


def start_plan(study: Table1Study) -> None:
    """Begin, or go on after a stop (for callbacks)."""
    st.session_state[KEY] = Started(study, time.time())


def stop_plan() -> None:
    """Cancel the request under way and submit no other (for callbacks); what is finished is kept."""
    started = st.session_state.pop(KEY, None)
    run = None if started is None else store().find_run(started.tried)
    if run is not None and not run.ended:
        try:
            jobs().cancel(run.id)
        except AvssError as error:
            st.session_state[ERROR] = str(error)


def is_under_way(study: Table1Study) -> bool:
    """Whether exactly this plan was started and has not come to its end."""
    started = st.session_state.get(KEY)
    return started is not None and started.study == study


def move_on(study: Table1Study) -> None:
    """Draw how far the plan is, and submit what comes next when nothing is under way; ends it when nothing is left."""
    started: Started = st.session_state[KEY]
    now = progress(store(), study, started.since)
    if now.step is None:
        st.session_state.pop(KEY)
        return
    st.progress(now.done / now.total, text=f"{now.done} of {now.total} · {now.step.row.model.source}: {now.step.what}")
    run = store().find_run(started.tried)
    if run is not None and not run.ended:
        follow(run.id, "table1")
    elif run is not None and run.status == "cancelled":
        st.session_state.pop(KEY)
    elif run is not None and run.status == "done" and run.id == now.step.request.run_id():
        # It would be found done for ever.
        st.session_state.pop(KEY)
        st.session_state[ERROR] = f"What run {run.id} found is gone from the store; delete the run, then start again."
    else:
        _submit(started, now)


def _submit(started: Started, now: Progress) -> None:
    assert now.step is not None
    try:
        run = jobs().submit(now.step.request)
    except AvssError as error:  # nothing in the store would say so, and the plan would try for ever
        st.session_state[ERROR] = str(error)
        st.session_state.pop(KEY)
    else:
        st.session_state[KEY] = Started(started.study, started.since, run.id)
