"""Which blocks to remove: the lowest by a score, or ticked by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from avss_core.pruning import Cut

BY_HAND = "by hand"


def choose_protected(n_blocks: int) -> tuple[int, ...]:
    """Draw the toggles that protect the first and the last block, and return the protected blocks."""
    first, last = st.columns(2)
    keep_first = first.toggle("Protect the first block", value=True, key="protect-first")
    keep_last = last.toggle("Protect the last block", value=True, key="protect-last")
    protected = ({0} if keep_first else set()) | ({n_blocks - 1} if keep_last else set())
    return tuple(sorted(protected))


def choose_cut(orders: Mapping[str, Sequence[int]], n_blocks: int, protected: tuple[int, ...]) -> tuple[str, Cut]:
    """Draw the cutoff slider (or the boxes to tick) and return the method's name and the cut.

    orders: for each method, the blocks that may be removed, in the order in which it removes them.
    """
    method = st.segmented_control("Remove", [*orders, BY_HAND], default=next(iter(orders)), key="method", required=True)
    if method is None or method == BY_HAND:
        ticked = st.pills(
            "Blocks to remove", range(n_blocks), selection_mode="multi", key="ticked", default=[], width="stretch"
        )
        return BY_HAND, Cut(tuple(ticked), n_blocks, "ticked by hand")
    order = orders[method]
    most = min(len(order), n_blocks - 1)
    count = st.slider(
        "Cutoff: number of blocks to remove",
        0,
        most,
        min(round(0.1 * n_blocks), most),
        key="cutoff",
        help=f"The papers remove about 25 %, which is {round(0.25 * n_blocks)} of these {n_blocks} blocks.",
    )
    return method, Cut(tuple(order[:count]), n_blocks, f"the {count} lowest by {method}")
