"""A cut that one page hands to another: a point of the sweep, or a search, to Prune; the cut of Prune to healing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import streamlit as st

from avss_core.corpora.spec import CorpusSpec

KEY = "picked-cut"
CURRENT = "current-cut"


@dataclass(frozen=True)
class HandedCut:
    """Blocks to remove, with what the next page has to know of them.

    model: the identity of its spec. reason: where it comes from, in words. measured_on: the texts that the blocks were
    chosen on, which flatter them. method: the score that chose them, for a model card.
    """

    model: str
    removed: tuple[int, ...]
    reason: str
    measured_on: tuple[CorpusSpec, ...] = ()
    method: str = ""

    def __post_init__(self) -> None:
        """Sort the blocks."""
        object.__setattr__(self, "removed", tuple(sorted(self.removed)))

    def removes(self, blocks: Iterable[int]) -> bool:
        """Whether it is of just these blocks, in any order."""
        return set(self.removed) == set(blocks)


def pick_cut(cut: HandedCut) -> None:
    """Have the Prune page show this cut when it is drawn next (for callbacks)."""
    st.session_state[KEY] = cut


def take_picked_cut() -> HandedCut | None:
    """The cut that was handed over and has not been taken yet; None when there is none."""
    picked: HandedCut | None = st.session_state.pop(KEY, None)
    return picked


def remember_cut(cut: HandedCut) -> None:
    """Keep the cut that the Prune page shows, for pages that go on from it."""
    st.session_state[CURRENT] = cut


def remembered_cut(model: str) -> HandedCut | None:
    """The cut that the Prune page showed last for this model; None when there is none. model: identity of its spec."""
    cut: HandedCut | None = st.session_state.get(CURRENT)
    return cut if cut is not None and cut.model == model else None


def known_cut(model: str, removed: Iterable[int]) -> HandedCut | None:
    """That cut, if it is of just these blocks: what is known of blocks that may have been typed."""
    cut = remembered_cut(model)
    return cut if cut is not None and cut.removes(removed) else None
