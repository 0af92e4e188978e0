"""`avss scores`: equations (1)–(9) of a profile, without running the model again."""

from __future__ import annotations

from typing import Annotated

import typer

from avss_core.commands import options as o
from avss_core.commands.answer import answer, records
from avss_core.commands.session import Workers, run_to_end
from avss_core.errors import AvssError, SettingError
from avss_core.importance import Epsilon, score_table_with_intervals
from avss_core.importance.authors_table import EPSILON
from avss_core.jobs import AuthorsRequest
from avss_core.jobs.results import authors_scores, finished_profile, profile_request
from avss_core.runs import Store
from avss_core.seeds import require_seed

POOLED, AUTHORS = "pooled", "authors"
_SHOWN = ["block", "variance", "sparsity", "sparsity_min", "sparsity_max", "avss", "avss_share", "avss_cumulative"]
_SHOWN += ["l1", "l2", "frobenius", "floored"]
_EPSILON, _SITE, _SEED = "0.01", "residual", 0


def scores(
    run: Annotated[str, typer.Argument(help="The run that `avss profile` named; its first letters will do.")],
    site: o.Site = _SITE,
    epsilon: o.EpsilonText = _EPSILON,
    skip_first_token: o.SkipFirstToken = False,
    preset: Annotated[
        str, typer.Option(help="pooled (ours), or authors: what the authors' script computes (runs the model).")
    ] = POOLED,
    seed: o.Seed = _SEED,
    store: o.StoreUrl = None,
    as_json: o.Json = False,
) -> None:
    """Score every block of a profiled run: variance, sparsity, norms, AVSS, with 95 % intervals."""
    if preset == AUTHORS:
        _check_fixed(
            {
                "--site": site != _SITE,
                "--epsilon": epsilon != _EPSILON,
                "--skip-first-token": skip_first_token,
                "--seed": seed != _SEED,
            }
        )
        _as_the_authors_script(run, store, as_json)
        return
    if preset != POOLED:
        raise SettingError(f"There is no preset {preset!r}; the presets are {POOLED} and {AUTHORS}.")
    silent_below = Epsilon.parse(epsilon)
    require_seed(seed)
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
        table[_SHOWN],
        "AVSS: the paper removes the lowest first. Whether that is wise, `avss prune` measures.",
    )


def _check_fixed(given: dict[str, bool]) -> None:
    """Refuse an option that is given where the authors' script leaves no choice."""
    for option, is_given in given.items():
        if is_given:
            raise SettingError(
                f"The preset {AUTHORS} measures the block's output with ε = {EPSILON:g} and all tokens, so it takes no "
                f"{option}; leave the option out."
            )


def _as_the_authors_script(run: str, store: str | None, as_json: bool) -> None:
    """The same model and text, measured as the authors' script does; kept, so that it runs once."""
    opened = Store(store)
    profiled = profile_request(opened, run)
    request = AuthorsRequest(profiled.model, profiled.corpus)
    with Workers(opened) as workers:
        done = run_to_end(workers, request)
    table = authors_scores(opened, request)
    if table is None:
        raise AvssError("The measurement is gone from the store; start it again.")
    values = {"run": done.id, "preset": AUTHORS, "epsilon": EPSILON, "rows": records(table)}
    answer(values, as_json, table[[name for name in table if not name.endswith(("_low", "_high"))]])
