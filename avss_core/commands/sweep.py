"""`avss sweep`: every cutoff of some methods, judged on held-out text, and random cuts of the same sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import pandas as pd
import typer

from avss_core.commands import options as o
from avss_core.commands.answer import answer
from avss_core.commands.option_groups import ModelOptions, TextOptions, in_groups
from avss_core.commands.prune_options import TaskOptions
from avss_core.commands.session import Workers, rankings_of, run_to_end
from avss_core.errors import AvssError, SettingError
from avss_core.importance import Epsilon
from avss_core.importance.registry import NAMES, ORACLE, fitting_facts
from avss_core.importance.settings import DEFAULT_BUDGET, RankSettings
from avss_core.jobs import EvaluateRequest, RankRequest
from avss_core.jobs.results import still_to_do
from avss_core.jobs.sweep_results import facts_in, paired_outcomes, plain_outcomes, sweep_answer, values_in
from avss_core.jobs.sweep_stretches import ANGULAR, angular_distances
from avss_core.pruning.cuts_by_size import stretches_by_distance
from avss_core.pruning.protect import most_removable, protected_ends
from avss_core.pruning.random_cuts import DRAWS
from avss_core.pruning.sweep import Sweep, plan_sweep
from avss_core.runs import Store
from avss_core.tasks import task_named

ALL = "all"
FEW_TOKENS = TextOptions(max_tokens=2000)


@in_groups
def sweep(
    *,
    method: Annotated[
        str, typer.Option(help=f"Methods separated by commas, `NAME@SITE` for another site, or `{ALL}`.")
    ] = "avss",
    task: TaskOptions,
    max_fraction: Annotated[float, typer.Option(help="Remove up to this share of the blocks.")] = 0.5,
    draws: Annotated[int, typer.Option(help="Random cuts of each size; 0 for none.", min=0)] = DRAWS,
    protect_first: Annotated[int, typer.Option(help="So many first blocks are never removed.", min=0)] = 0,
    protect_last: Annotated[int, typer.Option(help="So many last blocks are never removed.", min=0)] = 0,
    budget: Annotated[int, typer.Option(help="Block runs for Shapley values.")] = DEFAULT_BUDGET,
    epsilon: o.EpsilonText = "0.01",
    skip_first_token: o.SkipFirstToken = False,
    seed: o.Seed = 0,
    model: ModelOptions,
    text: TextOptions = FEW_TOKENS,
    store: o.StoreUrl = None,
    as_json: o.Json = False,
) -> None:
    """Remove 0, 1, 2, … blocks in each method's order, and at random, and measure what is left.

    Blocks are ranked on the profiled part of the text and judged on the held-out part. Ablation of single blocks is
    always among the methods where the model predicts tokens or classes, as the yardstick. Ctrl-C keeps what is
    finished; the same command goes on from there.
    """
    if not 0 <= max_fraction <= 1:
        raise SettingError(f"The share of blocks to sweep up to must lie between 0 and 1; {max_fraction:g} does not.")
    names = NAMES if method == ALL else tuple(method.split(","))
    settings = RankSettings(names, Epsilon.parse(epsilon), skip_first_token, seed, budget)
    whole = EvaluateRequest(model.spec, task.spec(text), task.task, ((),))
    opened = Store(store)
    with Workers(opened) as workers:
        # The unpruned model first: cheap, and it finds out whether model, task and text go together.
        if still_to_do(opened, whole).cuts:
            run_to_end(workers, whole)
        facts = facts_in(opened, whole)
        if facts is None:
            raise AvssError("The evaluation of the unpruned model is gone from the store; start the sweep again.")
        n_blocks = facts["blocks"]
        protected = protected_ends(n_blocks, protect_first, protect_last)
        most_removable(n_blocks, n_blocks - len(protected))  # before the blocks are ranked for nothing
        asked = RankRequest(model.spec, text.spec, _with_oracle(settings, method == ALL, facts))
        planned = _plan(workers, asked, whole, n_blocks, max_fraction, protected, draws)
        request = replace(whole, cuts=planned.cuts)
        left = still_to_do(opened, request)
        if left.cuts:
            run_to_end(workers, left)
    chance = plain_outcomes(values_in(opened, request, request.cuts), facts)
    values: dict[str, Any] = {
        "task": task.task,
        "metric": task_named(task.task).metric().name,
        "judged_on": text.judged_on,
        "blocks": n_blocks,
        "methods": list(planned.methods),
        "oracle": ORACLE if ORACLE in planned.methods else None,
        "protected": list(planned.protected),
        **sweep_answer(planned, paired_outcomes(opened, request), chance),
    }
    answer(values, as_json, _table(values), "What is retained; random cuts: their median.")


def _with_oracle(settings: RankSettings, everything: bool, facts: Mapping[str, Any]) -> RankSettings:
    able = tuple(method.name for method in fitting_facts(facts))
    if everything:
        return replace(settings, methods=able)
    return replace(settings, methods=(*settings.methods, ORACLE)) if ORACLE in able else settings


def _plan(
    workers: Workers,
    request: RankRequest,
    judged: EvaluateRequest,
    n_blocks: int,
    max_fraction: float,
    protected: tuple[int, ...],
    draws: int,
) -> Sweep:
    """Rank the blocks, and cut each order at every size; the angular distance chooses stretches instead."""
    rankings = rankings_of(workers, request)
    orders = {ranking.name: ranking.removal_order for ranking in rankings if ranking.name != ANGULAR}
    stretches: dict[str, Sequence[tuple[int, ...]]] = {}
    if ANGULAR in request.settings.methods:
        distances = angular_distances(workers.store, request)
        most = round(max_fraction * n_blocks)
        stretches[ANGULAR] = stretches_by_distance(distances, n_blocks, protected)[: most + 1]
    shared = task_named(judged.task).shares_prefixes
    return plan_sweep(orders, n_blocks, max_fraction, protected, draws, request.settings.seed, stretches, shared)


def _table(values: dict[str, Any]) -> pd.DataFrame:
    """For people: a row for each number of blocks removed, a column for each method, and the random median."""
    rows = pd.DataFrame(values["rows"], columns=["removed", "method", "retained"])
    table = rows.pivot(index="removed", columns="method", values="retained")[values["methods"]]
    chance = pd.DataFrame(values["random"], columns=["removed", "retained_median"]).set_index("removed")
    if len(chance):
        table["random cuts"] = chance["retained_median"]
    return table.reset_index().assign(share=lambda found: found["removed"] / values["blocks"])
