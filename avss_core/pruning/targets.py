"""How much to remove, said as a share of blocks, a share of parameters, or what may be lost. All go along an order:
the blocks that may go, the first to go first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from avss_core.errors import CutError, SettingError
from avss_core.pruning.cut import Cut
from avss_core.pruning.search.problem import Problem
from avss_core.tasks.evaluation import retained
from avss_core.variants.variant import Variant

Blocks = tuple[int, ...]


def share_of_blocks(order: Sequence[int], n_blocks: int, share: float) -> Cut:
    """The first n blocks of the order, n = round(share · M) as in rule (a), a half to the even n.

    Raises SettingError for a share outside 0 … 1, CutError when the order does not have so many blocks.
    """
    _require_share(share)
    n = round(share * n_blocks)
    if n > len(order):
        raise CutError(f"{n} blocks are to be removed, but only {len(order)} of {n_blocks} may go; remove fewer.")
    return Cut(tuple(order[:n]), n_blocks, f"the first {n} of the order (share {share:g})")


def share_of_parameters(order: Sequence[int], block_parameters: Sequence[int], total: int, share: float) -> Cut:
    """The fewest first blocks of the order that have at least this share of the `total` parameters.

    total: of the whole model, or the sum over blocks, whichever the share is meant of. Raises SettingError for a share
    outside 0 … 1, CutError when all blocks that may go do not have so many.
    """
    _require_share(share)
    wanted, gone, n = share * total, 0, 0
    most = min(len(order), len(block_parameters) - 1)
    while gone < wanted and n < most:
        gone += block_parameters[order[n]]
        n += 1
    if gone < wanted:
        raise CutError(
            f"The blocks that may go have {gone / total:.1%} of the parameters, less than the {share:.1%} asked for; "
            "remove a smaller share, or protect fewer blocks."
        )
    return Cut(
        tuple(order[:n]), len(block_parameters), f"the first {n} of the order ({gone / total:.1%} of parameters)"
    )


@dataclass(frozen=True)
class Cutoff:
    """How many of the order's first blocks are removed, and what that retains, with its paired 95 % interval."""

    removed: int
    retained: float
    low: float
    high: float


@dataclass(frozen=True)
class Tolerated:
    """The cut that was asked for, and all that was measured on the way.

    cutoffs    those measured, by number removed, 0 included
    gaps       numbers below the chosen one that retain less than asked, though the chosen one does not: retained
               performance need not fall with every block
    complete   whether every cutoff was measured, so that `cut` is the largest there is and `gaps` are all; otherwise it
               is one after which the next cutoff retains too little, which is the largest if there are no gaps
    """

    cut: Cut
    cutoffs: tuple[Cutoff, ...]
    gaps: tuple[int, ...]
    complete: bool
    block_runs: int
    block_runs_naive: int


def most_that_retains(
    problem: Problem, order: Sequence[int], retain: float, every_cutoff: bool = True, surely: bool = False
) -> Tolerated:
    """The longest beginning of the order whose removal retains at least `retain`; no block when none does.

    every_cutoff: measure all of them, in one prefix tree; otherwise halve the range, which measures about log₂ of them
    and relies on retained performance falling all the way. surely: the low end of the 95 % interval has to reach
    `retain`, and not the value alone (one document has no interval, and is never sure). Blocks that the problem
    protects are passed over, and its `most` is a bound. Raises SettingError for a share that is not positive.
    """
    if not 0 < retain < math.inf:
        raise SettingError(f"The share of performance to retain must be positive, such as 0.9; {retain} is not.")
    going = tuple(block for block in order if block in problem.free)[: problem.most]
    along = _Along(problem, going)

    def enough(cutoff: Cutoff) -> bool:
        return (cutoff.low if surely else cutoff.retained) >= retain

    if every_cutoff:
        along.measure(range(len(going) + 1))
    else:
        good, bad = 0, len(going) + 1
        while bad - good > 1:
            middle = (good + bad) // 2
            along.measure([middle])
            good, bad = (middle, bad) if enough(along.known[middle]) else (good, middle)
    n = max((cutoff.removed for cutoff in along.known.values() if enough(cutoff)), default=0)
    return Tolerated(
        cut=Cut(going[:n], problem.n_blocks, f"the most of the order that {'surely ' * surely}retains {retain:g}"),
        cutoffs=tuple(along.known[removed] for removed in sorted(along.known)),
        gaps=tuple(sorted(c.removed for c in along.known.values() if c.removed < n and not enough(c))),
        complete=every_cutoff,
        block_runs=along.block_runs,
        block_runs_naive=along.block_runs_naive,
    )


class _Along:
    """Measures cutoffs of an order, the unpruned model once."""

    def __init__(self, problem: Problem, order: Blocks) -> None:
        self._problem, self._order = problem, order
        self._whole: pd.DataFrame | None = None
        self.known: dict[int, Cutoff] = {}
        self.block_runs = self.block_runs_naive = 0

    def measure(self, numbers: Iterable[int]) -> None:
        """Measure these numbers of removed blocks together."""
        problem = self._problem
        whole = Variant.full(problem.n_blocks)
        variants = {n: Variant.without(problem.n_blocks, self._order[:n]) for n in numbers}
        answer = problem.ask([*([whole] if self._whole is None else []), *variants.values()])
        self._whole = answer.frames[whole] if self._whole is None else self._whole
        self.block_runs += answer.block_runs
        self.block_runs_naive += answer.block_runs_naive
        before = problem.metric.summarise(self._whole)
        for n, variant in variants.items():
            frame = answer.frames[variant]
            low, high = problem.metric.retained_interval(self._whole, frame)
            self.known[n] = Cutoff(n, retained(before, problem.metric.summarise(frame)), low, high)


def _require_share(share: float) -> None:
    if not 0 <= share <= 1:
        raise SettingError(f"The share to remove must lie between 0 and 1; {share} does not.")
