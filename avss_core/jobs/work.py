"""What each kind of request does with one unit of work, and with all of them when they are done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

import pandas as pd

from avss_core.activations.measure import measure
from avss_core.activations.parquet import read_profile, write_profile
from avss_core.corpora.windows import Window
from avss_core.importance.authors_script import authors_sums
from avss_core.importance.rank_job import check_applies, rank_unit
from avss_core.importance.stability import STABLE, set_stability
from avss_core.jobs.requests import AuthorsRequest, EvaluateRequest, ProfileRequest, RankRequest, Request
from avss_core.jobs.resident import resident_model, shards_of
from avss_core.models.load import LoadedModel
from avss_core.pruning import Cut
from avss_core.runs import Run, Store
from avss_core.tasks import task_named
from avss_core.tasks.run import check_task, run_task
from avss_core.variants.variant import Variant

Count = Callable[[int], None]  # called with the tokens of each batch; raises Cancelled
Write = Callable[[Path], object]


class Work(Protocol):
    """How one kind of request is carried out. Units are numbered; each is a shard of the request's corpus."""

    def check(self, request: Any, model: LoadedModel) -> None:
        """Raise what can be known to be wrong as soon as the model is there."""
        ...

    def run(self, request: Any, number: int, count: Count) -> Write:
        """Do unit `number` and return what writes its result to a file."""
        ...

    def enough(self, request: Any, run: Run, store: Store) -> bool:
        """Asked after every unit: may the run end before all units are done?"""
        ...

    def finish(self, request: Any, run: Run, store: Store) -> None:
        """Called once, when every unit that is needed is in the store."""
        ...


class ProfileWork:
    """Moments of a shard, as Parquet; nothing to finish, since readers merge the shards.

    It may end early, when the set of lowest blocks is settled; the shards that were begun by then may still come in.
    """

    def check(self, request: ProfileRequest, model: LoadedModel) -> None:
        return

    def run(self, request: ProfileRequest, number: int, count: Count) -> Write:
        model = resident_model(request.model)
        windows = cast(Sequence[Window], shards_of(request)[number])
        return partial(write_profile, measure(model, windows, request.sites, between_batches=count))

    def enough(self, request: ProfileRequest, run: Run, store: Store) -> bool:
        if request.stop_when_stable is None:
            return False
        shards = [read_profile(store.path_of(unit.file)) for unit in store.units(run.id)]
        return set_stability(shards, request.stop_when_stable, request.sites[0]) >= STABLE

    def finish(self, request: ProfileRequest, run: Run, store: Store) -> None:
        return


class EvaluateWork:
    """Per-document values of a shard for every cut; at the end one evaluation a cut, under its content hash."""

    def check(self, request: EvaluateRequest, model: LoadedModel) -> None:
        check_task(task_named(request.task), model)
        for removed in request.cuts:
            Cut(removed, model.n_blocks, "asked for")

    def run(self, request: EvaluateRequest, number: int, count: Count) -> Write:
        model = resident_model(request.model)
        variants = [Variant.without(model.n_blocks, removed) for removed in request.cuts]
        return run_task(request.task, model, shards_of(request)[number], variants, count).to_parquet

    def enough(self, request: EvaluateRequest, run: Run, store: Store) -> bool:
        return False

    def finish(self, request: EvaluateRequest, run: Run, store: Store) -> None:
        frame = pd.concat([pd.read_parquet(store.path_of(unit.file)) for unit in store.units(run.id)])
        for removed in request.cuts:
            variant = Variant.without(run.facts["blocks"], removed)
            examples = frame[frame["kept"] == variant.key].drop(columns="kept").reset_index(drop=True)
            evaluation = task_named(request.task).summarise(examples)
            store.add_evaluation(request.evaluation_key(removed), run.id, variant.kept, evaluation.to_dict(), examples)


class RankWork:
    """Sums of a shard for all methods that are asked for; nothing to finish, since readers add the shards up."""

    def check(self, request: RankRequest, model: LoadedModel) -> None:
        check_applies(model, request.settings)

    def run(self, request: RankRequest, number: int, count: Count) -> Write:
        windows = cast(Sequence[Window], shards_of(request)[number])
        return rank_unit(resident_model(request.model), windows, request.settings, count)

    def enough(self, request: RankRequest, run: Run, store: Store) -> bool:
        return False

    def finish(self, request: RankRequest, run: Run, store: Store) -> None:
        return


class AuthorsWork:
    """Sums of a shard as the authors' script makes them; readers add the shards up."""

    def check(self, request: AuthorsRequest, model: LoadedModel) -> None:
        return

    def run(self, request: AuthorsRequest, number: int, count: Count) -> Write:
        windows = cast(Sequence[Window], shards_of(request)[number])
        return authors_sums(resident_model(request.model), windows, count).to_parquet

    def enough(self, request: AuthorsRequest, run: Run, store: Store) -> bool:
        return False

    def finish(self, request: AuthorsRequest, run: Run, store: Store) -> None:
        return


WORK: dict[str, Work] = {
    ProfileRequest.kind: ProfileWork(),
    EvaluateRequest.kind: EvaluateWork(),
    RankRequest.kind: RankWork(),
    AuthorsRequest.kind: AuthorsWork(),
}


def facts_of(request: Request) -> dict[str, Any]:
    """What the pages and the shell want to know of the model, without loading it."""
    model = resident_model(request.model)
    return {
        "model_identity": request.model.identity(),
        "blocks": model.n_blocks,
        "architecture": type(model.network).__name__,
        "hidden_size": model.hidden_size,
        "parameters": model.parameters_total,
        "block_parameters": [model.parameters_of(index) for index in range(model.n_blocks)],
        "fingerprint": model.fingerprint,
        "device": str(model.device),
        "dtype": str(model.dtype).removeprefix("torch."),
        "predicts_next_token": model.predicts_next_token,
    }
