"""Beam search: keep the b best cuts of each size, and grow all of them by one block. A beam of 1 is greedy search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from avss_core.errors import SettingError
from avss_core.pruning.search.problem import Problem
from avss_core.pruning.search.step import Blocks, Step

WIDTH = 4


@dataclass(frozen=True, kw_only=True)
class BeamStep(Step):
    """beam: the best cuts of this size with their losses, best first; tried: how many different cuts were tried.

    `attempt` is that of the best, which need not hold the best cut of the step before.
    """

    beam: tuple[tuple[Blocks, float], ...]
    tried: int


def beam_steps(problem: Problem, width: int = WIDTH, done: Sequence[BeamStep] = ()) -> Iterator[BeamStep]:
    """The steps that follow those `done`, cuts of one block more in each; nothing when the last of these says to stop.

    All cuts of a step are run in one prefix tree; a cut that grows from several is run once. Of equal losses the cut
    with the earlier blocks comes first. As in greedy search, the losses are the lowest of many. Raises SettingError
    for a width below 1.
    """
    if width < 1:
        raise SettingError(f"The width of the beam must be at least 1, not {width}.")
    last = done[-1] if done else None
    while last is None or last.stop is None:
        last = _next(problem, width, last)
        yield last


def _next(problem: Problem, width: int, last: BeamStep | None) -> BeamStep:
    parents: list[Blocks] = [cut for cut, _ in last.beam] if last else [()]
    cuts = {tuple(sorted((*cut, block))) for cut in parents for block in problem.free.difference(cut)}
    trial = problem.score(sorted(cuts), last)
    best = sorted(trial.losses().items(), key=lambda cut_and_loss: (cut_and_loss[1], cut_and_loss[0]))[:width]
    return BeamStep(**trial.judge(best[0][0]), beam=tuple(best), tried=len(cuts))
