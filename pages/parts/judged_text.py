"""Whether a cut is judged on text that was used to choose it, which flatters it; said where it is so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import streamlit as st

from avss_core.corpora.spec import CorpusSpec
from avss_core.jobs import EvaluateRequest
from avss_core.jobs.requests.base import absolute_corpus
from avss_core.models.standin_package import TRAINED_ON
from avss_core.tasks import PERPLEXITY


def share_documents(one: CorpusSpec, other: CorpusSpec) -> bool:
    """Whether two texts of one source may have documents in common: always, but for its two parts."""
    same = _place_of(one) == _place_of(other)
    return same and {one.part, other.part} != {"profile", "evaluate"}


def warn_of_judged_text(base: EvaluateRequest, measured_on: Mapping[str, Iterable[CorpusSpec]]) -> None:
    """Say which orders of removal, or cuts, were measured on text that cuts are judged on. measured_on: their texts."""
    flattered = [
        label for label, texts in measured_on.items() if any(share_documents(text, base.corpus) for text in texts)
    ]
    if flattered:
        st.warning(
            f"**{', '.join(flattered)}**: measured on text that cuts are judged on here, so what is retained is "
            "flattered. Honest are cuts that were chosen on the profiled part and are judged on the other.",
            icon=":material/visibility:",
        )
    if base.model.kind == "standin" and share_documents(TRAINED_ON, base.corpus):
        st.warning(
            "The stand-in classifier was trained on half of these sentences; leave *Use all examples* off to judge it "
            "on the others.",
            icon=":material/visibility:",
        )


def documents_judged(base: EvaluateRequest, n: int) -> str:
    """How many documents or examples a cut is judged on, and whether they were kept from what chose it."""
    read = "documents" if base.task == PERPLEXITY else "examples"
    return f"{n:,} {read}" + (" that were not profiled" if base.corpus.part == "evaluate" else "")


def _place_of(text: CorpusSpec) -> tuple[str, str | None, str]:
    found = absolute_corpus(text)
    return found.source, found.config, found.split or "train"
