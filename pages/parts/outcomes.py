"""Evaluated cuts of one model on one text and task, each read from the store once, as the frames figures are drawn of.

Going back to an evaluated cut reads memory; what is not known yet is asked of the store in one question for all cuts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache

import pandas as pd
import streamlit as st

from avss_core.errors import RunError
from avss_core.jobs import EvaluateRequest
from avss_core.jobs.metric_outcomes import outcomes_in
from avss_core.jobs.sweep_results import as_evaluation
from avss_core.pruning import random_cuts as chance
from avss_core.pruning.outcome import Outcome
from avss_core.pruning.random_cuts import DRAWS, is_complete, random_band
from avss_core.pruning.sweep import cutoff_row
from avss_core.tasks import task_named
from avss_core.tasks.evaluation import Evaluation, retained
from pages.parts.engine import store

Blocks = tuple[int, ...]
RANDOM_DRAWS = DRAWS


@dataclass
class _Known:
    """What has been read of one model, text and task; an evaluation never changes, since its key is its content."""

    keys: dict[Blocks, str] = field(default_factory=dict)
    values: dict[Blocks, Evaluation] = field(default_factory=dict)
    outcomes: dict[Blocks, tuple[Outcome, ...]] = field(default_factory=dict)

    def key_of(self, request: EvaluateRequest, removed: Blocks) -> str:
        """The key that an evaluation is kept under; making it looks at the files of model and text."""
        if removed not in self.keys:
            self.keys[removed] = request.evaluation_key(removed)
        return self.keys[removed]


@st.cache_resource(show_spinner=False, max_entries=32)
def _known(key_of_the_whole: str) -> _Known:
    del key_of_the_whole
    return _Known()


def evaluations(request: EvaluateRequest, cuts: Iterable[Blocks]) -> dict[Blocks, Evaluation]:
    """The task's first metric for those of the cuts that have been evaluated, in one question to the store."""
    return _evaluations(_known(request.evaluation_key(())), request, cuts)


def _evaluations(known: _Known, request: EvaluateRequest, cuts: Iterable[Blocks]) -> dict[Blocks, Evaluation]:
    wanted = list(dict.fromkeys(cuts))
    asked = {known.key_of(request, cut): cut for cut in wanted if cut not in known.values}
    for key, values in store().results(asked).items():
        known.values[asked[key]] = as_evaluation(values)
    return {cut: known.values[cut] for cut in wanted if cut in known.values}


def outcomes(request: EvaluateRequest, removed: Blocks, reason: str) -> tuple[Outcome, ...]:
    """What removing these blocks does, by every metric of the task; none when that, or the unpruned model, has not
    been evaluated."""
    found = _outcomes(_known(request.evaluation_key(())), request, removed)
    return tuple(replace(each, cut=replace(each.cut, reason=reason)) for each in found)


def _outcomes(known: _Known, request: EvaluateRequest, removed: Blocks) -> tuple[Outcome, ...]:
    if removed not in known.outcomes:
        if len(_evaluations(known, request, [(), removed])) < len({(), removed}):
            return ()
        try:
            known.outcomes[removed] = outcomes_in(store(), request, removed, "")
        except RunError:  # its run was deleted after its values were read, so it can be evaluated again
            for cut in ((), removed):
                known.values.pop(cut, None)
            return ()
    return known.outcomes[removed]


def outcomes_by_cut(request: EvaluateRequest, cuts: Iterable[Blocks]) -> dict[Blocks, tuple[Outcome, ...]]:
    """`outcomes` of those of the cuts that have been evaluated, without reasons: one question to the store for which
    these are, and what has not been asked before is then read cut by cut."""
    known = _known(request.evaluation_key(()))
    there = _evaluations(known, request, [(), *cuts])
    found = {cut: _outcomes(known, request, cut) for cut in there}
    return {cut: outcomes for cut, outcomes in found.items() if outcomes}


def outcome(request: EvaluateRequest, removed: Blocks, reason: str) -> Outcome | None:
    """What removing these blocks does by the task's first metric; None when it has not been evaluated."""
    return next(iter(outcomes(request, removed, reason)), None)


def cuts_frame(request: EvaluateRequest, cuts: Mapping[str, Iterable[Blocks]]) -> pd.DataFrame:
    """Evaluated cuts as points: columns method, removed, share, retained, low, high, blocks, value."""
    points = [(method, cut) for method, listed in cuts.items() for cut in listed]
    found = outcomes_by_cut(request, [cut for _, cut in points])
    rows = [cutoff_row(method, found[cut][0]) for method, cut in points if cut in found]
    return pd.DataFrame(rows, columns=["method", "removed", "share", "retained", "low", "high", "blocks", "value"])


def random_frame(request: EvaluateRequest, n_blocks: int, protected: Blocks) -> pd.DataFrame:
    """Where the values that random cuts retain lie (`random_band`), for each size that has been drawn whole."""
    drawn = drawn_by_size(n_blocks, protected)
    there = evaluations(request, [(), *(cut for cuts in drawn.values() for cut in cuts)])
    rows = []
    for size, cuts in drawn.items():
        if () not in there or any(cut not in there for cut in cuts):
            continue
        band = random_band(
            [retained(there[()], there[cut]) for cut in cuts], is_complete(n_blocks, size, protected, len(cuts))
        )
        rows.append({"removed": size, "share": size / n_blocks, **asdict(band)})
    return pd.DataFrame(rows, columns=["removed", "share", "low", "median", "high", "draws", "coverage"])


@lru_cache(maxsize=64)
def drawn_by_size(n_blocks: int, protected: Blocks) -> Mapping[int, tuple[Blocks, ...]]:
    """The random cuts of every size."""
    return {size: random_cuts(n_blocks, size, protected) for size in range(1, n_blocks - len(protected))}


@lru_cache(maxsize=4096)
def random_cuts(n_blocks: int, size: int, protected: Blocks) -> tuple[Blocks, ...]:
    """The random cuts of this size, the same every time, and those of a sweep."""
    return tuple(chance.random_cuts_by_size(n_blocks, [size], protected)[size])


def ablation_frame(request: EvaluateRequest, n_blocks: int) -> pd.DataFrame | None:
    """What removing each block alone costs (`effect_of`); None when not every block has been measured."""
    alone = [(block,) for block in range(n_blocks)]
    there = evaluations(request, [(), *alone])
    if len(there) < len(alone) + 1:
        return None
    before, in_nats = there[()], task_named(request.task).metric().exponential
    worse = -1.0 if before.higher_is_better else 1.0
    added = [
        math.log(there[cut].value) - math.log(before.value) if in_nats else worse * (there[cut].value - before.value)
        for cut in alone
    ]
    return pd.DataFrame({"block": range(n_blocks), "ablation": added})


def effect_of(task: str) -> str:
    """What the numbers of `ablation_frame` are, for an axis."""
    metric = task_named(task).metric()
    if metric.exponential:
        return "loss added by removing the block (nats per token)"
    return f"{metric.pretty_name} {'lost' if metric.higher_is_better else 'added'} by removing the block"
