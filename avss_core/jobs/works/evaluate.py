"""Evaluations: per-document values of a shard for every cut; at the end one evaluation a cut, under its hash."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from avss_core.jobs.requests import EvaluateRequest
from avss_core.jobs.resident import resident_model, shards_for
from avss_core.jobs.works.base import Turn, Work, Write
from avss_core.jobs.works.heal_network import healed_model
from avss_core.models.load import LoadedModel
from avss_core.pruning import Cut
from avss_core.runs import Run, Store
from avss_core.tasks import task_named
from avss_core.tasks.asked import Shard
from avss_core.tasks.run import check_task, run_task
from avss_core.variants.variant import Variant


class EvaluateWork(Work):
    """All cuts of a request run as one prefix tree; a healed one by itself."""

    side_by_side = True

    def check(self, request: EvaluateRequest, model: LoadedModel) -> None:
        check_task(task_named(request.task), model)
        for removed in request.cuts:
            Cut(removed, model.n_blocks, "asked for")

    def run(self, request: EvaluateRequest, turn: Turn) -> Write:
        model, shard = resident_model(request.model), self.shards(request)[turn.number]
        healed = [] if request.healing is None else [removed for removed in request.cuts if removed]
        plain = [Variant.without(model.n_blocks, removed) for removed in request.cuts if removed not in healed]
        frames, count = [], turn.count
        if plain:
            frames.append(run_task(request.task, model, shard, plain, count))
            count = _only_whether_to_stop(turn)  # the tokens have been told
        for removed in healed:
            frames.append(_of_healed(request, model, shard, removed, turn, count))
        return pd.concat(frames, ignore_index=True).to_parquet

    def finish(self, request: EvaluateRequest, run: Run, store: Store) -> None:
        frame = pd.concat([pd.read_parquet(store.path_of(unit.file)) for unit in store.units(run.id)])
        for removed in request.cuts:
            variant = Variant.without(run.facts["blocks"], removed)
            examples = frame[frame["kept"] == variant.key].drop(columns="kept").reset_index(drop=True)
            evaluation = task_named(request.task).summarise(examples)
            store.add_evaluation(request.evaluation_key(removed), run.id, variant.kept, evaluation.to_dict(), examples)

    def shards(self, request: EvaluateRequest) -> Sequence[Shard]:
        return shards_for(request.model, request.corpus, request.task)


def _of_healed(
    request: EvaluateRequest,
    model: LoadedModel,
    shard: Shard,
    removed: tuple[int, ...],
    turn: Turn,
    count: Callable[[int], None],
) -> pd.DataFrame:
    """The rows of a healed cut under the name of the cut: its network is whole as it stands."""
    assert request.healing is not None
    healed = healed_model(turn.store, request.healing, request.model, removed)
    frame = run_task(request.task, healed, shard, [Variant.full(healed.n_blocks)], count)
    return frame.assign(kept=Variant.without(model.n_blocks, removed).key)


def _only_whether_to_stop(turn: Turn) -> Callable[[int], None]:
    return lambda tokens: turn.count(0)
