"""Read what finished jobs left in the store. No torch here: the pages and the shell read the same way."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pandas as pd

from avss_core.activations.moments import Profile
from avss_core.activations.parquet import read_profile
from avss_core.errors import RunError
from avss_core.jobs.requests import EvaluateRequest, ProfileRequest
from avss_core.pruning import Cut
from avss_core.pruning.outcome import Outcome, outcome_of
from avss_core.runs import Store
from avss_core.tasks import perplexity_table
from avss_core.tasks.evaluation import Evaluation


def profile_shards(store: Store, run_id: str) -> list[Profile]:
    """The shards of a profile that are finished so far, by number; RunError when the run is of another kind."""
    run = store.run(run_id)
    if run.kind != ProfileRequest.kind:
        raise RunError(f"Run {run.id} is a run of kind {run.kind}, not a profile; `avss runs list` shows the kinds.")
    return [_read(str(store.path_of(unit.file))) for unit in store.units(run.id)]


def finished_profile(store: Store, run_id: str) -> list[Profile]:
    """All shards of a profile; RunError when it is not done."""
    run = store.run(run_id)
    shards = profile_shards(store, run_id)
    if run.status != "done":
        raise RunError(f"Run {run.id} is {run.status}, so its scores would be of a part of the text; finish it first.")
    return shards


def evaluation_of(
    store: Store, request: EvaluateRequest, removed: tuple[int, ...]
) -> tuple[Evaluation, pd.DataFrame] | None:
    """The kept evaluation of a request with these blocks removed, with its per-document values; None when there is none."""
    kept = store.evaluation(request.evaluation_key(removed))
    return None if kept is None else (perplexity_table.summarise(kept[1]), kept[1])


def still_to_do(store: Store, request: EvaluateRequest) -> EvaluateRequest:
    """The same request with only those cuts that no kept evaluation answers."""
    left = tuple(removed for removed in request.cuts if evaluation_of(store, request, removed) is None)
    return EvaluateRequest(request.model, request.corpus, request.task, left)


def outcome_in(store: Store, request: EvaluateRequest, removed: tuple[int, ...], reason: str) -> Outcome:
    """Compare the kept evaluation of a cut with that of the unpruned model; RunError when one is not there."""
    before, after = evaluation_of(store, request, ()), evaluation_of(store, request, removed)
    facts = model_facts(store, request)
    if before is None or after is None or facts is None:
        raise RunError(f"The cut {list(removed)} has not been evaluated on this text yet; evaluate it first.")
    cut = Cut(removed, facts["blocks"], reason)
    return outcome_of(cut, before, after, facts["block_parameters"], facts["parameters"])


def evaluated_cuts(store: Store, request: EvaluateRequest) -> set[tuple[int, ...]]:
    """The sets of removed blocks that have been evaluated for the model, text and task of `request`."""
    wanted = request.to_dict()
    runs = [run for run in store.runs(EvaluateRequest.kind) if run.status == "done"]
    same = [run for run in runs if all(run.spec[part] == wanted[part] for part in ("model", "corpus", "task"))]
    return {tuple(cut) for run in same for cut in run.spec["cuts"]}


def model_facts(store: Store, request: EvaluateRequest | ProfileRequest) -> dict[str, Any] | None:
    """Blocks, parameters and the like of a request's model, from any run that has loaded it; None when none has."""
    wanted = request.model.to_dict()
    return next((run.facts for run in store.runs() if run.spec["model"] == wanted and "blocks" in run.facts), None)


@lru_cache(maxsize=512)
def _read(path: str) -> Profile:
    return read_profile(path)
