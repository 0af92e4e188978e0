"""`avss runs`: the history."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from avss_core.commands import options as o
from avss_core.commands.answer import answer
from avss_core.jobs.client import Jobs
from avss_core.runs import Run, Store
from avss_core.runs.export import export_run

runs_app = typer.Typer(help="The history of runs.", no_args_is_help=True)

RunId = Annotated[str, typer.Argument(help="A run's id; its first letters will do.")]

_COLUMNS = ("run", "kind", "status", "model", "corpus", "tokens", "seconds", "created")


@runs_app.command("list")
def list_runs(
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 200,
    store: o.StoreUrl = None,
    as_json: o.Json = False,
) -> None:
    """The latest runs, newest first."""
    found = [_line(run) for run in Store(store).runs(limit=limit)]
    answer({"runs": found}, as_json, pd.DataFrame(found, columns=_COLUMNS))


@runs_app.command("show")
def show_run(run: RunId, store: o.StoreUrl = None, as_json: o.Json = False) -> None:
    """Everything known of one run."""
    opened = Store(store)
    found = opened.run(run)
    answer(
        {
            **_line(found),
            "attempt": found.attempt,
            "error": found.error,
            "spec": found.spec,
            "facts": found.facts,
            "units": found.n_units,
            "units_finished": len(opened.units(found.id)),
        },
        as_json,
    )


@runs_app.command("delete")
def delete_run(run: RunId, store: o.StoreUrl = None, as_json: o.Json = False) -> None:
    """Forget a run and its files; one that is under way has to be cancelled first."""
    opened = Store(store)
    found = opened.run(run)
    jobs = Jobs(opened)
    jobs.follow(found.id)  # closes one whose workers are gone
    jobs.close()
    opened.delete_run(found.id)
    answer({"deleted": found.id}, as_json)


@runs_app.command("export")
def export(
    run: RunId,
    to: Annotated[Path | None, typer.Option(help="The zip file to write.", show_default="RUN.zip")] = None,
    store: o.StoreUrl = None,
    as_json: o.Json = False,
) -> None:
    """A zip with what was asked, what was found, every array as Parquet, and what else the work left: maps, adapters,
    the folder of an exported model."""
    opened = Store(store)
    found = opened.run(run)
    file = to or Path(f"{found.id}.zip")
    export_run(opened, found.id, file)
    answer({"run": found.id, "file": str(file.absolute())}, as_json)


def _line(run: Run) -> dict[str, object]:
    return {
        "run": run.id,
        "kind": run.kind,
        "status": run.status,
        "model": run.spec["model"]["source"],
        "corpus": run.spec["corpus"]["source"],
        "tokens": run.facts.get("tokens"),
        "seconds": run.seconds,
        "created": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.created)),
    }
