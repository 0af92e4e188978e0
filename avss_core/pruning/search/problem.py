"""What is searched, and what one step of any search finds out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from avss_core.pruning.search.limits import Limits
from avss_core.pruning.search.scoring import PERPLEXITY, Frames, LossOf, Metric, Prefixes, loss_between
from avss_core.pruning.search.step import Blocks, Decision, Step, Stop
from avss_core.tasks.evaluation import Evaluation
from avss_core.variants.plan import count_block_runs, count_block_runs_naive
from avss_core.variants.variant import Variant


@dataclass(frozen=True, eq=False)
class Problem:
    """A model of `n_blocks` blocks, how its variants are scored, how far to go.

    shares_prefixes: whether the scorer runs what variants share once; one that lets each write an answer cannot.
    prefixes: what the scorer keeps of the step before; None: nothing. Greedy and beam search have no use for it.
    free: the blocks that may go; most: how many of them at most. Raises CutError when the limits do not fit the model.
    """

    n_blocks: int
    loss_of: LossOf
    limits: Limits = field(default_factory=Limits)
    metric: Metric = PERPLEXITY
    shares_prefixes: bool = True
    prefixes: Prefixes | None = None
    free: frozenset[int] = field(init=False)
    most: int = field(init=False)

    def __post_init__(self) -> None:
        """Work out what may go, before anything is run."""
        free, most = self.limits.of(self.n_blocks)
        object.__setattr__(self, "free", free)
        object.__setattr__(self, "most", most)

    def kept(self, removed: Iterable[int]) -> Blocks:
        """The blocks that stay when these are removed."""
        return Variant.without(self.n_blocks, removed).kept

    def score(self, cuts: Iterable[Blocks], last: Step | None, one_by_one: bool = False) -> Trial:
        """Score sets of removed blocks as one prefix tree; in the first step (`last` None) the whole model with them,
        which is one block run more in a tree that holds the model without its last block.

        one_by_one: every step of this search scores one cut, that of the step before and one block more; so the
        states of the model as it stands are those kept, and the blocks before the one more are not run again.

        Raises SettingError in the first step when a share of nothing is to be retained.
        """
        variants = {cut: Variant.without(self.n_blocks, cut) for cut in cuts}
        whole = Variant.full(self.n_blocks)
        standing = None
        if one_by_one and last and self.prefixes is not None and self.shares_prefixes:
            standing = Variant.without(self.n_blocks, last.removed)
            self.prefixes.stand_on(standing)
        answer = self.ask([*variants.values()] if last else [whole, *variants.values()], standing)
        unpruned = last.unpruned if last else self.metric.summarise(answer.frames[whole])
        self.limits.check(unpruned)
        return Trial(
            problem=self,
            last=last,
            frames={cut: answer.frames[variant] for cut, variant in variants.items()},
            unpruned=unpruned,
            before=last.evaluation if last else unpruned,
            block_runs=answer.block_runs,
            block_runs_naive=answer.block_runs_naive,
        )

    def ask(self, variants: Iterable[Variant], standing: Variant | None = None) -> Answer:
        """Score variants, each once however often it is listed; standing: one whose prefixes are kept."""
        asked = tuple(dict.fromkeys(variants))
        runs = naive = count_block_runs_naive(asked)
        if self.shares_prefixes:
            known = [] if standing is None else [standing]
            runs = count_block_runs([*known, *asked]) - count_block_runs(known)
        return Answer(self.loss_of(asked), runs, naive)


@dataclass(frozen=True, eq=False)
class Answer:
    """Frames of variants. block_runs: a block that runs over the whole text once counts 1, shared prefixes once;
    block_runs_naive: the same variants, each run as a model of its own. Evaluations that a scorer remembers, and what
    it runs again for want of memory or since the search was interrupted, do not change these."""

    frames: Frames
    block_runs: int
    block_runs_naive: int


@dataclass(frozen=True, eq=False)
class Trial:
    """Cuts scored in one step that follows `last`; before: the performance that they are compared with."""

    problem: Problem
    last: Step | None
    frames: Mapping[Blocks, pd.DataFrame]
    unpruned: Evaluation
    before: Evaluation
    block_runs: int
    block_runs_naive: int

    def losses(self) -> dict[Blocks, float]:
        """One number for each cut, lower is better."""
        return {cut: self.problem.metric.loss(frame) for cut, frame in self.frames.items()}

    def judge(self, cut: Blocks, delta: float = math.inf) -> dict[str, Any]:
        """The fields of a `Step` that tries `cut`: it is taken unless its drop exceeds δ or the limits forbid it."""
        limits = self.problem.limits
        attempt = self.problem.metric.summarise(self.frames[cut])
        drop = loss_between(self.before, attempt)
        # What δ puts back retains what the step before did, so it is no reason to end.
        put_back = drop > delta
        too_little = not put_back and limits.forbids(self.unpruned, attempt)
        taken = not (put_back or too_little)
        stop = None
        if too_little:
            stop = Stop.TOLERANCE
        elif taken and len(cut) == self.problem.most:
            stop = Stop.NOTHING_LEFT if limits.most is None else Stop.REQUESTED
        standing = self.last.removed if self.last else ()
        return {
            "number": self.last.number + 1 if self.last else 1,
            "unpruned": self.unpruned,
            "attempt": attempt,
            "decision": Decision.REMOVED if taken else Decision.PUT_BACK,
            "evaluation": attempt if taken else self.before,
            "removed": cut if taken else standing,
            "drop": drop,
            "block_runs": self.block_runs,
            "block_runs_naive": self.block_runs_naive,
            "stop": stop,
        }
