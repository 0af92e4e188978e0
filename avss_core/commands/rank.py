"""`avss rank`: one number per block and method, and how far each method agrees with ablation."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from avss_core.commands import options as o
from avss_core.commands.answer import answer
from avss_core.commands.comparison_table import comparison_table
from avss_core.commands.option_groups import ModelOptions, TextOptions, in_groups
from avss_core.commands.rank_fit import facts_for, fit, tell_left_out
from avss_core.commands.session import Workers, rankings_of
from avss_core.importance import Epsilon
from avss_core.importance.answer import rank_answer
from avss_core.importance.registry import NAMES
from avss_core.importance.settings import DEFAULT_BUDGET, RankSettings
from avss_core.jobs import RankRequest
from avss_core.runs import Store

ALL = "all"
FEW_TOKENS = TextOptions(max_tokens=2000)


@in_groups
def rank(
    *,
    method: Annotated[
        str, typer.Option(help=f"Methods separated by commas, `NAME@SITE` for another site, or `{ALL}`.")
    ] = ALL,
    budget: Annotated[int, typer.Option(help="Block runs for Shapley values.")] = DEFAULT_BUDGET,
    epsilon: o.EpsilonText = "0.01",
    skip_first_token: o.SkipFirstToken = False,
    seed: o.Seed = 0,
    model: ModelOptions,
    text: TextOptions = FEW_TOKENS,
    store: o.StoreUrl = None,
    as_json: o.Json = False,
) -> None:
    """Score every block by several methods on the same text; ablation is among them where it fits, as the yardstick.

    `all` are all methods that fit this network; what is left out is told.
    """
    names = NAMES if method == ALL else tuple(method.split(","))
    asked = RankSettings(names, Epsilon.parse(epsilon), skip_first_token, seed, budget)
    request = RankRequest(model.spec, text.spec, asked)
    opened = Store(store)
    with Workers(opened) as workers:
        facts = facts_for(workers, request)
        fitting, left_out = fit(asked, method == ALL, facts)
        rankings = rankings_of(workers, replace(request, settings=fitting))
    tell_left_out(left_out, facts["architecture"])
    values = {**rank_answer(rankings, seed), "left_out": left_out}
    table = comparison_table(rankings, values["agreement"])
    answer(values, as_json, table, "Lowest first: the order of removal by each method.")
