"""`avss prune`: one cut, evaluated on any task, and taken home."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from avss_core.commands import options as o
from avss_core.commands.answer import answer
from avss_core.commands.blocks import parse_blocks
from avss_core.commands.export_cut import check_export_folder, export_cut
from avss_core.commands.option_groups import ModelOptions, ScoreOptions, TextOptions, in_groups
from avss_core.commands.prune_cut import choose, evaluate
from avss_core.commands.prune_options import CutOptions, TaskOptions
from avss_core.commands.prune_scores import method_words, request_for, scores_of
from avss_core.commands.session import Workers
from avss_core.errors import SettingError
from avss_core.importance import Epsilon
from avss_core.importance.settings import DEFAULT_BUDGET, RankSettings
from avss_core.jobs import EvaluateRequest
from avss_core.jobs.heal_results import healing_of
from avss_core.jobs.metric_outcomes import answer_of, outcomes_in
from avss_core.pruning.outcome import Outcome
from avss_core.pruning.targets import Tolerated
from avss_core.runs import Store

__all__ = ["parse_blocks", "prune"]


@in_groups
def prune(
    *,
    cut: CutOptions,
    healing: o.Healing = None,
    task: TaskOptions,
    scores: ScoreOptions,
    budget: Annotated[int, typer.Option(help="Block runs for Shapley values.")] = DEFAULT_BUDGET,
    seed: o.Seed = 0,
    model: ModelOptions,
    text: TextOptions,
    export: Annotated[
        Path | None, typer.Option(help="Write the pruned model into this folder, checked by loading it again.")
    ] = None,
    store: o.StoreUrl = None,
    as_json: o.Json = False,
) -> None:
    """Remove blocks, chosen by a score or named, and measure what is lost on text that was not profiled."""
    named, epsilon = cut.named, Epsilon.parse(scores.epsilon)
    if healing is not None and named is None:
        raise SettingError("--healing names a run that healed one cut; name that cut by --remove.")
    if export is not None:
        check_export_folder(export)
    chosen = cut.chosen(scores.site)
    settings = RankSettings((chosen.name,), epsilon, scores.skip_first_token, seed, budget)
    measured = request_for(chosen, model.spec, text.spec, scores, settings)
    unpruned = EvaluateRequest(model.spec, task.spec(text), task.task, ((),))
    opened = Store(store)
    healed_by = None if healing is None else healing_of(opened, healing, named or ()).id
    with Workers(opened) as workers:
        target: Tolerated | None = None
        if named is not None:
            removed, reason = named, "named by hand"
        else:
            scored = scores_of(workers, measured, chosen, epsilon, scores.skip_first_token)
            found, target = choose(workers, unpruned, cut, scored)
            removed, reason = found.removed, found.reason
        evaluate(workers, unpruned, [removed])
        outcomes = outcomes_in(opened, unpruned, removed, reason)
        values = {**answer_of(outcomes), "judged_on": text.judged_on}
        healed: tuple[Outcome, ...] = ()
        if healed_by is not None:
            request = replace(unpruned, healing=healed_by)
            evaluate(workers, request, [removed])
            healed = outcomes_in(opened, request, removed, reason)
            values["healed"] = {"run": healed_by, **answer_of(healed)}
        if named is None:
            values["method"] = chosen.name
        if target is not None:
            values["target"] = target_answer(target, cut)
        if export is not None:
            method = "" if named is not None else method_words(chosen, text.spec, settings)
            values["export"] = export_cut(workers, unpruned, removed, reason, export, healed_by, method)
    answer(values, as_json, table_of(outcomes, healed))


def target_answer(target: Tolerated, options: CutOptions) -> dict[str, Any]:
    """What was measured on the way to a share of the performance, as JSON types."""
    return {
        "keep_performance": options.keep_performance,
        "surely": options.surely,
        "cutoffs": [asdict(cutoff) for cutoff in target.cutoffs],
        "gaps": list(target.gaps),
        "complete": target.complete,
        "block_runs": target.block_runs,
        "block_runs_naive": target.block_runs_naive,
    }


def table_of(outcomes: Sequence[Outcome], healed: Sequence[Outcome] = ()) -> pd.DataFrame:
    """Before, after and, where there is one, the healed cut by every metric, for people."""
    rows = [
        {"": state, **evaluation.to_dict()}
        for number, outcome in enumerate(outcomes)
        for state, evaluation in (
            ("before", outcome.before),
            ("after", outcome.after),
            *([("healed", healed[number].after)] if healed else []),
        )
    ]
    return pd.DataFrame(rows)
