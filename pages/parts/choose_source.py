"""Widgets to say where text or examples are: a known set, what is typed, an upload, its columns, its first rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from avss_core.corpora.preview import preview
from avss_core.corpora.spec import CorpusSpec
from avss_core.errors import AvssError
from avss_core.tasks import Task, data_sets_of, preview_task, task_named
from pages.parts.uploads import keep_upload

TABLES = ("jsonl", "json", "csv", "tsv", "parquet")
TEXTS = ("txt", "md", *TABLES)


def words_of(task: Task) -> dict[str, str]:
    """What the sets that a task is known to read are called in a list, by their sources; the sample first."""
    return {known.source: f"{known.source}: {known.what}" for known in data_sets_of(task)}


def choose_source(label: str, words: Mapping[str, str], key: str, help_text: str) -> str | None:
    """Draw the list of known sources, which takes any other that is typed. words: what each known one is called."""
    typed = st.session_state.get(f"{key}-source")
    source: str | None = st.selectbox(
        label,
        [*words, *([typed] if typed and typed not in words else [])],
        format_func=lambda named: words.get(named, named),
        key=f"{key}-source",
        persist_state="session",
        accept_new_options=True,
        help=help_text,
    )
    return source


def draw_upload(label: str, kinds: Sequence[str], key: str, help_text: str) -> None:
    """Draw the field for a file, which becomes what `choose_source` of the same key has chosen."""
    st.file_uploader(label, list(kinds), key=f"{key}-upload", on_change=_take_upload, args=(key,), help=help_text)
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


def choose_everything(what: str, key: str) -> bool:
    """Draw whether the half that may have been profiled is read, too."""
    return st.checkbox(
        f"Use all {what}",
        key=f"{key}-everything",
        persist_state="session",
        help="Off, about half of them (by a hash of their text) are left out, as they may have been profiled.",
    )


def choose_place(spec: CorpusSpec, key: str) -> CorpusSpec:
    """Draw configuration and split; what is left empty stays as it is in the spec."""
    config, split = st.columns(2)
    return replace(
        spec,
        config=config.text_input(
            "Configuration (hub)", key=f"{key}-config", persist_state="session", placeholder=spec.config
        )
        or spec.config,
        split=split.text_input("Split (hub)", key=f"{key}-split", persist_state="session", placeholder=spec.split)
        or spec.split,
    )


def columns_there(spec: CorpusSpec, key: str) -> list[str]:
    """The columns to choose from: those of a file at once, of a hub set when they are asked for.

    Raises CorpusError when the source cannot be read.
    """
    if spec.kind == "hub" and not st.toggle("Look up its columns", key=f"{key}-look-up", persist_state="session"):
        return []
    whole = replace(spec, part="all", max_examples=None)
    return _columns(whole.identity(), whole)


def choose_column(meaning: str, usual: str, columns: Sequence[str], key: str, help_text: str) -> str | None:
    """Draw the box for one thing that is read. usual: the column that is meant where none is chosen."""
    named: str | None = st.selectbox(
        f"Column of the {meaning}",
        columns,
        index=columns.index(usual) if usual in columns else None,
        key=f"{key}-column-{meaning}",
        persist_state="session",
        placeholder=usual,
        accept_new_options=True,
        help=help_text,
    )
    return named


def draw_first(label: str, task: Task, spec: CorpusSpec, key: str) -> None:
    """Draw the first rows of a source as the task reads them, when that is wanted; of a file it is, unless it is not.

    Raises CorpusError when they cannot be read.
    """
    local = spec.kind in ("file", "folder")
    if st.toggle(label, value=local, key=f"{key}-preview-{'own' if local else 'known'}", persist_state="session"):
        st.dataframe(first_examples(spec.identity(), task.name, spec), hide_index=True)


@st.cache_data(show_spinner=False, max_entries=32)
def _columns(identity: str, _spec: CorpusSpec) -> list[str]:
    del identity
    return [str(name) for name in preview(_spec, 1).columns]


@st.cache_data(show_spinner=False, max_entries=32)
def first_examples(identity: str, task: str, _spec: CorpusSpec) -> pd.DataFrame:
    """The first examples as the task would ask them; `identity` of the spec tells one state of a file from the next."""
    del identity
    return preview_task(task_named(task), _spec)
