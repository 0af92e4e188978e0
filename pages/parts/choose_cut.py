"""Which blocks may go, what they are ordered by, and the blocks ticked by hand."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from avss_core.models.spec import ModelSpec
from avss_core.pruning import Cut, protected_ends
from pages.parts.picked_cut import HandedCut, take_picked_cut

BY_HAND = "by hand"
_METHOD, _TICKED, _WHY = "method", "ticked", "ticked-why"


def choose_protected(n_blocks: int) -> tuple[int, ...]:
    """Draw what protects the first and the last blocks, and return the protected blocks."""
    return protected_ends(n_blocks, *choose_protected_ends(n_blocks))


def choose_protected_ends(n_blocks: int) -> tuple[int, int]:
    """Draw a toggle and a number for either end; how many first and how many last blocks never go."""
    first, last = st.columns(2)
    with first:
        number_first = _choose_end("first", n_blocks)
    with last:
        number_last = _choose_end("last", n_blocks)
    return number_first, number_last


def _choose_end(end: str, n_blocks: int) -> int:
    protects = st.toggle(
        f"Protect the {end}",
        value=True,
        key=f"protect-{end}",
        persist_state="session",
        help="Never removed by a score.",
    )
    count = st.number_input(
        f"So many {end} blocks",
        1,
        max(1, n_blocks - 1),
        1,
        key=f"protect-{end}-count",
        persist_state="session",
        disabled=not protects,
    )
    return int(count) if protects else 0


def choose_method(labels: Iterable[str], n_blocks: int, model: ModelSpec) -> str:
    """Draw what the blocks are removed by: one of the orders, or by hand. A cut from another page is taken first."""
    options = [*labels, BY_HAND]
    picked = take_picked_cut()
    if picked is not None and picked.model == model.identity():
        st.session_state[_METHOD] = BY_HAND
        st.session_state[_TICKED], st.session_state[_WHY] = list(picked.removed), picked
    elif picked is not None:
        st.warning(f"The cut {list(picked.removed)} is of another model, or its files were changed: choose it again.")
    if st.session_state.get(_METHOD) not in options:
        st.session_state[_METHOD] = options[0]
    method = st.selectbox(
        "Remove by",
        options,
        key=_METHOD,
        persist_state="session",
        help="AVSS comes from the profile; the Methods page measures more ways to score blocks, which then stand here. "
        "The ablation of single blocks is measured below.",
    )
    return str(method)


def tick_blocks(n_blocks: int, model: ModelSpec) -> tuple[Cut, HandedCut | None]:
    """Draw the blocks to tick; the cut, and the one that another page handed over as long as it is that."""
    ticked = st.pills(
        "Blocks to remove",
        range(n_blocks),
        selection_mode="multi",
        key=_TICKED,
        wrap=True,
        persist_state="session",
        width="stretch",
    )
    handed: HandedCut | None = st.session_state.get(_WHY)
    if handed is None or not handed.removes(ticked) or handed.model != model.identity():
        return Cut(tuple(ticked), n_blocks, "ticked by hand"), None
    return Cut(tuple(ticked), n_blocks, handed.reason), handed
