"""Searches: a unit is a step, made from the files of those before it.

Every cut that a step looks at is kept as an evaluation, under the same key as if it had been asked for alone. It costs
a file of some kilobytes a cut, little beside a run of the model, and then a beam finds what greedy search has tried, a
search with other limits finds its first steps, and single-block ablation on this text is there. Iterative pruning,
which tries one cut a step, also keeps hidden states in this process until its last step.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from avss_core.importance.compute import check_applies
from avss_core.importance.ranking import Ranking
from avss_core.jobs.requests import RankRequest, SearchRequest
from avss_core.jobs.resident import beside, resident_model, shards_for, windows_for
from avss_core.jobs.results import finished_rankings
from avss_core.jobs.works.base import Plan, Turn, Work, Write, plan_of_shards
from avss_core.models.load import LoadedModel
from avss_core.pruning.search import (
    Problem,
    ScoresOf,
    Search,
    StepRecord,
    metric_of,
    next_step,
    read_records,
    remembering,
)
from avss_core.pruning.search.importance_scorer import importance_scorer, pruned_model
from avss_core.pruning.search.task_scorer import task_scorer
from avss_core.pruning.search.watched import watched
from avss_core.runs import Run, Store
from avss_core.tasks import task_named
from avss_core.tasks.asked import Shard
from avss_core.tasks.run import check_task
from avss_core.variants.kept_prefixes import KeptPrefixes
from avss_core.variants.trie import MEMORY_BUDGET
from avss_core.variants.variant import Variant

_BETWEEN_WORDS = 0.05  # seconds
_PREFIXES = "prefixes of a search"


class SearchWork(Work):
    """One step after another, until one says to stop."""

    def check(self, request: SearchRequest, model: LoadedModel) -> None:
        check_task(task_named(request.task), model)
        free, most = request.settings.limits.of(model.n_blocks)
        if request.settings.rule is not None and request.settings.rule.again and most > 1:
            # Without the first that may go all later blocks have new places: what a place decides is seen now.
            pruned_model(model, tuple(block for block in range(model.n_blocks) if block != min(free)))
        if request.settings.rank is not None:
            check_applies(model, request.settings.rank)

    def plan(self, request: SearchRequest, model: LoadedModel) -> Plan:
        text = plan_of_shards(self.shards(request))
        if request.importance is not None:
            windows_for(request.model, request.importance)
        return Plan(request.settings.most_steps(model.n_blocks), text.tokens, text.documents, in_order=True)

    def run(self, request: SearchRequest, turn: Turn) -> Write:
        settings, model = request.settings, resident_model(request.model)
        done = [record.step for record in read_records(turn.earlier(), settings.search)]
        words, kept, importance = _Words(turn, len(done) + 1), _Kept(request, turn), _Importance(request, turn)
        prefixes = _prefixes_of(request, turn.run)
        scorer = task_scorer(model, request.task, self.shards(request), words.count, prefixes)
        problem = Problem(
            model.n_blocks,
            remembering(scorer, kept.recall, kept.keep),
            settings.limits,
            metric_of(request.task),
            shares_prefixes=task_named(request.task).shares_prefixes,
            prefixes=prefixes,
        )
        with watched(model, words.look_up):
            step = next_step(problem, settings, done, importance.scorer(model, words))
        if step.stop is not None:
            beside(request.model).pop(_PREFIXES, None)
        return StepRecord(step, importance.block_runs, kept.asked, kept.recalled).write

    def enough(self, request: SearchRequest, run: Run, store: Store) -> bool:
        files = [store.path_of(unit.file) for unit in store.units(run.id)[-1:]]
        files = [file for file in files if file.is_file()]  # the driver makes a step again whose file is gone
        return any(record.step.stop is not None for record in read_records(files, request.settings.search))

    def shards(self, request: SearchRequest) -> Sequence[Shard]:
        return shards_for(request.model, request.corpus, request.task)


def _prefixes_of(request: SearchRequest, run: str) -> KeptPrefixes | None:
    """What the steps of this run keep for one another; what another run may have left is forgotten."""
    held = beside(request.model)
    if request.settings.search is not Search.ITERATIVE or not task_named(request.task).shares_prefixes:
        return None
    kept: _OfRun | None = held.get(_PREFIXES)
    if kept is None or kept.run != run:
        kept = held[_PREFIXES] = _OfRun(run, KeptPrefixes(MEMORY_BUDGET))
    return kept.prefixes


@dataclass(frozen=True, eq=False)
class _OfRun:
    """What one run keeps from step to step; `resident.forget` drops it when the run is broken off."""

    run: str
    prefixes: KeptPrefixes


class _Words:
    """Says which step is under way, now and then, and by that learns that it should stop."""

    def __init__(self, turn: Turn, step: int) -> None:
        self._turn, self._stage = turn, f"step {step}"
        self._said = 0.0

    def look_up(self, *_tokens: int) -> None:
        if time.monotonic() - self._said > _BETWEEN_WORDS:
            self._said = time.monotonic()
            self._turn.say(self._stage)

    def count(self, tokens: int) -> None:
        self.look_up()
        self._turn.count(tokens)


class _Kept:
    """The evaluations in the store, by variant; recalled: how many of those asked for were there."""

    def __init__(self, request: SearchRequest, turn: Turn) -> None:
        self._request, self._run, self._store = request.evaluation(), turn.run, turn.store
        self._task = task_named(request.task)
        self.asked = self.recalled = 0

    def recall(self, variant: Variant) -> pd.DataFrame | None:
        kept = self._store.evaluation(self._request.evaluation_key(variant.removed))
        self.asked += 1
        self.recalled += kept is not None
        return None if kept is None else kept.examples

    def keep(self, variant: Variant, examples: pd.DataFrame) -> None:
        key, evaluation = self._request.evaluation_key(variant.removed), self._task.summarise(examples)
        self._store.add_evaluation(key, self._run, variant.kept, evaluation.to_dict(), examples)


class _Importance:
    """Scores blocks for iterative pruning, the whole model's from the store where they have been compared before.

    block_runs: what that costs, also where it was remembered.
    """

    def __init__(self, request: SearchRequest, turn: Turn) -> None:
        self._request, self._store = request, turn.store
        self.block_runs = 0.0

    def scorer(self, model: LoadedModel, words: _Words) -> ScoresOf:
        request, rank, text = self._request, self._request.settings.rank, self._request.importance
        if rank is None or text is None:
            return lambda kept: ()
        windows = windows_for(request.model, text)
        measure = importance_scorer(model, windows, rank, words.look_up, self._count)
        whole = RankRequest(request.model, text, rank)

        def scores_of(kept: tuple[int, ...]) -> Sequence[float]:
            known = finished_rankings(self._store, whole) if len(kept) == model.n_blocks else None
            if known is None:
                return measure(kept)
            self._count(known[0])
            return known[0].scores

        return scores_of

    def _count(self, ranking: Ranking) -> None:
        self.block_runs += ranking.block_runs
