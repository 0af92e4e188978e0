"""A cut that one page hands to another: a point of the sweep, or a search, to Prune; the cut of Prune to healing."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

KEY = "picked-cut"
CURRENT = "current-cut"


def pick_cut(removed: Sequence[int], reason: str) -> None:
    """Have the Prune page show this cut when it is drawn next (for callbacks)."""
    st.session_state[KEY] = {"removed": tuple(sorted(removed)), "reason": reason}


def take_picked_cut() -> tuple[tuple[int, ...], str] | None:
    """The cut that was handed over and has not been taken yet, with where it comes from; None when there is none."""
    picked = st.session_state.pop(KEY, None)
    return None if picked is None else (picked["removed"], picked["reason"])


def remember_cut(model: str, removed: Sequence[int], reason: str) -> None:
    """Keep the cut that the Prune page shows, for pages that go on from it. `model`: the identity of its spec."""
    st.session_state[CURRENT] = (model, tuple(removed), reason)


def remembered_cut(model: str) -> tuple[tuple[int, ...], str] | None:
    """The cut that the Prune page showed last for this model, with where it comes from; None when there is none."""
    kept_of, removed, reason = st.session_state.get(CURRENT, (None, (), ""))
    return (removed, reason) if kept_of == model else None
