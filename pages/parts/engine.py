"""The store and the workers, as one connection per web server; and results read from the store, kept in memory."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from avss_core.importance import Epsilon, score_table_with_intervals
from avss_core.jobs import Jobs
from avss_core.jobs.results import profile_shards
from avss_core.runs import Store


@st.cache_resource(show_spinner=False)
def store() -> Store:
    """The store that `AVSS_STORE` names, or the user's own."""
    return Store()


@st.cache_resource(show_spinner="Connecting to the worker …")
def jobs() -> Jobs:
    """The workers of the store; they are started when there are none."""
    return Jobs.connect(store())


@st.cache_data(show_spinner=False, max_entries=256)
def score_table(run_id: str, units_finished: int, site: str, epsilon: Epsilon, skip_first_token: bool) -> pd.DataFrame:
    """The score table of what is finished of a run; `units_finished` only tells one state of the run from the next."""
    del units_finished
    return score_table_with_intervals(profile_shards(store(), run_id), site, epsilon, skip_first_token)
