"""`avss rank`: one number per block and method, and how far each method agrees with ablation."""

from __future__ import annotations

from typing import Annotated

import pandas as pd
import typer

from avss_core.commands import options as o
from avss_core.commands.answer import answer
from avss_core.commands.option_groups import ModelOptions, TextOptions, in_groups
from avss_core.commands.session import Workers, rankings_of
from avss_core.importance import METHODS, Epsilon
from avss_core.importance.answer import rank_answer
from avss_core.importance.ranking import Ranking
from avss_core.importance.registry import ORACLE
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
    """Score every block by several methods on the same text; ablation is always among them, as the yardstick."""
    names = [known.name for known in METHODS] if method == ALL else [*method.split(","), ORACLE]
    settings = RankSettings(tuple(names), Epsilon.parse(epsilon), skip_first_token, seed, budget)
    request = RankRequest(model.spec, text.spec, settings)
    opened = Store(store)
    with Workers(opened) as workers:
        rankings = rankings_of(workers, request)
    values = rank_answer(rankings, seed)
    answer(values, as_json, _table(rankings, values["agreement"]), "Lowest first: the order of removal by each method.")


def _table(rankings: tuple[Ranking, ...], agreement: dict[str, dict[str, float | None]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "method": ranking.name,
                "spearman": agreement[ranking.name]["spearman"],
                "kendall": agreement[ranking.name]["kendall"],
                "seconds": ranking.seconds,
                "block runs": ranking.block_runs,
                "lowest blocks": " ".join(map(str, ranking.removal_order[:10])),
            }
            for ranking in rankings
        ]
    )
