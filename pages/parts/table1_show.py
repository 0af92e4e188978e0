"""The table as far as it is filled, and its picture."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from avss_core.figures.table1 import table1_figure
from avss_core.hashing import content_hash
from avss_core.jobs import EvaluateRequest, RankRequest
from avss_core.jobs.table1 import table1_frame
from avss_core.studies.papers import READING, SOURCE, papers_frame
from avss_core.studies.table1 import Table1Study
from avss_core.studies.table1_wide import wide_table
from pages.parts.engine import store
from pages.parts.show import offer_csv, show_figure

EXPLAINED = (
    "Measured here: mean over {repeats} samples that blocks were ranked on, with the 95 % t interval of that mean in "
    "brackets (of a perplexity, both are taken of its logarithm). “Same cut”: every sample chose the same blocks; "
    "“equal”: different ones, which did equally well. How much the held-out documents matter is in the CSV of the "
    f"picture (document_low, document_high). {SOURCE}; what is not at hand is not filled in."
)
SHOWN = {"retained": "retained performance", "value": "the metric itself"}


@st.cache_resource(show_spinner=False, max_entries=32)
def _drawn(_study: Table1Study, name: str, state: str, show: str) -> tuple[pd.DataFrame, pd.DataFrame, go.Figure]:
    """The table for the eye, its cells, their picture; `name` and `state` tell one state of a study from the next."""
    del name, state
    ours, theirs = table1_frame(store(), _study), papers_frame()
    both = pd.concat([ours, theirs[theirs["task"].isin(ours["task"])]], ignore_index=True)
    return wide_table(both, _study.methods), both, table1_figure(both, show)


def _state() -> str:
    """What has ended of all that the table is read from: the same number of steps may be settled by other runs."""
    runs = [run for kind in (RankRequest.kind, EvaluateRequest.kind) for run in store().runs(kind, limit=None)]
    return content_hash([[run.id, run.status, run.attempt, run.finished] for run in runs if run.ended])


def draw_table(study: Table1Study) -> None:
    """Ours and theirs under each other, the interval explained, the picture, the downloads."""
    show = st.session_state.get("table1-show") or "retained"
    wide, both, figure = _drawn(study, f"{store().url} {study!r}", _state(), show)
    st.dataframe(wide, hide_index=True)
    st.caption(EXPLAINED.format(repeats=study.repeats))
    st.caption(READING)
    offer_csv(wide, "table1-wide", "table (CSV)")
    st.segmented_control(
        "Show",
        list(SHOWN),
        default="retained",
        format_func=SHOWN.__getitem__,
        key="table1-show",
        wrap=True,
        persist_state="session",
        required=True,
    )
    show_figure(figure, both, "table1-cells")
