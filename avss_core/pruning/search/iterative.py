"""Iterative pruning: appendix H of arXiv 2411.10069, equations (53) to (60).

The least important block is taken out (54) and the model evaluated again (55); if that costs more than δ, the block is
put back for good (56). Our readings: where lower is better, a rise of the metric is the drop; (59) compares the
performance before and after a block that stays removed, since one that is put back leaves the model as it was. A mean
over few examples is often the very same after a removal, which (59) to the letter takes for convergence: it would end
at the first block that costs nothing. So there it is off unless it is asked for (`convergence_for`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from avss_core.errors import NumericalError, SettingError
from avss_core.pruning.search.problem import Problem
from avss_core.pruning.search.step import Blocks, Decision, Step, Stop
from avss_core.tasks.evaluation import Evaluation

# (53): from the blocks kept to one number for each of them, the lowest to go first.
ScoresOf = Callable[[Blocks], Sequence[float]]


@dataclass(frozen=True)
class AppendixH:
    """The paper's settings.

    tolerance    λ of (58): δ = λ · P(M_0), the drop that one removal may cost
    delta        δ itself, in units of the metric; None: by (58)
    convergence  ε_c of (59): end when a removal changes performance by a smaller share; 0 never ends for that. The
                 default is that of a perplexity; of another task, `convergence_for`
    again        compute importance anew after every removal, on the pruned model; otherwise once

    Raises SettingError for a setting that is negative or not finite.
    """

    tolerance: float = 0.05
    delta: float | None = None
    convergence: float = 1e-4
    again: bool = False

    def __post_init__(self) -> None:
        """Check the numbers."""
        named = {"tolerance λ": self.tolerance, "drop δ": self.delta, "convergence criterion ε_c": self.convergence}
        for name, value in named.items():
            if value is not None and not 0 <= value < math.inf:
                raise SettingError(f"The {name} must be a number from 0 on; {value} is not.")

    def delta_of(self, unpruned: Evaluation) -> float:
        """δ, in units of the metric."""
        return self.tolerance * unpruned.value if self.delta is None else self.delta


@dataclass(frozen=True, kw_only=True)
class IterativeStep(Step):
    """candidate: ℓ_min of (54); delta: δ; scores: the importance it was chosen by, one number for each block of the
    unpruned model, None for those that were not in the model that was scored."""

    candidate: int
    delta: float
    scores: tuple[float | None, ...]


def iterative_steps(
    problem: Problem, scores_of: ScoresOf, rule: AppendixH | None = None, done: Sequence[IterativeStep] = ()
) -> Iterator[IterativeStep]:
    """The steps that follow those `done`, one block tried in each; nothing when the last of these says to stop.

    Block runs are those of the evaluations, without what a step shares with the model as it stands where the problem
    has `prefixes`; what importance costs depends on the method and is not counted. Of equal scores the earlier block
    goes first. Raises SettingError when there is not one score for each block kept, NumericalError for one that is not
    finite.
    """
    rule, steps = rule or AppendixH(), list(done)
    while not steps or steps[-1].stop is None:
        steps.append(_next(problem, scores_of, rule, steps))
        yield steps[-1]


def _next(problem: Problem, scores_of: ScoresOf, rule: AppendixH, steps: Sequence[IterativeStep]) -> IterativeStep:
    last = steps[-1] if steps else None
    gone = last.removed if last else ()
    kept = problem.kept(gone)
    if last is None or (rule.again and last.decision is Decision.REMOVED):
        scores = _by_block(scores_of(kept), kept, problem.n_blocks)
    else:
        scores = last.scores
    stay = {step.candidate for step in steps if step.decision is Decision.PUT_BACK}
    candidates = sorted(problem.free.difference(gone, stay))
    candidate = min(candidates, key=lambda block: (scores[block], block))

    cut = (*gone, candidate)
    trial = problem.score([cut], last, one_by_one=True)
    delta = rule.delta_of(trial.unpruned)
    step = IterativeStep(**trial.judge(cut, delta), candidate=candidate, delta=delta, scores=scores)
    return step if step.stop else replace(step, stop=_stop(rule, trial.before, step, len(candidates) - 1))


def _stop(rule: AppendixH, before: Evaluation, step: IterativeStep, left: int) -> Stop | None:
    if step.decision is Decision.REMOVED and abs(step.drop) < rule.convergence * abs(before.value):
        return Stop.CONVERGED
    return None if left else Stop.ALL_TRIED


def _by_block(scores: Sequence[float], kept: Blocks, n_blocks: int) -> tuple[float | None, ...]:
    if len(scores) != len(kept):
        raise SettingError(f"{len(scores)} scores were given for {len(kept)} blocks; give one for each block kept.")
    by_block = dict(zip(kept, map(float, scores), strict=True))
    broken = [block for block, score in by_block.items() if not math.isfinite(score)]
    if broken:
        raise NumericalError(
            f"Block {broken[0]} has the score {by_block[broken[0]]}, so blocks cannot be compared; "
            "choose another score."
        )
    return tuple(by_block.get(block) for block in range(n_blocks))
