"""A page that needs more of the profile than there is yet: says so, shows how far it is, and goes on by itself."""

from __future__ import annotations

import streamlit as st

from avss_core.runs import Run
from pages.parts.follow import follow
from pages.parts.trouble import told_in_a_box

POLL_SECONDS = 0.7


def waits_for_profile(run: Run, finished: bool = False) -> bool:
    """Whether the page has to wait, which is drawn then.

    finished: until the profile is done; otherwise only until its model has been loaded once, so that its blocks are
    known.
    """
    if _is_ready(run, finished):
        return False
    if run.ended:
        st.info("This profile did not come so far; start it again on the Overview page.", icon=":material/restart_alt:")
    else:
        until = "the profile is finished, since blocks are ranked by it" if finished else "the model has been loaded"
        st.info(f"This page goes on by itself when {until}.", icon=":material/hourglass:")
    st.fragment(_draw, run_every=None if run.ended else POLL_SECONDS)(run.id, finished, run.ended)
    return True


def _is_ready(run: Run, finished: bool) -> bool:
    return run.status == "done" if finished else "blocks" in run.facts


def _draw(run_id: str, finished: bool, had_ended: bool) -> None:
    with told_in_a_box():
        run = follow(run_id, "awaited")
        if _is_ready(run, finished) or (run.ended and not had_ended):
            st.rerun()
