"""Read what a sweep left in the store, finished or under way. No torch here: pages and shell read the same way."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from avss_core.jobs.requests import EvaluateRequest
from avss_core.jobs.results import evaluation_of, model_facts
from avss_core.pruning.cut import Cut
from avss_core.pruning.outcome import Outcome, outcome_of
from avss_core.pruning.random_cuts import is_complete, random_band
from avss_core.pruning.reduction import parameter_reduction
from avss_core.pruning.sweep import RANDOM, Blocks, OutcomeOf, Sweep, random_table, sweep_table
from avss_core.runs import Run, Store
from avss_core.tasks import Evaluation, retained, task_named
from avss_core.variants.variant import Variant


def as_evaluation(result: Mapping[str, Any]) -> Evaluation:
    """What the store keeps of an evaluation (`Evaluation.to_dict`); JSON has no infinity, which a perplexity may be."""
    better = task_named(result["task"]).metric(result["metric"]).higher_is_better
    lost = math.nan if better else math.inf
    return Evaluation(
        task=result["task"],
        metric=result["metric"],
        value=lost if result["value"] is None else result["value"],
        low=math.nan if result["low"] is None else result["low"],
        high=math.nan if result["high"] is None else result["high"],
        n=result["n"],
        higher_is_better=better,
    )


def values_in(store: Store, request: EvaluateRequest, cuts: Iterable[Blocks]) -> dict[Blocks, Evaluation]:
    """Those of the cuts that have been evaluated for the model, text and task of `request`, by the task's first
    metric, without their per-document values: one question to the store, however many cuts there are."""
    keys = {request.evaluation_key(cut): cut for cut in cuts}
    return {keys[key]: as_evaluation(result) for key, result in store.results(keys).items()}


def facts_in(store: Store, request: EvaluateRequest) -> dict[str, Any] | None:
    """What is known of the model whose unpruned evaluation is kept; None when that is not there, `model_facts`."""
    kept = store.evaluation(request.evaluation_key(()))
    return None if kept is None else model_facts(store, kept.run, request.model)


def plain_outcomes(values: Mapping[Blocks, Evaluation], facts: Mapping[str, Any]) -> OutcomeOf:
    """Outcomes from the values of `values_in` or `values_so_far`, without the interval of what is retained (nan): all
    that a random band needs. facts: of the model, as a run keeps them."""

    def outcome(removed: Blocks, reason: str) -> Outcome | None:
        if () not in values or removed not in values:
            return None
        return _plain(Cut(removed, facts["blocks"], reason), values[()], values[removed], facts)

    return outcome


def paired_outcomes(store: Store, request: EvaluateRequest) -> OutcomeOf:
    """Outcomes of kept evaluations with the paired interval of what is retained; the unpruned model is read once."""
    before, facts = evaluation_of(store, request, ()), facts_in(store, request)
    known: dict[Blocks, Outcome] = {}

    def outcome(removed: Blocks, reason: str) -> Outcome | None:
        if before is None or facts is None:
            return None
        if removed not in known:
            after = evaluation_of(store, request, removed)
            if after is None:
                return None
            cut = Cut(removed, facts["blocks"], reason)
            known[removed] = outcome_of(cut, before, after, facts["block_parameters"], facts["parameters"])
        return replace(known[removed], cut=Cut(removed, facts["blocks"], reason))

    return outcome


def values_so_far(store: Store, run: Run) -> dict[Blocks, Evaluation]:
    """Estimates from the shards that a run of evaluations under way has finished, without intervals (nan).

    The unpruned model is always among them, on the same documents: where the run leaves it out, since it is known, the
    kept one is cut to these. Nothing before the first shard.
    """
    request, units = EvaluateRequest.from_dict(run.spec), store.units(run.id)
    if not units:
        return {}
    rows = pd.concat([pd.read_parquet(store.path_of(unit.file)) for unit in units])
    by_key = _by_variant(request.task, rows)
    n_blocks = int(model_facts(store, run.id, request.model)["blocks"])
    keys = {cut: Variant.without(n_blocks, cut).key for cut in request.cuts}
    values = {cut: by_key[key] for cut, key in keys.items() if key in by_key}
    kept = None if () in keys else store.evaluation(request.evaluation_key(()))
    same = None if kept is None else kept.examples[kept.examples["document"].isin(rows["document"])]
    if same is not None and len(same):
        values[()] = _by_variant(request.task, same.assign(kept=""))[""]
    return values


def sweep_answer(sweep: Sweep, methods: OutcomeOf, random: OutcomeOf) -> dict[str, Any]:
    """A sweep as JSON types.

    rows: a dict for each method and cutoff; `removed` counts blocks, `blocks` names them, `value, low, high` are of
    the metric, `retained…` of what is left of the unpruned model's. random: a dict for each size, in the same names,
    with `draws` and `coverage`. block_runs: over the whole text, shared prefixes once where the task can share
    them; block_runs_naive: each cut as a model of its own.
    """
    table = sweep_table(sweep, methods)
    names = {"low": "retained_low", "high": "retained_high", "value_low": "low", "value_high": "high"}
    rows = [
        {str(key): value for key, value in row.items()} | {"blocks": [int(block) for block in row["blocks"].split()]}
        for row in table.rename(columns=names).to_dict(orient="records")
    ]
    return {
        "rows": rows,
        "random": _random_rows(sweep, random),
        "block_runs": sweep.block_runs,
        "block_runs_naive": sweep.block_runs_naive,
    }


def _random_rows(sweep: Sweep, outcomes: OutcomeOf) -> list[dict[str, Any]]:
    rows = []
    names = {"low": "retained_low", "median": "retained_median", "high": "retained_high"}
    for row in random_table(sweep, outcomes).rename(columns=names).to_dict(orient="records"):
        cuts = sweep.random[row["removed"]]
        found = [outcome for cut in cuts if (outcome := outcomes(cut, RANDOM)) is not None]
        complete = is_complete(sweep.n_blocks, row["removed"], sweep.protected, len(cuts))
        band = random_band([outcome.after.value for outcome in found], complete)
        rows.append(
            {str(key): value for key, value in row.items()}
            | {"low": band.low, "median": band.median, "high": band.high}
        )
    return rows


def _plain(cut: Cut, before: Evaluation, after: Evaluation, facts: Mapping[str, Any]) -> Outcome:
    reduction = parameter_reduction(cut, facts["block_parameters"], facts["parameters"])
    return Outcome(cut, before, after, retained(before, after), math.nan, math.nan, reduction)


def _by_variant(task: str, rows: pd.DataFrame) -> dict[str, Evaluation]:
    """The task's first metric of every variant in a table of several, without intervals."""
    metric = task_named(task).metric()
    groups = rows.groupby("kept", sort=False)
    counts = groups[metric.count].sum() if metric.count else groups.size()
    means = groups[metric.total].sum() / counts
    with np.errstate(over="ignore"):
        values = np.exp(means) if metric.exponential else means
    documents = rows["document"].nunique()
    return {
        str(kept): Evaluation(task, metric.name, float(value), math.nan, math.nan, documents, metric.higher_is_better)
        for kept, value in values.items()
    }
