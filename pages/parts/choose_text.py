"""Choose the text that cuts are judged on: the held-out part of what was profiled."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from avss_core.corpora.spec import CorpusSpec
from avss_core.runs import Run

BUDGETS = (1000, 2000, 4000, 8000, 16000, 32000)


def choose_held_out_text(run: Run, key: str = "evaluation-tokens", default: int = 4000) -> CorpusSpec:
    """Draw how many tokens are read; the documents are those that the profile left out."""
    tokens = st.select_slider(
        "Tokens to evaluate on",
        BUDGETS,
        default,
        key=key,
        help="Of the held-out documents, in order. More tokens, narrower intervals, longer waits.",
    )
    return held_out(run, tokens)


def held_out(run: Run, tokens: int | None) -> CorpusSpec:
    """The held-out part of the text that a run profiled; all of it when the run profiled all."""
    profiled = CorpusSpec.from_dict(run.spec["corpus"])
    return replace(profiled, part="all" if profiled.part == "all" else "evaluate", max_tokens=tokens)


def calibration(run: Run, tokens: int | None) -> CorpusSpec:
    """The part that was profiled, as far as `tokens`: what is fitted or trained is fitted on this."""
    return replace(CorpusSpec.from_dict(run.spec["corpus"]), max_tokens=tokens)
