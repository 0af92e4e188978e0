"""Choose what a pruned model is asked to do: the task, the examples, and which of their columns means what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from avss_core.corpora.mapping import ColumnMapping
from avss_core.corpora.spec import CorpusSpec
from avss_core.runs import Run
from avss_core.tasks import PERPLEXITY, TASKS, ChoiceTask, Task, spec_of, task_named
from pages.parts.choose_source import (
    TABLES,
    choose_column,
    choose_everything,
    choose_place,
    choose_source,
    columns_there,
    draw_first,
    draw_upload,
    words_of,
)
from pages.parts.choose_text import choose_judged_text
from pages.parts.trouble import told_in_a_box

EXAMPLES = (10, 25, 50, 100, 200, 400, 1000)
ALL_EXAMPLES = 0
EXAMPLES_HELP = (
    "A set that this project knows, or type a local file or folder (JSONL, CSV, Parquet), or a hub id. "
    "Sets that do not begin with sample: are fetched when the machine is online."
)
COLUMN_HELP = "A dot leads into a nested column, as in answers.text; choices may be several columns: a|b|c."


def choose_task(run: Run, key: str) -> tuple[str, CorpusSpec]:
    """Draw the task chooser and return the task's name and what it is evaluated on.

    Perplexity reads the held-out part of the text that `run` profiled, or another text. Other tasks read examples: a
    sample, a hub set, or a local file with a column mapping. key: keeps the widgets of two choosers apart. Raises
    CorpusError for a text that is not there.
    """
    name = st.selectbox(
        "Task",
        [task.name for task in tasks_for(run)],
        format_func=lambda name: task_named(name).pretty_name,
        key=f"{key}-task",
        persist_state="session",
        help="What the model is asked to do before and after blocks are removed.",
    )
    task = task_named(name or PERPLEXITY)
    if task.name == PERPLEXITY:
        return task.name, choose_judged_text(run, key)
    st.caption(f"{task.what} {task.how}")
    return task.name, _choose_examples(task, f"{key}-{task.name}")


def tasks_for(run: Run) -> list[Task]:
    """The tasks that the profiled model can be asked to do; perplexity first, where it can."""
    if run.facts.get("predicts_next_token", True):
        return list(TASKS.values())
    return [task for task in TASKS.values() if isinstance(task, ChoiceTask) and task.labels]


def _choose_examples(task: Task, key: str) -> CorpusSpec:
    words = words_of(task)
    source = choose_source("Examples", words, key, EXAMPLES_HELP)
    most = st.select_slider(
        "Examples at most",
        (*EXAMPLES, ALL_EXAMPLES),
        EXAMPLES[2],
        format_func=lambda number: "all" if number == ALL_EXAMPLES else str(number),
        key=f"{key}-examples",
        persist_state="session",
        help="In the source's order. More examples, narrower intervals, longer waits.",
    )
    spec = spec_of(task, source or task.default_source, max_examples=most or None)
    with st.expander("More about the examples", expanded=spec.source not in words):
        draw_upload(
            "Upload examples",
            TABLES,
            key,
            "A row an example. It becomes the choice above, and its columns are asked for here.",
        )
        spec = spec.of_part("all" if choose_everything("examples", key) else "evaluate")
        if spec.source not in words:
            spec = choose_columns(task, spec, key)
        with told_in_a_box():
            draw_first("Show the first examples", task, spec, key)
    return spec


def choose_columns(task: Task, spec: CorpusSpec, key: str) -> CorpusSpec:
    """Draw one box for each thing the task needs, filled with the columns there are; the spec with their mapping."""
    spec, columns = choose_place(spec, key), list[str]()
    with told_in_a_box():
        columns = columns_there(spec, key)
    said: dict[str, Any] = {}
    for meaning in task.needs:
        named = choose_column(meaning, meaning, columns, key, COLUMN_HELP)
        if named:
            said[meaning] = named.split("|") if meaning == "choices" and "|" in named else named
    more = st.text_input(
        "More of the mapping",
        key=f"{key}-mapping",
        persist_state="session",
        placeholder="label.0=negative, label.1=positive, each=questions, group=question_id, answer=",
        help="What a label stands for, the column with a list of questions, the column that groups rows into one "
        "question, and answer= where the first choice is always right.",
    )
    mapping = ColumnMapping.from_dict(ColumnMapping().to_dict() | said)
    with told_in_a_box():
        mapping = _over(mapping, more)
    return replace(spec, mapping=mapping)


def _over(mapping: ColumnMapping, more: str) -> ColumnMapping:
    """The mapping with what `more` says laid over it; SettingError for what cannot be read."""
    plain, said = ColumnMapping().to_dict(), ColumnMapping.parse(more).to_dict()
    changed = {name: value for name, value in said.items() if value != plain[name]}
    return ColumnMapping.from_dict(mapping.to_dict() | changed)
