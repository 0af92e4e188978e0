"""The run that all pages look at, chosen in the side bar and kept in the address."""

from __future__ import annotations

import time

import streamlit as st

from avss_core.errors import RunError
from avss_core.jobs.requests import ProfileRequest
from avss_core.runs import Run
from pages.parts.engine import store
from pages.parts.told_apart import told_apart

KEY = "run"
STATUS_SIGN = {"done": "✓", "running": "▶", "waiting": "…", "failed": "✗", "cancelled": "■", "interrupted": "‖"}


def choose_run() -> None:
    """Draw the chooser: profiles, newest first; one that has just been started is chosen by itself."""
    found = {run.id: run for run in store().runs(ProfileRequest.kind)}
    if not found:
        return
    wanted = st.session_state.get(KEY) or st.query_params.get(KEY)
    st.session_state[KEY] = wanted if wanted in found else next(iter(found))
    labels = told_apart({run_id: line_of(run) for run_id, run in found.items()})
    st.sidebar.selectbox("Run", list(found), format_func=lambda run_id: labels[run_id], key=KEY)
    st.query_params[KEY] = st.session_state[KEY]


def look_at(run_id: str) -> None:
    """Make all pages look at this run from the next rerun on (for callbacks)."""
    st.session_state[KEY] = run_id


def chosen_run() -> Run:
    """The run that is looked at; RunError when there is none yet."""
    if KEY not in st.session_state:
        raise RunError("Nothing has been measured yet; start a profile on the Overview page.")
    return store().run(st.session_state[KEY])


def line_of(run: Run) -> str:
    """A run in one line: state, model, text, tokens, time."""
    tokens = f" · {run.facts['tokens']:,} tokens" if "tokens" in run.facts else ""
    when = time.strftime("%d %b %H:%M", time.localtime(run.created))
    model, corpus = run.spec["model"]["source"], run.spec["corpus"]["source"]
    return f"{STATUS_SIGN[run.status]} {model} · {corpus}{tokens} · {when}"
