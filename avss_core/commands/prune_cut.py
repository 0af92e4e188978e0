"""Which cut a rule or target of `avss prune` gives, from scores and, for what may be lost, from evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from avss_core.commands.prune_options import CutOptions
from avss_core.commands.prune_scores import Scored
from avss_core.commands.session import Workers, run_to_end
from avss_core.importance.avss import lowest_first
from avss_core.jobs import EvaluateRequest
from avss_core.jobs.results import outcome_in, still_to_do
from avss_core.pruning import Cut, authors_cumulative, below_threshold, lowest_fraction, lowest_k, protected_ends
from avss_core.pruning.cuts_by_size import (
    along_order,
    best_stretches,
    most_tolerated,
    number_of_parameters,
    number_of_share,
    number_that_may_go,
)
from avss_core.pruning.targets import Tolerated
from avss_core.tasks import task_named
from avss_core.tasks.evaluation import require_something_to_retain


def choose(
    workers: Workers, unpruned: EvaluateRequest, options: CutOptions, scored: Scored
) -> tuple[Cut, Tolerated | None]:
    """The cut that the rule or target gives, and for a share of the performance what was measured for it.

    Raises SettingError for a share of nothing, and what the rule raises.
    """
    # The angular distance is of stretches: it removes the best one of each length, as a sweep by it does.
    stretch = options.contiguous or bool(scored.turns)
    ends = (options.protect_first, options.protect_last)
    if options.threshold is not None:
        return below_threshold(scored.shares, options.threshold, *ends), None
    if options.cumulative is not None:
        return authors_cumulative(scored.cumulative, options.cumulative, *ends), None
    if not stretch and options.fraction is not None:
        return lowest_fraction(scored.scores, options.fraction, *ends), None
    if not stretch and options.rank is not None:
        return lowest_k(scored.scores, options.rank, *ends), None
    n_blocks = len(scored.scores)
    protected = protected_ends(n_blocks, *ends)
    if stretch:
        cuts = best_stretches(scored.scores, protected, scored.turns)
    else:
        cuts = along_order(lowest_first(scored.scores), n_blocks, protected)
    if options.keep_performance is not None:
        evaluate(workers, unpruned, cuts)
        outcomes = {n: outcome_in(workers.store, unpruned, cut, "a cutoff") for n, cut in enumerate(cuts)}
        require_something_to_retain(outcomes[0].before)
        shared = task_named(unpruned.task).shares_prefixes
        target = most_tolerated(cuts, n_blocks, outcomes, options.keep_performance, options.surely, shared)
        return target.cut, target
    n, words = how_many(options, cuts, scored)
    what = "consecutive blocks with the lowest scores" if stretch else f"lowest of {n_blocks} scores"
    return Cut(cuts[n], n_blocks, f"the {n} {what}{words}"), None


def how_many(options: CutOptions, cuts: Sequence[tuple[int, ...]], scored: Scored) -> tuple[int, str]:
    """How many blocks go along these cuts, and the end of the reason."""
    n_blocks = len(scored.scores)
    if options.parameters is not None:
        n = number_of_parameters(cuts, scored.block_parameters, scored.total_parameters, options.parameters)
        return n, f" ({options.parameters:g} of the parameters)"
    if options.fraction is not None:
        return number_of_share(cuts, n_blocks, options.fraction), f" (share {options.fraction:g})"
    return number_that_may_go(cuts, n_blocks, options.rank or 0), ""


def evaluate(workers: Workers, unpruned: EvaluateRequest, cuts: Sequence[tuple[int, ...]]) -> None:
    """Evaluate the unpruned model and these cuts together, as far as they have not been."""
    request = replace(unpruned, cuts=tuple(dict.fromkeys([(), *cuts])))
    left = still_to_do(workers.store, request)
    if left.cuts:
        run_to_end(workers, left)
