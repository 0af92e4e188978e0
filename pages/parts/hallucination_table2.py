"""The paper's table 2 beside what this model does on the same data sets; theirs always marked as theirs."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from avss_core.errors import AvssError
from avss_core.hallucination.confidence_table import confidence_rows
from avss_core.hallucination.estimators import ESTIMATORS
from avss_core.hallucination.metrics.presets import PRESETS, preset_for
from avss_core.hallucination.papers_table2 import AVERAGE, SOURCE, THEIR_MODEL, table2_rows
from avss_core.jobs import AnswersRequest, ConfidenceRequest
from avss_core.jobs.answers_results import answers_count
from avss_core.jobs.confidence_results import confidence_frame
from avss_core.jobs.eavss_results import PRETTY_NAME
from avss_core.jobs.mitigate_results import EAVSS
from avss_core.runs import Run
from pages.parts.engine import store
from pages.parts.hallucination_data import Answered, answered_by
from pages.parts.hallucination_eavss import eavss_of

_NAMES = {estimator.name: estimator.pretty_name for estimator in ESTIMATORS} | {EAVSS: PRETTY_NAME}
LEFT_OUT = "none"


def draw_table2(request: AnswersRequest, of: Answered, asked: str | None) -> None:
    """Their figures, and ours for the runs that are chosen among this model's answers to their data sets."""
    with st.expander("The paper's table 2, theirs beside ours"):
        if not st.toggle(
            "Fill it in",
            key="hallucination-table2",
            persist_state="session",
            help="Measures every chosen run at its set's q, p.",
        ):
            return
        runs = runs_on_their_sets(request)
        if not runs:
            st.caption("Ask questions of NQ, SciQ, TriviaQA, TruthfulQA or WikiQA, and ours stand here too.")
        ours: dict[str, list[dict[str, Any]]] = {}
        for preset in PRESETS:
            run = _choose_run(preset.data_set, runs.get(preset.data_set, []))
            if run is None:
                continue
            one = AnswersRequest.from_dict(run.spec)
            its = of if run.id == of.run_id else answered_by(run, of.judge)
            again = asked if run.id == of.run_id and asked else _asked_again(run.id)
            rows = _rows(its, again, preset.q, preset.p)
            ours[preset.data_set] = [*rows, eavss_of(one, of.judge, preset.q, preset.p)]
        table = pd.DataFrame(table2_rows(ours))
        st.dataframe(_for_people(table), hide_index=True)
        st.caption(
            f"“theirs”: as printed in table 2 of the {SOURCE}, of {THEIR_MODEL}; “ours”: this model, judge {of.judge}. "
            "Another model, other prompts and another selection of questions: the two columns are not a reproduction. "
            "EAVSS is the newest contrastive training of the set's questions, on the half that it did not learn from. "
            "Some of the averages that they print are not the means of their rows, which stand beside."
        )


def runs_on_their_sets(request: AnswersRequest) -> dict[str, list[Run]]:
    """Finished answers of the same model, nothing removed, to data sets of the paper: for each the runs, newest first.

    Not to one half of a set, which contrastive training asks for itself.
    """
    model, found = request.model.to_dict(), dict[str, list[Run]]()
    for run in store().runs(AnswersRequest.kind, limit=None):
        corpus, preset = run.spec["corpus"], preset_for(run.spec["corpus"]["source"])
        whole = corpus["part"] == "all" and corpus.get("subset") is None
        if preset and whole and run.status == "done" and not run.spec["removed"] and run.spec["model"] == model:
            found.setdefault(preset.data_set, []).append(run)
    return found


def _choose_run(data_set: str, runs: list[Run]) -> Run | None:
    """One run of a set, the newest at first; None when it shall stay empty."""
    if not runs:
        return None
    words = {run.id: f"{run.spec['corpus']['source']}, {answers_count(store(), run.id)} answers" for run in runs}
    chosen = st.selectbox(
        f"This model's answers to {data_set}",
        [*words, LEFT_OUT],
        format_func=lambda run_id: f"{words[run_id]} (run {run_id[:8]})" if run_id in words else run_id,
        key=f"hallucination-table2-{data_set}",
        persist_state="session",
    )
    return next((run for run in runs if run.id == chosen), None)


@st.cache_data(show_spinner="Measuring confidence …", max_entries=16)
def _rows(of: Answered, asked: str | None, q: float, p: float) -> list[dict[str, Any]]:
    again = None if asked is None else confidence_frame(store(), asked)
    return confidence_rows(of.frame, of.labels, again, q, p)


def _asked_again(run_id: str) -> str | None:
    """The newest finished second asking of a run of answers, whatever its settings."""
    runs = store().runs(ConfidenceRequest.kind, limit=None)
    return next((run.id for run in runs if run.status == "done" and _is_of(run, run_id)), None)


def _is_of(run: Run, answers: str) -> bool:
    """Whether a second asking is of this run of answers; not where its questions cannot be read any more."""
    try:
        return ConfidenceRequest.from_dict(run.spec).answers.run_id() == answers
    except AvssError:
        return False


def _for_people(table: pd.DataFrame) -> pd.DataFrame:
    """Their value and ours side by side, ours with its interval; of how many sets an average is, and theirs again."""

    def theirs(row: pd.Series) -> str:
        again = f" (mean of their rows {row['theirs_mean']:.3f})" if row["data_set"] == AVERAGE else ""
        return f"{row['theirs']:.3f}{again}"

    def ours(row: pd.Series) -> str:
        if pd.isna(row["ours"]):
            return str(row["status"])
        ends = "" if pd.isna(row["ours_low"]) else f" ({row['ours_low']:.3f}–{row['ours_high']:.3f})"
        of = f", {row['status']}" if row["data_set"] == AVERAGE else ""
        return f"{row['ours']:.3f}{ends}{of}"

    return pd.DataFrame(
        {
            "data set": table["data_set"],
            "metric": table["metric"] + table["higher_is_better"].map({True: " ↑", False: " ↓"}),
            "estimator": table["estimator"].map(lambda name: _NAMES.get(name, name)),
            "theirs": table.apply(theirs, axis=1),
            "ours": table.apply(ours, axis=1),
            "our answers": table["n"],
        }
    )
