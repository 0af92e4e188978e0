"""Choose a text, and how it is cut."""

from __future__ import annotations

import streamlit as st

from avss_core.corpora.preview import preview
from avss_core.corpora.registry import SAMPLES
from avss_core.corpora.spec import CorpusSpec
from avss_core.tasks import PERPLEXITY, task_named, text_named
from pages.parts.choose_source import TEXTS, choose_source, draw_upload, words_of
from pages.parts.engine import store
from pages.parts.trouble import told_in_a_box


def choose_corpus() -> CorpusSpec:
    """Draw the widgets and return what they say."""
    source = choose_source(
        "Text",
        _known_texts(),
        "corpus",
        "A sample of this project, or type a local file or folder (text, JSONL, CSV, Parquet), "
        "or the name or id of a hub data set.",
    )
    length, budget = st.columns(2)
    window = length.number_input(
        "Window (tokens)", 1, 1_000_000, 512, key="length", persist_state="session", help="Longer documents are cut."
    )
    most = budget.number_input(
        "At most (tokens)", 0, None, 0, 1000, key="max-tokens", persist_state="session", help="0 reads the whole part."
    )
    with st.expander("More about the text"):
        draw_upload("Upload", TEXTS, "corpus", "It becomes the choice above.")
        column = st.text_input("Column of the text", "text", key="column", persist_state="session")
        config = st.text_input("Configuration (hub)", key="hub-config", persist_state="session") or None
        split = st.text_input("Split (hub)", key="hub-split", persist_state="session") or None
        everything = st.checkbox(
            "Use all documents",
            key="all-documents",
            persist_state="session",
            help="Off, about half the documents (by a hash of their text) are held out, "
            "so that pruning is judged on text that was not profiled.",
        )
        spec = text_named(
            source or "sample:essays",
            part="all" if everything else "profile",
            column=column,
            config=config,
            split=split,
            length=int(window),
            max_tokens=int(most) or None,
        )
        if st.toggle("Show the first rows", key="preview"):
            with told_in_a_box():
                st.dataframe(preview(spec), hide_index=True)
    return spec


def _known_texts() -> dict[str, str]:
    """What each text is called in the list: the samples, the sets of perplexity, and what was read before."""
    words = words_of(task_named(PERPLEXITY))
    read = (run.spec["corpus"]["source"] for run in store().runs())
    known = (*(sample.source for sample in SAMPLES), *words, *read)
    return {source: source if source.startswith("sample:") else words.get(source, source) for source in known}
