"""What is swept: which methods, how far, against how many random cuts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from avss_core.importance.registry import ORACLE
from avss_core.pruning.cuts_by_size import stretches_by_distance
from avss_core.pruning.random_cuts import DRAWS
from avss_core.pruning.sweep import Blocks, Sweep, plan_sweep
from pages.parts.choose_cut import choose_protected
from pages.parts.orders import Ranked, label_of

STRETCHES = ", whole stretches"
_METHODS = "sweep-methods"
_SHARES = (0.1, 0.17, 0.25, 0.33, 0.4, 0.5, 0.6, 0.75, 0.9)


@dataclass(frozen=True)
class Chosen:
    """sweep: what is to be evaluated. further: for each of its methods every cutoff there is, beyond the sweep's."""

    sweep: Sweep
    further: Mapping[str, tuple[Blocks, ...]]


def choose_sweep(known: Mapping[str, Ranked], n_blocks: int, shares_prefixes: bool) -> Chosen:
    """Draw the widgets. known: every order of removal by its label; those with angular distances can also be swept by
    whole stretches of consecutive blocks, the best of each length. shares_prefixes: of the task."""
    labels = [*known, *[label + STRETCHES for label, ranked in known.items() if ranked.turns]]
    before = [label for label in st.session_state.get(_METHODS, ()) if label in labels]
    st.session_state[_METHODS] = before or [labels[0], *({label_of(ORACLE)} & set(labels[1:]))]
    chosen = st.multiselect(
        "Methods",
        labels,
        key=_METHODS,
        persist_state="session",
        help="An order of removal for each: from the profile, from finished rankings of this model, from measured "
        "ablation. Score by more methods below, and they stand here too.",
    )
    share_column, draws_column, random_column = st.columns([3, 2, 2], vertical_alignment="bottom")
    share = share_column.select_slider(
        "Remove up to",
        _SHARES,
        0.5,
        format_func="{:.0%}".format,
        key="sweep-share",
        persist_state="session",
        help="Of the blocks.",
    )
    draws = draws_column.number_input(
        "Random cuts of each size",
        DRAWS,
        1000,
        DRAWS,
        key="sweep-draws",
        persist_state="session",
        help="20 draws give a band that one further cut falls into with probability 90 %; it takes 39 for 95 %.",
    )
    with_random = random_column.toggle("Band of random cuts", value=True, key="sweep-random", persist_state="session")
    protected = choose_protected(n_blocks)
    orders = {label: tuple(known[label].order) for label in chosen if label in known}
    turns = {label: known[label.removesuffix(STRETCHES)].turns for label in chosen if label.endswith(STRETCHES)}
    return Chosen(
        _planned(orders, turns, n_blocks, float(share), protected, int(draws) if with_random else 0, shares_prefixes),
        _planned(orders, turns, n_blocks, 1.0, protected, 0, shares_prefixes).methods,
    )


def _planned(
    orders: Mapping[str, Blocks],
    turns: Mapping[str, Mapping[int, Sequence[float]]],
    n_blocks: int,
    share: float,
    protected: Blocks,
    draws: int,
    shares_prefixes: bool,
) -> Sweep:
    sizes = round(share * n_blocks) + 1
    stretches = {label: stretches_by_distance(each, n_blocks, protected)[:sizes] for label, each in turns.items()}
    key = tuple(orders.items()), tuple(stretches.items())
    return _plan(key, n_blocks, share, protected, draws, shares_prefixes)


@st.cache_resource(show_spinner=False, max_entries=64)
def _plan(
    key: tuple[tuple[tuple[str, Blocks], ...], tuple[tuple[str, tuple[Blocks, ...]], ...]],
    n_blocks: int,
    share: float,
    protected: Blocks,
    draws: int,
    shares_prefixes: bool,
) -> Sweep:
    """The plan, whose block runs are counted once."""
    return plan_sweep(
        dict(key[0]), n_blocks, share, protected, draws, more=dict(key[1]), shares_prefixes=shares_prefixes
    )
