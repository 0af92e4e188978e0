"""`avss runs`: the history."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from avss_core.commands import options as o
from avss_core.commands.session import answer
from avss_core.runs import Run, Store
from avss_core.runs.export import export_run

runs_app = typer.Typer(help="The history of runs.", no_args_is_help=True)

RunId = Annotated[str, typer.Argument(help="A run's id; its first letters will do.")]


@runs_app.command("list")
def list_runs(store: o.StoreUrl = None, as_json: o.Json = False) -> None:
    """All runs, newest first."""
    found = Store(store).runs()
    columns = ["run", "kind", "status", "model", "corpus", "tokens", "seconds", "created"]
    table = pd.DataFrame([_line(run) for run in found], columns=columns)
    answer({"runs": [_line(run) for run in found]}, as_json, table)


@runs_app.command("show")
def show_run(run: RunId, store: o.StoreUrl = None, as_json: o.Json = False) -> None:
    """Everything known of one run."""
    opened = Store(store)
    found = opened.run(run)
    answer(
        {
            **_line(found),
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
    """Forget a run and its files."""
    opened = Store(store)
    found = opened.run(run)
    opened.delete_run(found.id)
    answer({"deleted": found.id}, as_json)


@runs_app.command("export")
def export(
    run: RunId,
    to: Annotated[Path, typer.Option(help="The zip file to write.")] = Path("run.zip"),
    store: o.StoreUrl = None,
    as_json: o.Json = False,
) -> None:
    """A zip with what was asked, what was found, and every array as Parquet."""
    opened = Store(store)
    found = opened.run(run)
    export_run(opened, found.id, to)
    answer({"run": found.id, "file": str(to)}, as_json)


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
