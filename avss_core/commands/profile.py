"""`avss profile`: one pass over a text."""

from __future__ import annotations

from typing import Annotated

import pandas as pd
import typer

from avss_core.commands import options as o
from avss_core.commands.answer import answer
from avss_core.commands.option_groups import ModelOptions, TextOptions, in_groups
from avss_core.commands.session import Workers, run_to_end
from avss_core.jobs.requests import ProfileRequest
from avss_core.jobs.results import missing_sites
from avss_core.runs import Store


@in_groups
def profile(
    *,
    model: ModelOptions,
    text: TextOptions,
    sites: Annotated[str, typer.Option(help="Sites to measure, separated by commas.")] = "residual,update",
    stop_when_stable: Annotated[
        float | None, typer.Option(help="End when the lowest share of blocks by AVSS, such as 0.25, is a settled set.")
    ] = None,
    store: o.StoreUrl = None,
    as_json: o.Json = False,
) -> None:
    """Measure the activations of every block over a text, in one pass. The answer names the run."""
    chosen = tuple(dict.fromkeys(site.strip() for site in sites.split(",") if site.strip()))
    request = ProfileRequest(model.spec, text.spec, chosen, stop_when_stable)
    with Workers(Store(store)) as workers:
        run = run_to_end(workers, request)
        missing = missing_sites(workers.store, run.id)
    facts = run.facts
    answer(
        {
            "run": run.id,
            "blocks": facts["blocks"],
            "tokens": facts["tokens"],
            "documents": facts["documents"],
            "seconds": run.seconds,
            "architecture": facts["architecture"],
            "device": facts["device"],
            "dtype": facts["dtype"],
            "stopped_after": facts.get("stopped_after"),
            "missing": missing,
        },
        as_json,
        pd.DataFrame(list(missing.items()), columns=["site", "why"]) if missing else None,
        "Sites that could not be measured in this model",
    )
