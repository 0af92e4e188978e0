"""Greedy search: take out the block whose removal costs least measured loss, and again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from avss_core.pruning.search.problem import Problem
from avss_core.pruning.search.step import Step


@dataclass(frozen=True, kw_only=True)
class GreedyStep(Step):
    """candidate: the block that costs least; tried: every block that was tried, with the loss without it."""

    candidate: int
    tried: tuple[tuple[int, float], ...]


def greedy_steps(problem: Problem, done: Sequence[GreedyStep] = ()) -> Iterator[GreedyStep]:
    """The steps that follow those `done`, one block removed in each; nothing when the last of these says to stop.

    All blocks that may still go are tried in every step, in one prefix tree. Of equal losses the earlier block goes
    first. The losses chosen by are the lowest of many on this text: on other text they will be somewhat higher.
    """
    last = done[-1] if done else None
    while last is None or last.stop is None:
        last = _next(problem, last)
        yield last


def _next(problem: Problem, last: GreedyStep | None) -> GreedyStep:
    gone = last.removed if last else ()
    trial = problem.score([(*gone, block) for block in sorted(problem.free.difference(gone))], last)
    tried = tuple((cut[-1], loss) for cut, loss in trial.losses().items())
    candidate, _ = min(tried, key=lambda block_and_loss: (block_and_loss[1], block_and_loss[0]))
    return GreedyStep(**trial.judge((*gone, candidate)), candidate=candidate, tried=tried)
