"""What is compared: which methods, at which sites, read with which settings."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from avss_core.importance import Epsilon
from avss_core.importance.method import Method
from avss_core.importance.registry import ORACLE, SITE_MARK, fitting_facts
from avss_core.importance.settings import DEFAULT_BUDGET, RankSettings
from avss_core.jobs import ProfileRequest, RankRequest
from avss_core.runs import Run

SITES = ("update", "mlp", "attention")
QUICK = ("avss", "variance", "block_influence", "gbis", "taylor", ORACLE)


def names_with_sites(methods: Iterable[Method]) -> list[str]:
    """Every name that a method can be asked for by: `avss`, then `avss@update` and the other sites."""
    return [
        name
        for method in methods
        for name in (method.name, *(f"{method.name}{SITE_MARK}{site}" for site in SITES if method.has_sites))
    ]


def choose_request(run: Run) -> RankRequest:
    """Draw the widgets; the text is the profiled part of the run's. Raises SettingError for an ε that cannot be."""
    profiled = ProfileRequest.from_dict(run.spec)
    names = names_with_sites(fitting_facts(run.facts))
    chosen = st.multiselect(
        "Methods", names, [name for name in QUICK if name in names], key="rank-methods", persist_state="session"
    )
    tokens = st.select_slider("Tokens", [500, 1000, 2000, 4000, 8000], 1000, key="rank-tokens", persist_state="session")
    corpus = type(profiled.corpus).from_dict({**profiled.corpus.to_dict(), "max_tokens": tokens})
    with_yardstick = dict.fromkeys([*chosen, *([ORACLE] if ORACLE in names else [])])
    return RankRequest(profiled.model, corpus, _choose_settings(tuple(with_yardstick)))


def _choose_settings(methods: tuple[str, ...]) -> RankSettings:
    with st.expander("Settings"):
        epsilon, sigma, token, budget, seed = st.columns([2, 2, 3, 3, 2], vertical_alignment="bottom")
        value = epsilon.number_input(
            "ε",
            value=Epsilon().value,
            step=0.001,
            format="%g",
            key="rank-epsilon",
            persist_state="session",
            help="Equation (4), for AVSS and sparsity: |a| < ε counts as silent. The authors' script has its own.",
        )
        relative = sigma.toggle(
            "ε × σ", key="rank-epsilon-relative", persist_state="session", help="ε as a multiple of each block's own σ."
        )
        skip = token.toggle(
            "Skip first token",
            key="rank-skip-first",
            persist_state="session",
            help="For AVSS, variance and sparsity: the first token of a window often carries activations that swamp "
            "the variance.",
        )
        block_runs = budget.number_input(
            "Shapley budget",
            1,
            value=DEFAULT_BUDGET,
            step=500,
            key="rank-budget",
            persist_state="session",
            help="Block runs over the text; one forward pass is as many as the model has blocks.",
        )
        drawn = seed.number_input(
            "Seed",
            0,
            value=0,
            key="rank-seed",
            persist_state="session",
            help="Of random scores, Shapley's orders and the scores' intervals.",
        )
    return RankSettings(methods, Epsilon(float(value), relative), skip, int(drawn), int(block_runs))
