"""Choose the text that cuts are judged on: the held-out part of what was profiled, or another text."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from avss_core.corpora.spec import CorpusSpec
from avss_core.jobs.requests.base import absolute_corpus
from avss_core.runs import Run
from avss_core.tasks import PERPLEXITY, task_named, text_named
from pages.parts.choose_source import (
    TEXTS,
    choose_column,
    choose_everything,
    choose_place,
    choose_source,
    columns_there,
    draw_first,
    draw_upload,
    words_of,
)
from pages.parts.trouble import told_in_a_box

TOKENS_HELP = "Of the held-out documents, in order. More tokens, narrower intervals, longer waits."
COLUMN_HELP = "What the model reads; other columns are left alone."
BUDGETS = (1000, 2000, 4000, 8000, 16000, 32000)
HELD_OUT = "held-out part of the profiled text"
READS_ALL = "the profiled text, of which nothing was held out"
TEXT_HELP = (
    "A text that this project knows, or type a local file or folder (text, JSONL, CSV, Parquet), or a hub id. "
    "Texts of the hub are fetched when the machine is online."
)


def choose_judged_text(run: Run, key: str) -> CorpusSpec:
    """Draw which text is read and how many tokens of it; at first the documents that the profile left out.

    Another text is cut into windows of the same length, and its held-out part is read, as every text has one. The
    profiled text by its own name is what the profile left out of it, read in the same way. key: keeps the widgets of
    two choosers apart. Raises CorpusError when there is no such sample, file or folder.
    """
    own, key_of_text = held_out(run, None), f"{key}-{PERPLEXITY}"
    words = {HELD_OUT: READS_ALL if own.part == "all" else HELD_OUT} | words_of(task_named(PERPLEXITY))
    source = choose_source("Text", words, key_of_text, TEXT_HELP)
    own = choose_held_out_text(run, f"{key}-tokens")
    spec = own if source in (None, HELD_OUT) else _named(source, own)
    known = source in words or spec.source in words
    with st.expander("More about the text", expanded=not known):
        draw_upload("Upload a text", TEXTS, key_of_text, "It becomes the choice above.")
        return spec if source in (None, HELD_OUT) else _choose_more(spec, known, key_of_text)


def _named(source: str, own: CorpusSpec) -> CorpusSpec:
    """The text that is called `source`; CorpusError for a sample, file or folder that is not there."""
    other = text_named(source, part="evaluate", length=own.length, max_tokens=own.max_tokens)
    other.identity()  # looks for the file: said once, as nothing can be drawn of a text without a key
    return own if absolute_corpus(other).source == absolute_corpus(own).source else other


def _choose_more(spec: CorpusSpec, known: bool, key: str) -> CorpusSpec:
    """Draw how much of the text may be read, where in it the text is unless that is known, and its first rows."""
    if choose_everything("documents", key):
        spec = spec.of_part("all")
    if not known:
        spec = choose_place(spec, key)
    with told_in_a_box():
        if not known:
            column = choose_column("text", spec.text_column, columns_there(spec, key), key, COLUMN_HELP)
            spec = spec if column in (None, spec.text_column) else replace(spec, column=column)
        draw_first("Show the first rows", task_named(PERPLEXITY), spec, key)
    return spec


def choose_held_out_text(
    run: Run, key: str = "evaluation-tokens", default: int = 4000, more_help: str = ""
) -> CorpusSpec:
    """Draw how many tokens are read; the documents are those that the profile left out."""
    tokens = st.select_slider(
        "Tokens to evaluate on", BUDGETS, default, key=key, persist_state="session", help=f"{TOKENS_HELP}{more_help}"
    )
    return held_out(run, tokens)


def held_out(run: Run, tokens: int | None) -> CorpusSpec:
    """The held-out part of the text that a run profiled; all of it when the run profiled all."""
    profiled = CorpusSpec.from_dict(run.spec["corpus"])
    return replace(profiled, part="all" if profiled.part == "all" else "evaluate", max_tokens=tokens)


def calibration(run: Run, tokens: int | None) -> CorpusSpec:
    """The part that was profiled, as far as `tokens`: what is fitted or trained is fitted on this."""
    return replace(CorpusSpec.from_dict(run.spec["corpus"]), max_tokens=tokens)
