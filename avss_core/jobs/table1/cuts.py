"""From the rankings that are in the store to the cuts of a row."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import pandas as pd

from avss_core.errors import AvssError
from avss_core.importance.method import Needs, Reading
from avss_core.importance.rankings import rankings_of
from avss_core.importance.settings import RankSettings
from avss_core.importance.sums import COLUMNS, Table
from avss_core.importance.sums_parquet import read_sums
from avss_core.jobs.requests import EvaluateRequest, RankRequest
from avss_core.jobs.results import model_facts, still_to_do
from avss_core.jobs.table1.requests import Blocks, cuts_request, method_of, methods_of, original_of, rank_request
from avss_core.pruning import lowest_fraction
from avss_core.runs import Store
from avss_core.runs.run import Kept
from avss_core.studies.table1 import Row, Table1Study

# Nobody reads the scores' intervals here, so that few resamples do.
_DRAWS = 100


def kept_evaluation(store: Store, request: EvaluateRequest, removed: Blocks) -> Kept | None:
    """The evaluation of a cut, None while there is none."""
    key = request.evaluation_key(removed)
    return _kept(store, key) if store.has_evaluation(key) else None


def facts_of_row(store: Store, row: Row) -> dict[str, Any] | None:
    """What is known of a row's model since it was evaluated whole; None before."""
    kept = kept_evaluation(store, original_of(row), ())
    return None if kept is None else model_facts(store, kept.run, row.model)


def cuts_of_row(store: Store, study: Table1Study, row: Row, facts: dict[str, Any]) -> list[dict[str, Blocks | str]]:
    """For each sample the blocks that each method removes, or, as a sentence, why it cannot; only what is ranked."""
    names = methods_of(study, facts)
    if not names:
        return [{} for _ in range(study.repeats)]
    return [
        _cuts_of_sample(store, rank_request(study, row, number, names), study.fraction, int(facts["blocks"]))
        for number in range(study.repeats)
    ]


def evaluation_left(
    store: Store, row: Row, cuts: Sequence[dict[str, Blocks | str]], methods: Sequence[str]
) -> EvaluateRequest:
    """Those cuts of these methods, on any sample, that have not been evaluated."""
    chosen = [of_sample[method] for of_sample in cuts for method in methods if method in of_sample]
    return still_to_do(store, cuts_request(row, (cut for cut in chosen if isinstance(cut, tuple))))


def _cuts_of_sample(store: Store, request: RankRequest, fraction: float, n_blocks: int) -> dict[str, Blocks | str]:
    asked, seed = request.settings.methods, request.settings.seed
    free = [name for name in asked if method_of(name).needs is Needs.NOTHING]
    found: dict[str, Blocks | str] = {
        name: lowest_fraction(_unmeasured(name, seed, n_blocks), fraction).removed for name in free
    }
    for part in request.parts():
        run = store.find_run(part.run_id())
        names = tuple(name for name in asked if name in part.settings.methods)
        if run is not None and store.find_done(run.id) is not None:
            found |= _ranked(store, run.id, names, seed, fraction, n_blocks)
        elif run is not None and run.status in ("failed", "interrupted"):
            found |= dict.fromkeys(names, run.error or f"The run {run.id} is {run.status}.")
    return found


@lru_cache(maxsize=4096)
def _ranked(
    store: Store, run_id: str, names: tuple[str, ...], seed: int, fraction: float, n_blocks: int
) -> dict[str, Blocks | str]:
    sums = [read_sums(store.path_of(unit.file)) for unit in store.units(run_id)]
    found: dict[str, Blocks | str] = {}
    for name in names:  # one at a time: a score that is not finite leaves the others alone
        try:
            [ranking] = rankings_of(sums, RankSettings((name,), seed=seed), n_blocks, draws=_DRAWS)
        except AvssError as error:
            found[name] = str(error)
        else:
            found[name] = ranking.lowest(len(lowest_fraction(ranking.scores, fraction).removed))
    return found


def _unmeasured(name: str, seed: int, n_blocks: int) -> tuple[float, ...]:
    """Scores of a method that looks at nothing."""
    sums = Table(pd.DataFrame(columns=list(COLUMNS)), n_blocks).sums()
    return tuple(method_of(name).score(sums, Reading(seed=seed)).tolist())


@lru_cache(maxsize=4096)
def _kept(store: Store, key: str) -> Kept:
    kept = store.evaluation(key)
    assert kept is not None, "asked for only when it is there"
    return kept
