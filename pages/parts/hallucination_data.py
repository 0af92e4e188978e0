"""Answers with their labels, read from the store once; and what keys everything that is computed of them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from avss_core.hallucination.contrast import Contrast, contrast
from avss_core.hallucination.labels import with_hand_labels
from avss_core.importance import Epsilon
from avss_core.jobs import AnswersRequest
from avss_core.jobs.answers_results import answers_frame
from avss_core.runs import Run
from pages.parts.engine import store


@dataclass(frozen=True)
class Answered:
    """The answers of a finished run as a judge labels them, and people in its place.

    It holds no answer but names them all, so what is computed of them is cached under it: a label by hand makes another
    Answered, and everything that depends on labels is computed again.
    """

    run_id: str
    judge: str
    by_hand: tuple[tuple[str, str], ...]

    @property
    def frame(self) -> pd.DataFrame:
        """As `answers_frame` gives it; shared, so not to be changed."""
        return _frame(self.run_id)

    @property
    def labels(self) -> pd.Series:
        """`truthful` or `hallucinated`, one for each row of the frame."""
        return _labels(self.run_id, self.judge, self.by_hand)


def answered(request: AnswersRequest, judge: str) -> Answered | None:
    """The answers to a request; None while its run is not done."""
    run = store().find_run(request.run_id())
    if run is None or run.status != "done":
        return None
    return answered_by(run, judge)


def answered_by(run: Run, judge: str) -> Answered:
    """The answers of a finished run, whether or not its questions are still as they were."""
    return Answered(run.id, judge, tuple(sorted(store().hand_labels(run.id).items())))


@st.cache_data(show_spinner="Comparing made-up with truthful answers …", max_entries=64)
def contrast_of(of: Answered, site: str, epsilon: Epsilon, reading: str) -> Contrast:
    """The contrast of the blocks, with intervals and p-values."""
    return contrast(of.frame, of.labels, site, epsilon, reading)


@st.cache_resource(show_spinner="Reading the answers …", max_entries=8)
def _frame(run_id: str) -> pd.DataFrame:
    return answers_frame(store(), run_id)


@st.cache_data(show_spinner=False, max_entries=64)
def _labels(run_id: str, judge: str, by_hand: tuple[tuple[str, str], ...]) -> pd.Series:
    return with_hand_labels(_frame(run_id), judge, dict(by_hand))
