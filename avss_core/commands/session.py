"""What a command needs to run jobs and to answer: store, workers, progress on stderr, the answer on stdout."""

from __future__ import annotations

import json
import math
import sys
from contextlib import ExitStack
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from avss_core.errors import AvssError, BadInput
from avss_core.jobs.client import Jobs
from avss_core.jobs.cluster import local_cluster, running_address
from avss_core.jobs.progress import Progress as Word
from avss_core.jobs.requests import Request
from avss_core.runs import Run, Store


class Workers:
    """The workers of a store, sought when the first job needs them: those that run already, else some of our own."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._open = ExitStack()
        self._jobs: Jobs | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_error: object) -> None:
        self._open.close()

    def jobs(self) -> Jobs:
        """The connection, made at the first call; workers of our own live as long as the `with` block."""
        if self._jobs is None:
            address = running_address(self.store) or self._open.enter_context(local_cluster())
            self._jobs = Jobs(self.store, address)
            self._open.callback(self._jobs.close)
        return self._jobs


def run_to_end(workers: Workers, request: Request, what: str) -> Run:
    """The finished run of a request: from the store, or run now with a progress bar on stderr.

    Raises what the job failed with.
    """
    known = workers.store.find_run(request.run_id())
    if known is not None and known.status == "done":
        return known
    jobs = workers.jobs()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def tell(run: Run, word: Word | None) -> None:
            stage = f"{what}: {word.stage}" if word else what
            done = len(jobs.store.units(run.id))
            bar.update(task, description=stage, total=run.n_units, completed=done)

        run = jobs.wait(jobs.submit(request).id, tell)
    if run.status != "done":
        raise (BadInput if run.facts.get("exit_status") == 2 else AvssError)(run.error or f"The run is {run.status}.")
    return run


def answer(values: dict[str, Any], as_json: bool, table: pd.DataFrame | None = None, title: str = "") -> None:
    """Print the answer: one JSON object, or the plain values and a table for people."""
    if as_json:
        json.dump(_plain(values), sys.stdout, ensure_ascii=False)
        print()
        return
    for name, value in values.items():
        if not isinstance(value, list | dict) or name in ("kept", "removed"):
            print(f"{name:20s} {value}")
    if table is not None:
        print_table(table, title)


def print_table(frame: pd.DataFrame, title: str = "") -> None:
    """A table on standard output, numbers to four significant digits."""
    table = Table(title=title or None, title_justify="left")
    for name in frame.columns:
        table.add_column(str(name), justify="right")
    for row in frame.itertuples(index=False):
        table.add_row(*[f"{value:.4g}" if isinstance(value, float) else str(value) for value in row])
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame as a list of dicts of JSON types."""
    return [_plain(row) for row in frame.to_dict(orient="records")]


def _plain(value: Any) -> Any:
    """JSON types only; a number that is not finite becomes null, for JSON has none."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
