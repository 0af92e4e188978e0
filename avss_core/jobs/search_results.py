"""Read what searches left in the store, and how their cuts do on held-out text. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pandas as pd

from avss_core.corpora.spec import CorpusSpec
from avss_core.errors import AvssError, RunError
from avss_core.jobs.requests import EvaluateRequest, SearchRequest
from avss_core.jobs.results import outcome_in
from avss_core.pruning.outcome import Outcome
from avss_core.pruning.search import Step, StepRecord, read_records
from avss_core.runs import Run, Store

Blocks = tuple[int, ...]


def search_request(store: Store, run_id: str) -> SearchRequest:
    """What a search was asked for; RunError when the run is of another kind."""
    run = store.run(run_id)
    if run.kind != SearchRequest.kind:
        raise RunError(f"Run {run.id} is a run of kind {run.kind}, not a search; `avss runs list` shows the kinds.")
    return SearchRequest.from_dict(run.spec)


def search_records(store: Store, run_id: str) -> tuple[StepRecord, ...]:
    """The steps of a search that are finished so far; RunError when the run is of another kind."""
    search = search_request(store, run_id).settings.search
    return read_records([store.path_of(unit.file) for unit in store.units(store.run(run_id).id)], search)


def searches_like(store: Store, request: SearchRequest) -> list[Run]:
    """Every search of the same model for the same task on the same text, as their files are now, newest first."""
    wanted = request.model.identity(), request.corpus.identity(), request.task
    places = request.model.source, request.corpus.source, request.task
    found = []
    for run in store.runs(SearchRequest.kind, limit=None):
        if (run.spec["model"]["source"], run.spec["corpus"]["source"], run.spec["task"]) == places:
            asked = SearchRequest.from_dict(run.spec)
            with suppress(AvssError):  # the text that importance was scored on may be gone
                same = (asked.model.identity(), asked.corpus.identity(), asked.task) == wanted
                if same and asked.run_id() == run.id:  # else files were changed since
                    found.append(run)
    return found


def cuts_of(steps: Sequence[Step]) -> tuple[Blocks, ...]:
    """The different cuts that steps ended with, in block order, that of no block first."""
    return tuple(dict.fromkeys([(), *(tuple(sorted(step.removed)) for step in steps)]))


def held_out_of(corpus: CorpusSpec, max_tokens: int | None = None) -> CorpusSpec:
    """The part of a search's text that it has not seen; all of it when the search read all."""
    return replace(corpus, part="all" if corpus.part == "all" else "evaluate", max_tokens=max_tokens)


def held_out_request(request: SearchRequest, steps: Sequence[Step], held_out: CorpusSpec) -> EvaluateRequest:
    """The evaluation, on text that the search did not measure on, of the cut that each step ended with."""
    return EvaluateRequest(request.model, held_out, request.task, cuts_of(steps))


def outcomes_of(store: Store, request: EvaluateRequest, steps: Sequence[Step]) -> dict[Blocks, Outcome]:
    """Those of the steps' cuts that have been evaluated for `request`, with that of no block, by blocks removed."""
    there = [cut for cut in cuts_of(steps) if store.has_evaluation(request.evaluation_key(cut))]
    return {cut: outcome_in(store, request, cut, "found by a search") for cut in there} if () in there else {}


def held_out_table(steps: Sequence[Step], outcomes: dict[Blocks, Outcome]) -> pd.DataFrame:
    """One row a step whose cut has been judged on held-out text, beside what the search measured on its own text.

    value, low, high, retained, retained_low, retained_high: on held-out text; search_value, search_retained: on the
    text of the search, which flatters.
    """
    rows: list[dict[str, Any]] = []
    for step in steps:
        found = outcomes.get(tuple(sorted(step.removed)))
        if found is not None:
            rows.append(
                {
                    "number": step.number,
                    "removed": list(found.cut.removed),
                    **{name: getattr(found.after, name) for name in ("value", "low", "high", "n")},
                    **{name: getattr(found, name) for name in ("retained", "retained_low", "retained_high")},
                    "search_value": step.evaluation.value,
                    "search_retained": step.retained,
                }
            )
    return pd.DataFrame(rows, columns=list(HELD_OUT_COLUMNS))


HELD_OUT_COLUMNS = (
    "number",
    "removed",
    "value",
    "low",
    "high",
    "n",
    "retained",
    "retained_low",
    "retained_high",
    "search_value",
    "search_retained",
)


def costs_of(records: Sequence[StepRecord]) -> dict[str, float]:
    """What the steps took together: block runs with shared prefixes run once, without sharing, and for importance;
    cuts looked at, and how many of them were known from before."""
    return {
        "block_runs": sum(record.step.block_runs for record in records),
        "block_runs_naive": sum(record.step.block_runs_naive for record in records),
        "importance_block_runs": sum(record.importance_block_runs for record in records),
        "cuts": sum(record.cuts for record in records),
        "cuts_recalled": sum(record.recalled for record in records),
    }
