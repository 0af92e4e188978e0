"""The next step of any search, from those before it."""

from __future__ import annotations

from collections.abc import Sequence

from avss_core.pruning.search.beam import BeamStep, beam_steps
from avss_core.pruning.search.greedy import GreedyStep, greedy_steps
from avss_core.pruning.search.iterative import IterativeStep, ScoresOf, iterative_steps
from avss_core.pruning.search.problem import Problem
from avss_core.pruning.search.settings import Search, SearchSettings
from avss_core.pruning.search.step import Step

STEP_OF: dict[Search, type[Step]] = {
    Search.ITERATIVE: IterativeStep,
    Search.GREEDY: GreedyStep,
    Search.BEAM: BeamStep,
}


def next_step(problem: Problem, settings: SearchSettings, done: Sequence[Step], scores_of: ScoresOf) -> Step:
    """The step that follows those `done`, the last of which must not say to stop.

    problem: with the limits of `settings`. scores_of: importance, asked for by iterative pruning only.
    """
    if settings.search is Search.GREEDY:
        return next(greedy_steps(problem, [step for step in done if isinstance(step, GreedyStep)]))
    if settings.search is Search.BEAM:
        before = [step for step in done if isinstance(step, BeamStep)]
        return next(beam_steps(problem, settings.width or 1, before))
    tried = [step for step in done if isinstance(step, IterativeStep)]
    return next(iterative_steps(problem, scores_of, settings.rule, tried))
