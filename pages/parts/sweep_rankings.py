"""Score the blocks by methods that have no order yet, without leaving the page."""

from __future__ import annotations

from collections.abc import Collection

import streamlit as st

from avss_core.errors import AvssError
from avss_core.importance.registry import ORACLE, fitting_facts, method_named
from avss_core.importance.settings import RankSettings
from avss_core.jobs import RankRequest
from avss_core.models.spec import ModelSpec
from avss_core.runs import Run
from pages.parts.choose_text import calibration
from pages.parts.engine import jobs, store
from pages.parts.follow import follow
from pages.parts.orders import label_of
from pages.parts.score_settings import ScoreSettings
from pages.parts.trouble import told_in_a_box

POLL_SECONDS = 1.5
_RUNS, _BROKEN_OFF, _ERROR = "sweep-rankings", "sweep-rankings-broken-off", "sweep-rankings-error"


def draw_missing_rankings(run: Run, labels: Collection[str], scores: ScoreSettings) -> None:
    """A button that scores the blocks by what is missing among `labels`, on the profiled part; progress of it.

    scores: the ε and first token that scores of activations are read with.
    """
    missing = [method.name for method in fitting_facts(run.facts) if label_of(method.name) not in labels]
    if missing:
        oracle_is_missing = ORACLE in missing
        with st.expander("Score the blocks by more methods", expanded=oracle_is_missing):
            if oracle_is_missing:
                st.caption("The oracle, ablation of single blocks, has not been measured on the profiled part yet.")
            names = st.multiselect(
                "Methods without an order",
                missing,
                default=[ORACLE] if oracle_is_missing else [],
                format_func=lambda name: method_named(name).pretty_name,
                key="sweep-missing",
            )
            tokens = st.select_slider(
                "Tokens to score on",
                (500, 1000, 2000, 4000, 8000),
                1000,
                key="sweep-rank-tokens",
                persist_state="session",
            )
            st.button(
                "Score the blocks",
                key="sweep-rank",
                icon=":material/balance:",
                on_click=_start,
                args=(run, tuple(names), scores, tokens),
                disabled=not names,
            )
    if _ERROR in st.session_state:
        st.error(st.session_state.pop(_ERROR), icon=":material/error:")
    for run_id in st.session_state.pop(_BROKEN_OFF, ()):
        _draw_pass(run_id)
    if st.session_state.get(_RUNS):
        st.fragment(_draw_progress, run_every=POLL_SECONDS)()


def _start(run: Run, names: tuple[str, ...], scores: ScoreSettings, tokens: int) -> None:
    settings = RankSettings(names, scores.epsilon, scores.skip_first_token)
    request = RankRequest(ModelSpec.from_dict(run.spec["model"]), calibration(run, tokens), settings)
    try:
        st.session_state[_RUNS] = [jobs().submit(part).id for part in request.parts()]
    except AvssError as error:
        st.session_state[_ERROR] = str(error)


def _draw_progress() -> None:
    """Every pass under way; when the last one ends, the page is drawn again, which tells once what was broken off."""
    with told_in_a_box():
        found = [store().find_run(run_id) for run_id in st.session_state.get(_RUNS, ())]
        left = [_draw_pass(run.id) for run in found if run is not None and run.status != "done"]
        if all(run.ended for run in left):
            st.session_state[_RUNS] = []
            st.session_state[_BROKEN_OFF] = [run.id for run in left if run.status != "done"]
            st.rerun()


def _draw_pass(run_id: str) -> Run:
    """Which methods a pass scores by, and its progress or its end; the run as it is now."""
    run = store().run(run_id)
    st.caption(", ".join(run.spec["settings"]["methods"]))
    return follow(run.id, "sweep-rankings")
