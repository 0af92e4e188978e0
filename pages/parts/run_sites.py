"""The sites of a profile: those that can be scored, and why the others are missing."""

from __future__ import annotations

import streamlit as st

from avss_core.errors import RunError
from avss_core.jobs.results import missing_sites
from avss_core.runs import Run
from pages.parts.engine import store


def measured_sites(run: Run) -> list[str]:
    """The sites that were asked for and that the model has; all that were asked for until a shard is finished."""
    missing = _missing(run)
    return [site for site in run.spec["sites"] if site not in missing]


def tell_missing(run: Run) -> None:
    """Say which sites were asked for and could not be measured, and why; nothing when there is none."""
    for site, reason in _missing(run).items():
        st.warning(f"Site {site!r} could not be measured in this model: {reason}.", icon=":material/help:")


def _missing(run: Run) -> dict[str, str]:
    return _of_finished(run.id, run.attempt) if run.status == "done" else _of(run.id)


@st.cache_data(show_spinner=False, max_entries=256)
def _of_finished(run_id: str, attempt: int) -> dict[str, str]:
    del attempt  # only tells a run from the same that was started again
    return _of(run_id)


def _of(run_id: str) -> dict[str, str]:
    try:
        return missing_sites(store(), run_id)
    except RunError:
        return {}  # its files are gone, which its scores will tell
