"""How well does the model know which of its answers are right? Estimators side by side, with intervals and curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from avss_core.figures.reliability import reliability_diagram
from avss_core.figures.risk_coverage import risk_coverage
from avss_core.hallucination.asking_again import AskingAgain
from avss_core.hallucination.confidence_curves import reliability_table, risk_coverage_table
from avss_core.hallucination.confidence_table import NO_NUMBER, confidence_rows, evidence_of
from avss_core.hallucination.estimators import ESTIMATORS
from avss_core.hallucination.metrics import metrics_for
from avss_core.jobs import AnswersRequest, ConfidenceRequest
from avss_core.jobs.confidence_results import confidence_frame
from pages.parts.engine import store
from pages.parts.hallucination_data import Answered
from pages.parts.hallucination_eavss import eavss_of
from pages.parts.hallucination_preset import choose_q_and_p
from pages.parts.hallucination_settings import ContrastSettings
from pages.parts.hallucination_table2 import draw_table2
from pages.parts.job_of_request import draw_request, start_request
from pages.parts.show import offer_csv, show_figure

Row = Mapping[str, Any]
_HEADINGS = {"ece": "ECE", "brier": "Brier", "auroc": "AUROC"}
_NAMES = {estimator.name: estimator.pretty_name for estimator in ESTIMATORS}


def draw_confidence(request: AnswersRequest, of: Answered, settings: ContrastSettings) -> None:
    """The second asking, the table of estimators, both figures, and the paper's table beside ours."""
    del settings
    asked = draw_asking(request)
    q, p = choose_q_and_p(request.corpus.source)
    rows = rows_of(of, asked, q, p)
    draw_rows([*rows, eavss_of(request, of.judge, q, p)], q, p)
    draw_curves(of, asked, [row["estimator"] for row in rows if row["n"]], p)
    draw_table2(request, of, asked)
    draw_cards()


def draw_asking(request: AnswersRequest) -> str | None:
    """The button that asks the model again, and its progress; the id of the finished run, None while there is none."""
    samples, temperature, button = st.columns([2, 2, 3], vertical_alignment="bottom")
    drawn = samples.number_input(
        "Sampled answers a question", 1, 64, AskingAgain().samples, key="hallucination-samples", persist_state="session"
    )
    heat = temperature.number_input(
        "Temperature",
        0.1,
        2.0,
        AskingAgain().temperature,
        0.1,
        key="hallucination-temperature",
        persist_state="session",
    )
    again = ConfidenceRequest.of(request, AskingAgain(int(drawn), float(heat)))
    run = store().find_run(again.run_id())
    done = run is not None and run.status == "done"
    button.button(
        "Asked" if done else "Ask how sure it is",
        type="secondary" if done else "primary",
        key="hallucination-ask-again",
        icon=":material/contact_support:",
        on_click=start_request,
        args=(again,),
        disabled=done or (run is not None and not run.ended),
        help="Verbalised confidence, sampled answers, and P(True). Sequence probability and P(IK) need no asking.",
    )
    draw_request(again)
    return run.id if run is not None and done else None


@st.cache_data(show_spinner="Measuring confidence …", max_entries=64)
def rows_of(of: Answered, asked: str | None, q: float, p: float) -> list[dict[str, Any]]:
    """`confidence_rows`. asked: id of the run of the second asking."""
    return confidence_rows(of.frame, of.labels, _second_asking(asked), q, p)


@st.cache_data(show_spinner="Drawing curves …", max_entries=16)
def curves_of(of: Answered, asked: str | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables behind the reliability diagram and the risk–coverage curve."""
    evidence = evidence_of(of.frame, of.labels, _second_asking(asked))
    return reliability_table(evidence), risk_coverage_table(evidence)


def draw_rows(rows: Sequence[Row], q: float, p: float) -> None:
    """The table: each metric with its interval, its direction in the heading."""
    shown = []
    for row in rows:
        line: dict[str, Any] = {"estimator": row["pretty_name"]}
        for metric in metrics_for(q, p):
            heading = _HEADINGS.get(metric.name, metric.name)
            line[f"{heading} {'↑' if metric.higher_is_better else '↓'}"] = with_interval(row, metric.name)
        shown.append(line | {"answers": row["n"], "no number": row["no_number"], "accuracy": row["accuracy"]})
    st.dataframe(
        pd.DataFrame(shown), hide_index=True, column_config={"accuracy": st.column_config.NumberColumn(format="%.3f")}
    )
    st.caption(
        "↑ higher is better, ↓ lower is better; in brackets 95 % intervals from resampling the questions. " + NO_NUMBER
    )
    for note in dict.fromkeys(row["note"] for row in rows if row["note"]):
        st.caption(f"{', '.join(row['pretty_name'] for row in rows if row['note'] == note)}: {note}")
    offer_csv(pd.DataFrame(rows), "confidence")


def draw_curves(of: Answered, asked: str | None, names: Sequence[str], p: float) -> None:
    """Reliability and risk–coverage of the estimators that are chosen."""
    chosen = st.pills(
        "Estimators",
        names,
        selection_mode="multi",
        default=names[:3],
        format_func=lambda name: _NAMES[name],
        key=f"hallucination-estimators-{'-'.join(names)}",
        wrap=True,
        persist_state="session",
    )
    bins, curves = curves_of(of, asked)
    shown = {_NAMES[name] for name in chosen}
    bins, curves = (frame[frame["estimator"].isin(shown)] for frame in (bins, curves))
    left, right = st.columns(2)
    with left:
        show_figure(reliability_diagram(bins, title="Reliability"), bins, "reliability")
    with right:
        show_figure(risk_coverage(curves, p, title="Risk and coverage", height=520), curves, "risk-coverage")


def draw_cards() -> None:
    """What each estimator and metric is, and what in it is our own choice."""
    with st.expander("What the estimators are"):
        for estimator in ESTIMATORS:
            st.markdown(f"**{estimator.pretty_name}** ([{estimator.paper}]({estimator.url})). {estimator.what}")
            if estimator.our_reading:
                st.caption(f"Our reading: {estimator.our_reading}")


def with_interval(row: Row, name: str) -> str:
    """A value with its interval in brackets; empty where it is not defined."""
    value, low, high = row[name], row[f"{name}_low"], row[f"{name}_high"]
    if value is None:
        return ""
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} ({low:.3f}–{high:.3f})"


def _second_asking(run_id: str | None) -> pd.DataFrame | None:
    return None if run_id is None else confidence_frame(store(), run_id)
