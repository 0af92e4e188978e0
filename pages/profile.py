"""Every statistic of a run by block; site, ε and first token answer without a new run."""

from __future__ import annotations

import streamlit as st

from avss_core.errors import RunError
from pages.parts.by_address import run_dashboard
from pages.parts.choose_run import chosen_run, line_of
from pages.parts.engine import store
from pages.parts.follow import follow
from pages.parts.profile_views import VIEWS
from pages.parts.run_sites import measured_sites, tell_missing
from pages.parts.run_words import bands
from pages.parts.score_settings import ScoreSettings, choose_score_settings
from pages.parts.trouble import told_in_a_box

POLL_SECONDS = 1.5


def draw(run_id: str, view: str, settings: ScoreSettings, ended_before: bool) -> None:
    """The chosen view, from the shards finished so far; when the run ends, the page is drawn again as a whole."""
    with told_in_a_box():
        run = store().run(run_id)
        if not run.ended:
            run = follow(run_id, "profile-page")
        if run.ended and not ended_before:
            st.rerun()
        finished = len(store().units(run_id))
        if not finished:
            raise RunError(f"Nothing of this run is finished yet ({run.status}). {run.error or ''}".strip())
        if run.status != "done":
            st.info(f"{finished} of {run.n_units} shards so far: these are statistics of a part of the text.")
        tell_missing(run)
        VIEWS[view](run, finished, settings)
        st.caption(
            f"{settings.words}. {bands(finished)} Between two histogram edges (16 to an octave) sparsity is "
            "interpolated; at an edge, powers of two among them, it is exact."
        )


def page() -> None:
    """Draw the page."""
    st.title("Profile")
    run = chosen_run()
    st.caption(line_of(run))
    settings = choose_score_settings(measured_sites(run))
    view = (
        st.segmented_control(
            "View", list(VIEWS), default="AVSS", key="view", wrap=True, persist_state="session", required=True
        )
        or "AVSS"
    )
    st.fragment(draw, run_every=None if run.ended else POLL_SECONDS)(run.id, view, settings, run.ended)


if __name__ == "__main__":
    run_dashboard()
