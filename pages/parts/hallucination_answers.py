"""The answers one by one: what was asked, what was said, what it is labelled as; and a label by hand."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from scipy.stats import binomtest

from avss_core.errors import AvssError
from avss_core.figures.answers import answer_probabilities
from avss_core.hallucination.confidence_table import evidence_of
from avss_core.hallucination.estimators import estimator_named
from avss_core.hallucination.judge import HALLUCINATED, LABELS
from avss_core.hallucination.labels import hallucination_rate, relabel
from avss_core.hashing import content_hash
from avss_core.jobs import AnswersRequest
from pages.parts.engine import store
from pages.parts.hallucination_data import Answered
from pages.parts.hallucination_settings import ContrastSettings
from pages.parts.show import show_figure

LABEL, BY_HAND = "label", "by hand"
ERROR, EDITION = "hallucination-label-error", "hallucination-label-edition"
ALL, EMPTY = "all", "empty"
FILTERS = (ALL, *LABELS, BY_HAND, EMPTY)


def draw_answers(request: AnswersRequest, of: Answered, settings: ContrastSettings) -> None:
    """The rate of made-up answers, how sure the model was, and the table in which labels can be changed."""
    del request, settings
    table = answers_table(of)
    draw_rate(table)
    show_figure(answer_probabilities(table), table, "answers")
    draw_table(of, table)


@st.cache_data(show_spinner=False, max_entries=16)
def answers_table(of: Answered) -> pd.DataFrame:
    """One row an answer: example, question, answer, references, label, by hand, probability, tokens."""
    frame, labels = of.frame, of.labels
    probability = estimator_named("sequence_probability").estimate(evidence_of(frame, labels))
    return pd.DataFrame(
        {
            "example": frame["example"],
            "question": frame["question"],
            "answer": frame["answer"],
            "references": frame["references"].map(" / ".join),
            LABEL: labels,
            BY_HAND: frame["example"].isin(dict(of.by_hand)),
            "probability": probability,
            "tokens": frame["answer_ids"].map(len),
        }
    )


def draw_rate(table: pd.DataFrame) -> None:
    """The measured hallucination rate with its interval, and what it counts."""
    made_up, n = int((table[LABEL] == HALLUCINATED).sum()), len(table)
    ends = binomtest(made_up, n).proportion_ci()
    rate, by_hand, empty = st.columns(3)
    rate.metric(
        "Hallucination rate",
        f"{hallucination_rate(table[LABEL]):.1%}",
        help="The share of answers that are made up. Empty answers count as made up.",
    )
    by_hand.metric("Labelled by hand", int(table[BY_HAND].sum()))
    empty.metric("Empty answers", int((table["tokens"] == 0).sum()))
    st.caption(f"{made_up} of {n} answers are made up; 95 %: {ends.low:.1%} to {ends.high:.1%}.")


def draw_table(of: Answered, table: pd.DataFrame) -> None:
    """The answers that the filter lets through; label and mark can be edited, and the edit is kept."""
    chosen = st.segmented_control(
        "Show",
        FILTERS,
        default=ALL,
        key="hallucination-filter",
        wrap=True,
        persist_state="session",
        required=True,
        label_visibility="collapsed",
    )
    shown = _filtered(table, chosen or ALL).reset_index(drop=True)
    if ERROR in st.session_state:
        st.error(st.session_state.pop(ERROR), icon=":material/error:")
    # With a filter rows come and go, and an edit would move to another row: then each edition is a table of its own.
    edition = content_hash(of.by_hand) if chosen != ALL else str(st.session_state.get(EDITION, 0))
    key = f"hallucination-labels-{of.run_id}-{of.judge}-{chosen}-{edition}"
    rows = list(zip(shown["example"], shown[LABEL], shown[BY_HAND], strict=True))
    st.data_editor(
        shown,
        key=key,
        hide_index=True,
        on_change=keep_edits,
        args=(of.run_id, rows, key),
        disabled=["question", "answer", "references", "probability", "tokens"],
        column_order=("question", "answer", LABEL, BY_HAND, "references", "probability", "tokens"),
        column_config={
            "question": st.column_config.TextColumn(width="medium"),
            "answer": st.column_config.TextColumn(width="medium"),
            LABEL: st.column_config.SelectboxColumn(options=list(LABELS), required=True),
            BY_HAND: st.column_config.CheckboxColumn(help="Untick it to leave the answer to the judge again."),
            "probability": st.column_config.NumberColumn(format="%.3f"),
        },
    )
    st.caption(
        "Double-click a label to change it. A label by hand is kept with the run, counts whichever judge is chosen, "
        "and is used at once in all views."
    )


def keep_edits(run_id: str, rows: list[tuple[str, str, bool]], key: str) -> None:
    """Keep what was edited in the table (for callbacks). rows: example, label, whether by hand, as they were shown."""
    try:
        for place, changed in st.session_state[key]["edited_rows"].items():
            example, label, by_hand = rows[int(place)]
            marked = changed.get(BY_HAND, by_hand or LABEL in changed)
            wanted = changed.get(LABEL, label) if marked else None
            if wanted == (label if by_hand else None):
                continue  # an earlier edit, which the table remembers
            relabel(store(), run_id, example, wanted)
            if wanted is None:  # what the table remembers of this row does not hold any more: begin a new one
                st.session_state[EDITION] = st.session_state.get(EDITION, 0) + 1
    except AvssError as error:
        st.session_state[ERROR] = str(error)


def _filtered(table: pd.DataFrame, chosen: str) -> pd.DataFrame:
    if chosen in LABELS:
        return table[table[LABEL] == chosen]
    if chosen == BY_HAND:
        return table[table[BY_HAND]]
    return table[table["tokens"] == 0] if chosen == EMPTY else table
