"""`avss scores`: equations (1)–(9) of a profile, without running the model again."""

from __future__ import annotations

from typing import Annotated

import typer

from avss_core.commands import options as o
from avss_core.commands.answer import answer, records
from avss_core.importance import Epsilon, score_table_with_intervals
from avss_core.jobs.results import finished_profile
from avss_core.runs import Store

_SHOWN = ("block", "variance", "sparsity", "avss", "avss_share", "avss_cumulative", "l1", "l2", "frobenius", "floored")


def scores(
    run: Annotated[str, typer.Argument(help="The run that `avss profile` named; its first letters will do.")],
    site: o.Site = "residual",
    epsilon: o.EpsilonText = "0.01",
    skip_first_token: o.SkipFirstToken = False,
    seed: o.Seed = 0,
    store: o.StoreUrl = None,
    as_json: o.Json = False,
) -> None:
    """Score every block of a profiled run: variance, sparsity, norms, AVSS, with 95 % intervals."""
    silent_below = Epsilon.parse(epsilon)
    opened = Store(store)
    found = opened.run(run)
    shards = finished_profile(opened, found.id)
    table = score_table_with_intervals(shards, site, silent_below, skip_first_token, seed=seed)
    answer(
        {
            "run": found.id,
            "site": site,
            "epsilon": str(silent_below),
            "skip_first_token": skip_first_token,
            "rows": records(table),
        },
        as_json,
        table[list(_SHOWN)],
        "AVSS: the paper removes the lowest first. Whether that is wise, `avss prune` measures.",
    )
