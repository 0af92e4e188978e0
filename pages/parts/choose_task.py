"""Choose what a pruned model is asked to do: the task, the examples, and which of their columns means what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from avss_core.corpora.mapping import ColumnMapping
from avss_core.corpora.preview import preview
from avss_core.corpora.spec import CorpusSpec
from avss_core.errors import AvssError
from avss_core.runs import Run
from avss_core.tasks import PERPLEXITY, TASKS, ChoiceTask, Task, data_sets_of, preview_task, spec_of, task_named
from pages.parts.choose_text import choose_held_out_text
from pages.parts.trouble import told_in_a_box
from pages.parts.uploads import keep_upload

EXAMPLES = (10, 25, 50, 100, 200, 400, 1000)
ALL_EXAMPLES = 0


def choose_task(run: Run, key: str) -> tuple[str, CorpusSpec]:
    """Draw the task chooser and return the task's name and what it is evaluated on.

    Perplexity reads the held-out part of the text that `run` profiled. Other tasks read examples: a sample, a hub
    set, or a local file with a column mapping. key: keeps the widgets of two choosers apart.
    """
    name = st.selectbox(
        "Task",
        [task.name for task in tasks_for(run)],
        format_func=lambda name: task_named(name).pretty_name,
        key=f"{key}-task",
        help="What the model is asked to do before and after blocks are removed.",
    )
    task = task_named(name or PERPLEXITY)
    if task.name == PERPLEXITY:
        return task.name, choose_held_out_text(run, f"{key}-tokens")
    st.caption(f"{task.what} {task.how}")
    return task.name, _choose_examples(task, f"{key}-{task.name}")


def tasks_for(run: Run) -> list[Task]:
    """The tasks that the profiled model can be asked to do; perplexity first, where it can."""
    if run.facts.get("predicts_next_token", True):
        return list(TASKS.values())
    return [task for task in TASKS.values() if isinstance(task, ChoiceTask) and task.labels]


def _choose_examples(task: Task, key: str) -> CorpusSpec:
    known = {data_set.source: data_set for data_set in data_sets_of(task)}
    typed = st.session_state.get(f"{key}-source")
    source = st.selectbox(
        "Examples",
        [*known, *([typed] if typed and typed not in known else [])],
        format_func=lambda named: f"{named}: {known[named].what}" if named in known else named,
        key=f"{key}-source",
        accept_new_options=True,
        help="A set that this project knows, or type a local file or folder (JSONL, CSV, Parquet), or a hub id. "
        "Sets that do not begin with sample: are fetched when the machine is online.",
    )
    most = st.select_slider(
        "Examples at most",
        (*EXAMPLES, ALL_EXAMPLES),
        EXAMPLES[2],
        format_func=lambda number: "all" if number == ALL_EXAMPLES else str(number),
        key=f"{key}-examples",
        help="In the source's order. More examples, narrower intervals, longer waits.",
    )
    spec = spec_of(task, source or task.default_source, max_examples=most or None)
    with st.expander("More about the examples", expanded=spec.source not in known):
        _draw_upload(key)
        everything = st.checkbox(
            "Use all examples",
            key=f"{key}-everything",
            help="Off, about half of them (by a hash of their text) are left out, as they may have been profiled.",
        )
        spec = spec.of_part("all" if everything else "evaluate")
        if spec.source not in known:
            spec = choose_columns(task, spec, key)
        local = spec.kind in ("file", "folder")
        if st.toggle("Show the first examples", value=local, key=f"{key}-preview-{'own' if local else 'known'}"):
            with told_in_a_box():
                st.dataframe(first_examples(spec.identity(), task.name, spec), hide_index=True)
    return spec


def _draw_upload(key: str) -> None:
    st.file_uploader(
        "Upload examples",
        ["jsonl", "json", "csv", "tsv", "parquet"],
        key=f"{key}-upload",
        on_change=_take_upload,
        args=(key,),
        help="A row an example. It becomes the choice above, and its columns are asked for here.",
    )
    if f"{key}-upload-error" in st.session_state:
        st.error(st.session_state.pop(f"{key}-upload-error"), icon=":material/error:")


def _take_upload(key: str) -> None:
    upload = st.session_state.get(f"{key}-upload")
    if upload is None:
        return
    try:
        st.session_state[f"{key}-source"] = keep_upload(upload.name, upload.getvalue())
    except AvssError as error:
        st.session_state[f"{key}-upload-error"] = str(error)


def choose_columns(task: Task, spec: CorpusSpec, key: str) -> CorpusSpec:
    """Draw one box for each thing the task needs, filled with the columns there are; the spec with their mapping."""
    config, split = st.columns(2)
    spec = replace(
        spec,
        config=config.text_input("Configuration (hub)", key=f"{key}-config") or None,
        split=split.text_input("Split (hub)", key=f"{key}-split") or None,
    )
    columns: list[str] = []
    online = spec.kind == "hub"  # a file is looked into at once, the hub when it is asked for
    if not online or st.toggle("Look up its columns", key=f"{key}-look-up"):
        with told_in_a_box():
            whole = replace(spec, part="all", max_examples=None)
            columns = _columns(whole.identity(), whole)
    said: dict[str, Any] = {}
    for meaning in task.needs:
        named = st.selectbox(
            f"Column of the {meaning}",
            columns,
            index=columns.index(meaning) if meaning in columns else None,
            key=f"{key}-column-{meaning}",
            placeholder=meaning,
            accept_new_options=True,
            help="A dot leads into a nested column, as in answers.text; choices may be several columns: a|b|c.",
        )
        if named:
            said[meaning] = named.split("|") if meaning == "choices" and "|" in named else named
    more = st.text_input(
        "More of the mapping",
        key=f"{key}-mapping",
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


@st.cache_data(show_spinner=False, max_entries=32)
def _columns(identity: str, _spec: CorpusSpec) -> list[str]:
    del identity
    return [str(name) for name in preview(_spec, 1).columns]


@st.cache_data(show_spinner=False, max_entries=32)
def first_examples(identity: str, task: str, _spec: CorpusSpec) -> pd.DataFrame:
    """The first examples as the task would ask them; `identity` of the spec tells one state of a file from the next."""
    del identity
    return preview_task(task_named(task), _spec)
