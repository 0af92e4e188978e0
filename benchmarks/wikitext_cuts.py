"""Which blocks each method and each search of the engine would remove, at a few sizes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from avss_core.activations.site_names import SITES
from avss_core.corpora.batches import make_batches
from avss_core.corpora.windows import Window
from avss_core.importance.methods import angular
from avss_core.importance.rank import rank
from avss_core.importance.registry import METHODS, choose
from avss_core.importance.settings import RankSettings
from avss_core.models.load import LoadedModel
from avss_core.pruning.random_cuts import random_cuts
from avss_core.pruning.search import Limits, Problem, beam_steps, greedy_steps
from avss_core.pruning.search.perplexity_scorer import perplexity_scorer
from benchmarks.kept import Kept

Blocks = tuple[int, ...]
Cuts = dict[str, dict[int, Blocks]]  # name -> number of blocks -> those removed
ALL = ",".join(
    f"{method.name}@{site}" if site else method.name
    for method in METHODS
    for site in (SITES if method.has_sites else ("",))
)


def cuts_by_methods(
    kept: Kept, model: LoadedModel, windows: Sequence[Window], names: Iterable[str], sizes: Sequence[int], budget: int
) -> Cuts:
    """Each pass over the text is kept by itself. The angular distance removes the best stretch of each length.

    The method "random" needs no pass and is left out: the table has a row of many random cuts.
    """
    settings = RankSettings(tuple(names), budget=budget)
    found: dict[str, list[Blocks]] = {}
    for part in settings.by_pass():
        orders = kept.get(f"ranking by {', '.join(part.methods)}", partial(_orders, model, windows, part))
        found |= {name: [tuple(cut) for cut in cuts] for name, cuts in orders.items()}
    return {pretty(name): {size: found[name][size] for size in sizes} for name in settings.methods if name in found}


def _orders(model: LoadedModel, windows: Sequence[Window], settings: RankSettings) -> dict[str, list[list[int]]]:
    """For each method what goes at every size from 0 to M − 1."""
    orders = {}
    for ranking in rank(model, windows, settings):
        order = ranking.removal_order
        orders[ranking.name] = [sorted(order[:size]) for size in range(model.n_blocks)]
        if ranking.method is angular.METHOD:
            best = {each["n"]: each["first"] for each in ranking.details["stretches"]}
            orders[ranking.name] = [[], *[list(range(best[n], best[n] + n)) for n in range(1, model.n_blocks)]]
    return orders


def cuts_by_search(kept: Kept, model: LoadedModel, windows: Sequence[Window], sizes: Sequence[int], width: int) -> Cuts:
    """Greedy and, more than one wide, beam search by measured loss; every step is a tree of cuts."""
    batches = make_batches(windows, model.tokenizer.pad_token_id)

    def removed(beam: bool) -> list[list[int]]:
        problem = Problem(model.n_blocks, perplexity_scorer(model, batches), Limits(most=max(sizes)))
        steps: Iterator[Any] = beam_steps(problem, width) if beam else greedy_steps(problem)
        return [[], *[sorted(step.removed) for step in steps]]

    found = {"greedy search": kept.get("greedy search", lambda: removed(beam=False))}
    if width > 1:
        found[f"beam search, {width} wide"] = kept.get(f"beam search, {width} wide", lambda: removed(beam=True))
    return {name: {size: tuple(cuts[size]) for size in sizes} for name, cuts in found.items()}


def cuts_by_chance(n_blocks: int, sizes: Sequence[int], draws: int) -> Mapping[int, list[Blocks]]:
    """Random cuts of each size."""
    return {size: random_cuts(n_blocks, size, draws=draws) for size in sizes}


def pretty(name: str) -> str:
    """A method as the table calls it."""
    chosen = choose(name)
    if chosen.method is angular.METHOD:
        return f"{chosen.method.pretty_name}, best stretch"
    return f"{chosen.method.pretty_name}, {chosen.site}" if chosen.method.has_sites else chosen.method.pretty_name
