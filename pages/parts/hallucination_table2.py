"""The paper's table 2 beside what this model does on the same data sets; theirs always marked as theirs."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from avss_core.hallucination.confidence_table import confidence_rows
from avss_core.hallucination.estimators import ESTIMATORS
from avss_core.hallucination.metrics.presets import Preset, preset_for
from avss_core.hallucination.papers_table2 import SOURCE, THEIR_MODEL, table2_rows
from avss_core.jobs import AnswersRequest, ConfidenceRequest
from avss_core.jobs.confidence_results import confidence_frame
from avss_core.runs import Run
from pages.parts.engine import store
from pages.parts.hallucination_data import Answered, answered

_NAMES = {estimator.name: estimator.pretty_name for estimator in ESTIMATORS}


def draw_table2(request: AnswersRequest, of: Answered, asked: str | None) -> None:
    """Their figures, and ours for the runs that are chosen among this model's answers to their data sets."""
    with st.expander("The paper's table 2, theirs beside ours"):
        if not st.toggle("Fill it in", key="hallucination-table2", help="Measures every chosen run at its set's q, p."):
            return
        runs = runs_on_their_sets(request)
        chosen = st.multiselect(
            "This model's answers to their data sets",
            list(runs),
            _newest_of_each(runs),
            format_func=lambda run_id: _words(runs[run_id]),
            key="hallucination-table2-runs",
        )
        if not runs:
            st.caption("Ask questions of NQ, SciQ, TriviaQA, TruthfulQA or WikiQA, and ours stand here too.")
        ours: dict[str, list[dict[str, Any]]] = {}
        for run_id in chosen:
            preset = _preset(runs[run_id])
            its = of if run_id == of.run_id else answered(AnswersRequest.from_dict(runs[run_id].spec), of.judge)
            if preset is not None and its is not None:
                again = asked if run_id == of.run_id and asked else _asked_again(run_id)
                ours[preset.data_set] = _rows(its, again, preset.q, preset.p)
        table = pd.DataFrame(table2_rows(ours))
        st.dataframe(_for_people(table), hide_index=True)
        st.caption(
            f"“theirs”: as printed in table 2 of the {SOURCE}, of {THEIR_MODEL}; “ours”: this model, judge {of.judge}. "
            "Another model, other prompts and another selection of questions: the two columns are not a reproduction."
        )


def runs_on_their_sets(request: AnswersRequest) -> dict[str, Run]:
    """Finished answers of the same model, nothing removed, to data sets of the paper; newest first."""
    model = request.model.to_dict()
    return {
        run.id: run
        for run in store().runs(AnswersRequest.kind)
        if run.status == "done" and not run.spec["removed"] and run.spec["model"] == model and _preset(run) is not None
    }


@st.cache_data(show_spinner="Measuring confidence …", max_entries=16)
def _rows(of: Answered, asked: str | None, q: float, p: float) -> list[dict[str, Any]]:
    again = None if asked is None else confidence_frame(store(), asked)
    return confidence_rows(of.frame, of.labels, again, q, p)


def _asked_again(run_id: str) -> str | None:
    """The newest finished second asking of a run of answers, whatever its settings."""
    runs = store().runs(ConfidenceRequest.kind)
    return next(
        (
            run.id
            for run in runs
            if run.status == "done" and ConfidenceRequest.from_dict(run.spec).answers.run_id() == run_id
        ),
        None,
    )


def _newest_of_each(runs: dict[str, Run]) -> list[str]:
    newest: dict[str, str] = {}
    for run in runs.values():
        preset = _preset(run)
        if preset is not None:
            newest.setdefault(preset.data_set, run.id)
    return list(newest.values())


def _preset(run: Run) -> Preset | None:
    return preset_for(run.spec["corpus"]["source"])


def _words(run: Run) -> str:
    preset, most = _preset(run), run.spec["corpus"]["max_examples"]
    return f"{preset.data_set if preset else '?'}: {run.spec['corpus']['source']}, {most or 'all'} questions"


def _for_people(table: pd.DataFrame) -> pd.DataFrame:
    """Their value and ours side by side, ours with its interval."""

    def ours(row: pd.Series) -> str:
        if pd.isna(row["ours"]):
            return str(row["status"])
        ends = "" if pd.isna(row["ours_low"]) else f" ({row['ours_low']:.3f}–{row['ours_high']:.3f})"
        return f"{row['ours']:.3f}{ends}"

    return pd.DataFrame(
        {
            "data set": table["data_set"],
            "metric": table["metric"] + table["higher_is_better"].map({True: " ↑", False: " ↓"}),
            "estimator": table["estimator"].map(lambda name: _NAMES.get(name, name)),
            "theirs": table["theirs"].map("{:.3f}".format),
            "ours": table.apply(ours, axis=1),
            "our answers": table["n"],
        }
    )
