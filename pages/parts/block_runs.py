"""How many runs of a block over the text an evaluation of cuts takes, in words for the button that starts it."""

from __future__ import annotations

import streamlit as st

from avss_core.variants.plan import count_block_runs, count_block_runs_naive
from avss_core.variants.variant import Variant

Blocks = tuple[int, ...]


@st.cache_data(show_spinner=False, max_entries=256)
def block_runs(cuts: tuple[Blocks, ...], n_blocks: int) -> tuple[int, int]:
    """As one prefix tree, and with each cut as a model of its own."""
    variants = [Variant.without(n_blocks, cut) for cut in cuts]
    return count_block_runs(variants), count_block_runs_naive(variants)


def what_it_takes(cuts: tuple[Blocks, ...], n_blocks: int, shared: bool, called: str = "the cuts") -> str:
    """Of a task that runs what cuts share once (`shared`), or one that lets each cut write its own answers."""
    together, alone = block_runs(cuts, n_blocks)
    if not shared:
        return f"A block runs over the text {alone:,} times, for each of {called} writes its own answers."
    return f"A block runs over the text {together:,} times, and not {alone:,}, since {called} share how they begin."
