"""Choose a search: of which task, on which text, how far, by what."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from avss_core.corpora.spec import CorpusSpec
from avss_core.importance.registry import Chosen, fitting_facts
from avss_core.importance.settings import RankSettings
from avss_core.jobs import SearchRequest
from avss_core.models.spec import ModelSpec
from avss_core.pruning.search import AppendixH, Limits, Search, SearchSettings, convergence_for
from avss_core.pruning.search.beam import WIDTH
from avss_core.runs import Run
from avss_core.tasks import PERPLEXITY, task_named
from pages.parts.choose_cut import choose_protected
from pages.parts.choose_task import choose_task
from pages.parts.choose_text import BUDGETS, calibration
from pages.parts.run_sites import measured_sites
from pages.parts.score_settings import choose_score_settings

WAYS = {
    Search.ITERATIVE.value: (
        "Appendix H of arXiv 2411.10069: take out the least important block, measure, and put it back for good when "
        "that costs more than δ. One cut a step, so it is cheap; it goes by the score and cannot do better than that."
    ),
    Search.GREEDY.value: (
        "Try every block that may go, take out the one whose removal costs least, and again. It measures what counts, "
        "but never takes a removal back."
    ),
    Search.BEAM.value: (
        "As greedy, with the best few cuts of each size kept and grown: it finds pairs that are only cheap together."
    ),
}
_WHATEVER = 0.0
RETAIN = (_WHATEVER, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
TOKENS = (500, *BUDGETS)


def choose_search(run: Run) -> tuple[SearchRequest, CorpusSpec]:
    """Draw the widgets; the search, and the text that its cuts are judged on.

    It measures on the other part of that text, which for perplexity is at first the part that was profiled.
    """
    n_blocks = int(run.facts["blocks"])
    way = st.segmented_control(
        "Search",
        list(WAYS),
        default=Search.ITERATIVE.value,
        format_func=lambda name: Search(name).pretty_name,
        key="search-way",
        wrap=True,
        persist_state="session",
        required=True,
    )
    search = Search(way or Search.ITERATIVE.value)
    st.caption(WAYS[search.value])
    protected = choose_protected(n_blocks)
    what, how_far = st.columns(2)
    with what:
        task, held_out = choose_task(run, "search")
        tokens = _choose_tokens(task, search)
    with how_far:
        limits = _choose_limits(n_blocks, protected)
    text = calibration(run, tokens)
    rule, rank, width = None, None, None
    if search is Search.ITERATIVE:
        rank = _choose_score(run)
        rule = _choose_rule(task)
    elif search is Search.BEAM:
        width = st.slider(
            "Width: cuts of each size that are kept", 1, 12, WIDTH, key="search-width", persist_state="session"
        )
    settings = SearchSettings(search, limits, rule, rank, width)
    searched = other_part(held_out, tokens if task == PERPLEXITY else held_out.max_tokens)
    return SearchRequest(ModelSpec.from_dict(run.spec["model"]), searched, task, settings, text), held_out


def other_part(held_out: CorpusSpec, max_tokens: int | None) -> CorpusSpec:
    """The part of a text that its held-out part does not judge; all of it where all is judged."""
    return replace(held_out, part="all" if held_out.part == "all" else "profile", max_tokens=max_tokens)


def _choose_tokens(task: str, search: Search) -> int:
    if task != PERPLEXITY and search is not Search.ITERATIVE:
        return TOKENS[1]  # nothing reads it
    tokens = st.select_slider(
        "Tokens to search on" if task == PERPLEXITY else "Tokens to score blocks on",
        TOKENS,
        1000,
        key="search-text-tokens",
        persist_state="session",
        help="Of the documents that are not held out: the cuts of the search are judged on the others. "
        "Fewer are quicker, and flatter what is found more.",
    )
    return int(tokens)


def _choose_limits(n_blocks: int, protected: tuple[int, ...]) -> Limits:
    possible = min(n_blocks - len(protected), n_blocks - 1)
    most = st.slider(
        "Blocks to remove at most",
        0,
        max(1, n_blocks - 1),  # whatever is protected, or the slider would jump back when that changes
        max(1, round(0.25 * n_blocks)),
        key="search-most",
        persist_state="session",
        help=f"0: as many as can go, which is {possible} here. The papers remove about 25 %, "
        f"which is {round(0.25 * n_blocks)} of {n_blocks}.",
    )
    retain = st.select_slider(
        "Retain at least",
        RETAIN,
        _WHATEVER,
        format_func=lambda share: f"{share:.0%}" if share else "whatever it costs",
        key="search-retain",
        persist_state="session",
        help="The search ends before the first step that would retain less, on the text of the search.",
    )
    return Limits(min(most, possible) or None, retain or None, protected)


def _choose_score(run: Run) -> RankSettings:
    methods = {method.name: method for method in fitting_facts(run.facts)}
    name = st.selectbox(
        "Score that says which block is tried next",
        list(methods),
        list(methods).index("avss"),
        format_func=lambda name: methods[name].pretty_name,
        key="search-method",
        persist_state="session",
    )
    if not methods[name].has_sites:
        return RankSettings((name,))
    chosen = choose_score_settings(measured_sites(run))
    asked = Chosen(methods[name], chosen.site).name
    return RankSettings((asked,), chosen.epsilon, chosen.skip_first_token)


def _choose_rule(task: str) -> AppendixH:
    unit = task_named(task).metric().pretty_name.lower()
    kind, bound, criterion, anew = st.columns([3, 2, 2, 3], vertical_alignment="bottom")
    absolute = kind.toggle(
        f"δ in units of {unit}",
        key="search-absolute",
        persist_state="session",
        help="Otherwise δ = λ · P(unpruned), equation (58).",
    )
    delta, tolerance = None, AppendixH().tolerance
    if absolute:
        delta = bound.number_input(
            "δ", 0.0, value=1.0, step=0.1, format="%g", key="search-delta", persist_state="session"
        )
    else:
        tolerance = bound.number_input(
            "λ", 0.0, value=tolerance, step=0.01, format="%g", key="search-tolerance", persist_state="session"
        )
    convergence = criterion.number_input(
        "ε_c",
        0.0,
        value=convergence_for(task),
        step=1e-4,
        format="%g",
        key=f"search-convergence-{task}",
        persist_state="session",  # each task has a default of its own
        help="Equation (59): end when a removal changes performance by a smaller share; 0 never ends for that.",
    )
    again = anew.toggle(
        "Score anew each time",
        key="search-again",
        persist_state="session",
        help="After every removal, by the activations of the pruned model. Costs a measurement each time.",
    )
    if convergence and not convergence_for(task):
        st.caption(f"With ε_c above 0, (59) ends the search at the first removal that leaves {unit} just as it was.")
    return AppendixH(tolerance, delta, convergence, again)
