"""Which blocks may go, what they are ordered by, and the blocks ticked by hand."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from avss_core.pruning import Cut, protected_ends
from pages.parts.picked_cut import take_picked_cut

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
    protects = st.toggle(f"Protect the {end}", value=True, key=f"protect-{end}", help="Never removed by a score.")
    count = st.number_input(
        f"So many {end} blocks", 1, max(1, n_blocks - 1), 1, key=f"protect-{end}-count", disabled=not protects
    )
    return int(count) if protects else 0


def choose_method(labels: Iterable[str], n_blocks: int) -> str:
    """Draw what the blocks are removed by: one of the orders, or by hand. A cut from another page is taken first."""
    options = [*labels, BY_HAND]
    picked = take_picked_cut()
    if picked is not None and all(0 <= block < n_blocks for block in picked[0]):
        st.session_state[_METHOD] = BY_HAND
        st.session_state[_TICKED], st.session_state[_WHY] = list(picked[0]), picked
    elif picked is not None:
        st.warning(f"The cut {list(picked[0])} is of another model; this one has blocks 0 to {n_blocks - 1}.")
    if st.session_state.get(_METHOD) not in options:
        st.session_state[_METHOD] = options[0]
    method = st.selectbox(
        "Remove by",
        options,
        key=_METHOD,
        help="AVSS comes from the profile; the Methods page measures more ways to score blocks, which then stand here. "
        "The ablation of single blocks is measured below.",
    )
    return str(method)


def tick_blocks(n_blocks: int) -> Cut:
    """Draw the blocks to tick; the cut says where it comes from as long as it is the one another page handed over."""
    ticked = st.pills("Blocks to remove", range(n_blocks), selection_mode="multi", key=_TICKED, width="stretch")
    removed, why = st.session_state.get(_WHY, ((), ""))
    return Cut(tuple(ticked), n_blocks, why if set(ticked) == set(removed) and why else "ticked by hand")
