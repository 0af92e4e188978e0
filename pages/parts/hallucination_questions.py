"""Choose the questions that a model is asked, and how."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from avss_core.corpora.mapping import ColumnMapping
from avss_core.corpora.spec import CorpusSpec
from avss_core.hallucination.asking import answer_task, solved_examples
from avss_core.jobs import AnswersRequest
from avss_core.models.spec import ModelSpec
from avss_core.runs import Run
from avss_core.tasks import data_sets_of, spec_of
from pages.parts.choose_source import choose_source, first_examples, words_of
from pages.parts.choose_task import ALL_EXAMPLES, EXAMPLES_HELP, choose_columns
from pages.parts.trouble import told_in_a_box

QUESTIONS = (10, 25, 50, 100, 200, 300, 400, 1000)
DEFAULT = 300


def choose_questions(run: Run) -> AnswersRequest:
    """Draw source, number, solved examples and length; what the profiled model would be asked."""
    task = answer_task()
    known = {each.source: spec_of(task, each.source, part="all") for each in data_sets_of(task)}
    source = choose_source("Questions", words_of(task), "hallucination", EXAMPLES_HELP)
    many, shots, tokens = st.columns([3, 2, 2], vertical_alignment="bottom")
    most = many.select_slider(
        "Questions at most",
        (*QUESTIONS, ALL_EXAMPLES),
        DEFAULT,
        format_func=lambda number: "all" if number == ALL_EXAMPLES else str(number),
        key="hallucination-questions",
        persist_state="session",
        help="In the source's order. More questions, narrower intervals, longer waits.",
    )
    solved = shots.number_input(
        "Solved examples",
        0,
        len(solved_examples()),
        len(solved_examples()),
        key="hallucination-shots",
        persist_state="session",
        help="Shown before each question, so that the model answers in a few words.",
    )
    length = tokens.number_input(
        "Longest answer (tokens)",
        1,
        256,
        24,
        key="hallucination-tokens",
        persist_state="session",
        help="An answer also ends at a line break.",
    )
    spec = known.get(source or "") or CorpusSpec(source or task.default_source, "all")
    spec = replace(spec, max_examples=most or None)
    with st.expander("More about the questions", expanded=spec.source not in known):
        if spec.source not in known:
            spec = choose_columns(task, spec, "hallucination")
            if spec.mapping == ColumnMapping():  # as they are called: what the shell asks for without a mapping
                spec = replace(spec, mapping=None)
        if st.toggle(
            "Show the first questions", value=spec.kind in ("file", "folder"), key=f"hallucination-preview-{spec.kind}"
        ):
            with told_in_a_box():
                st.dataframe(first_examples(spec.identity(), task.name, spec), hide_index=True)
    return AnswersRequest(ModelSpec.from_dict(run.spec["model"]), spec, (), int(length), int(solved))
