"""Read what finished jobs left in the store. No torch here: the pages and the shell read the same way."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from avss_core.activations.moments import Profile
from avss_core.activations.parquet import read_profile
from avss_core.errors import RunError
from avss_core.importance.authors_table import authors_table
from avss_core.importance.ranking import Ranking
from avss_core.importance.sums_parquet import rankings_in
from avss_core.jobs.heal_results import healed_files
from avss_core.jobs.requests import AuthorsRequest, EvaluateRequest, ProfileRequest, RankRequest
from avss_core.jobs.requests.base import Request, absolute_model
from avss_core.models.spec import ModelSpec
from avss_core.pruning import Cut
from avss_core.pruning.outcome import Outcome, outcome_of
from avss_core.runs import Store
from avss_core.runs.run import Kept
from avss_core.tasks import Evaluation, task_named

_RECENT = 100
_LOOK_BACK = 20  # runs


def profile_request(store: Store, run_id: str) -> ProfileRequest:
    """What a profile was asked for; RunError when the run is of another kind."""
    run = store.run(run_id)
    if run.kind != ProfileRequest.kind:
        raise RunError(f"Run {run.id} is a run of kind {run.kind}, not a profile; `avss runs list` shows the kinds.")
    return ProfileRequest.from_dict(run.spec)


def profile_shards(store: Store, run_id: str) -> list[Profile]:
    """The shards of a profile that are finished so far, by number; RunError when the run is of another kind."""
    profile_request(store, run_id)
    run = store.run(run_id)
    return [_read(str(store.path_of(unit.file))) for unit in store.units(run.id)]


def finished_profile(store: Store, run_id: str) -> list[Profile]:
    """All shards of a profile; RunError when it is not done."""
    run = store.run(run_id)
    shards = profile_shards(store, run_id)
    if run.status != "done":
        raise RunError(f"Run {run.id} is {run.status}, so its scores would be of a part of the text; finish it first.")
    return shards


def missing_sites(store: Store, run_id: str) -> dict[str, str]:
    """Why a site that a profile was asked for is missing, by site; empty until a shard is finished."""
    profile_request(store, run_id)
    units = store.units(store.run(run_id).id)
    return dict(_read(str(store.path_of(units[0].file))).missing) if units else {}


def evaluation_of(
    store: Store, request: EvaluateRequest, removed: tuple[int, ...]
) -> tuple[Evaluation, pd.DataFrame] | None:
    """The kept evaluation of a request with these blocks removed, with its per-document values; None when none is."""
    kept = store.evaluation(request.evaluation_key(removed))
    return None if kept is None else (task_named(request.task).summarise(kept.examples), kept.examples)


def still_to_do(store: Store, request: EvaluateRequest) -> EvaluateRequest:
    """The same request with only those cuts that no kept evaluation answers."""
    left = tuple(removed for removed in request.cuts if not store.has_evaluation(request.evaluation_key(removed)))
    return replace(request, cuts=left)


def begun(store: Store, left: EvaluateRequest) -> EvaluateRequest | None:
    """What the newest run was asked that has just these cuts left to evaluate and has not come to its end: under way,
    or broken off with finished shards to go on from. Of its cuts those may be evaluated by now that are not asked for.

    left: of `still_to_do`. None when there is no such run, or nothing left.
    """
    for run in store.runs(EvaluateRequest.kind, limit=_LOOK_BACK if left.cuts else 0):
        if run.status == "done":
            continue
        request = EvaluateRequest.from_dict(run.spec)
        others = set(request.cuts).difference(left.cuts)
        same = replace(request, cuts=left.cuts) == left and len(request.cuts) == len(left.cuts) + len(others)
        if same and len(store.results({left.evaluation_key(removed) for removed in others})) == len(others):
            return request
    return None


def before_and_after(
    store: Store, request: EvaluateRequest, removed: tuple[int, ...]
) -> tuple[Kept, Kept, dict[str, Any]]:
    """The kept evaluations of the unpruned model and of a cut, and the facts of their model; RunError without one."""
    before, after = (store.evaluation(request.evaluation_key(blocks)) for blocks in ((), removed))
    if before is None or after is None:
        raise RunError(f"The cut {list(removed)} has not been evaluated on this text yet; evaluate it first.")
    return before, after, model_facts(store, after.run, request.model)


def outcome_in(store: Store, request: EvaluateRequest, removed: tuple[int, ...], reason: str) -> Outcome:
    """Compare the kept evaluation of a cut with that of the unpruned model; RunError when one is not there."""
    (before, after, facts), task = before_and_after(store, request, removed), task_named(request.task)
    return outcome_of(
        Cut(removed, facts["blocks"], reason),
        (task.summarise(before.examples), before.examples),
        (task.summarise(after.examples), after.examples),
        facts["block_parameters"],
        facts["parameters"],
        parameters_added(store, request, removed),
    )


def parameters_added(store: Store, request: EvaluateRequest, removed: tuple[int, ...]) -> int:
    """How many parameters the healing of a request adds to a cut; the unpruned model is never healed."""
    return healed_files(store, request.healing).parameters_added if request.healing and removed else 0


def only_file(store: Store, request: Request) -> Path | None:
    """The file of a request whose run has one unit; None while it is not done, or when the file is gone."""
    run = store.find_done(request.run_id())
    files = [] if run is None else [store.path_of(unit.file) for unit in store.units(run.id)]
    return files[0] if files else None


def facts_of_model(store: Store, model: ModelSpec) -> dict[str, Any]:
    """What the newest run that has loaded this model found out about it (`resident.facts_of`); {} when none has."""
    wanted = absolute_model(model).to_dict()
    for limit in (_RECENT, None):  # a page asks each time that it is drawn, and a store may hold thousands of runs
        for run in store.runs(limit=limit):
            if run.spec.get("model") == wanted and "blocks" in run.facts:
                return run.facts
    return {}


def model_facts(store: Store, run_id: str, model: ModelSpec) -> dict[str, Any]:
    """What a run found out about its model; from another run while this one, started again, has not loaded it yet.

    Raises RunError when no run has.
    """
    own = store.run(run_id).facts
    facts = own if "blocks" in own else facts_of_model(store, model)
    if not facts:
        raise RunError(f"Run {run_id} was started again and has not loaded its model yet; wait until it has.")
    return facts


def evaluated_cuts(store: Store, request: EvaluateRequest) -> set[tuple[int, ...]]:
    """The sets of removed blocks that have been evaluated for the model, text, task and healing of `request`."""
    wanted = request.to_dict()
    runs = [run for run in store.runs(EvaluateRequest.kind, limit=None) if run.status == "done"]
    same = [run for run in runs if all(run.spec.get(part) == value for part, value in wanted.items() if part != "cuts")]
    return {tuple(cut) for run in same for cut in run.spec["cuts"]}


def authors_scores(store: Store, request: AuthorsRequest) -> pd.DataFrame | None:
    """The table of the authors' script, None while it is not measured, or when a file of it is gone."""
    run = store.find_done(request.run_id())
    if run is None:
        return None
    return authors_table([pd.read_parquet(store.path_of(unit.file)) for unit in store.units(run.id)])


def finished_rankings(store: Store, request: RankRequest) -> tuple[Ranking, ...] | None:
    """The rankings of a request from the runs of its parts, None while one is not done or when a file of it is gone.

    Each says on which device its pass was made: with a dtype that is named, runs of any device are found.
    """
    parts = request.parts()
    done = [run for part in parts if (run := store.find_done(part.run_id())) is not None]
    if len(done) < len(parts):
        return None
    files = [store.path_of(unit.file) for run in done for unit in store.units(run.id)]
    # A random order needs no run of its own; how many blocks there are, any run of the model knows.
    facts = done[0].facts if done else facts_of_model(store, request.model)
    if not facts:
        return None
    devices = {
        name: run.facts.get("device") for part, run in zip(parts, done, strict=True) for name in part.settings.methods
    }
    rankings = rankings_in(files, request.settings, facts["blocks"])
    return tuple(replace(ranking, device=devices.get(ranking.name)) for ranking in rankings)


def _read(path: str) -> Profile:
    try:
        return _read_as_of(path, Path(path).stat().st_mtime_ns)
    except FileNotFoundError as error:
        raise RunError(f"The file {path} of this run is gone; delete the run and profile again.") from error


@lru_cache(maxsize=128)  # a shard takes megabytes, and a run has about 64
def _read_as_of(path: str, _changed: int) -> Profile:
    """A run that was deleted and made again has files of the same names."""
    return read_profile(path)
