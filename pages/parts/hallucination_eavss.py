"""The row of EAVSS: the newest training of these questions, measured on the half that it did not learn from."""

from __future__ import annotations

from typing import Any

import streamlit as st

from avss_core.jobs import AnswersRequest, MitigateRequest
from avss_core.jobs.eavss_results import eavss_row, newest_eavss
from avss_core.jobs.hand_labels import hand_labels_for
from pages.parts.engine import store


def eavss_of(request: AnswersRequest, judge: str, q: float, p: float) -> dict[str, Any]:
    """`eavss_row` of the newest training; says what is missing while there is none."""
    run = newest_eavss(store(), request)
    if run is None:
        return eavss_row(store(), None, judge, q, p)
    held_out = MitigateRequest.from_dict(run.spec).held_out
    return _row(run.id, judge, tuple(sorted(hand_labels_for(store(), held_out).items())), q, p)


@st.cache_data(show_spinner="Measuring the trained model …", max_entries=16)
def _row(run_id: str, judge: str, by_hand: tuple[tuple[str, str], ...], q: float, p: float) -> dict[str, Any]:
    """by_hand: labels of the held-out answers, which tell one state of the store from the next."""
    del by_hand
    return eavss_row(store(), store().run(run_id), judge, q, p)
