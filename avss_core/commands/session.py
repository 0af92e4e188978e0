"""What a command needs to run jobs: the store's workers, and progress on standard error."""

from __future__ import annotations

from contextlib import ExitStack

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from avss_core.errors import AvssError, BadInput, Cancelled
from avss_core.importance.ranking import Ranking
from avss_core.jobs.client import Jobs
from avss_core.jobs.cluster import local_cluster
from avss_core.jobs.contact import running_address
from avss_core.jobs.progress import Progress as Word
from avss_core.jobs.requests import RankRequest, Request
from avss_core.jobs.results import finished_rankings
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


def run_to_end(workers: Workers, request: Request) -> Run:
    """The finished run of a request: from the store, or run now with a progress bar on standard error.

    Raises what the job failed with.
    """
    known = workers.store.find_done(request.run_id())
    if known is not None:
        return known
    jobs = workers.jobs()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(request.kind, total=None)

        def tell(run: Run, word: Word | None) -> None:
            stage = f"{request.kind}: {word.stage}" if word else request.kind
            done = len(jobs.store.units(run.id))
            bar.update(task, description=stage, total=run.n_units, completed=done)

        run = jobs.wait(jobs.submit(request).id, tell)
    if run.status != "done":
        raise _error_of(run)
    return run


def rankings_of(workers: Workers, request: RankRequest) -> tuple[Ranking, ...]:
    """The rankings of a request, one for each method; passes that were made before are not made again."""
    for part in request.parts():
        run_to_end(workers, part)
    rankings = finished_rankings(workers.store, request)
    if rankings is None:
        raise AvssError("A part of the comparison is gone from the store; start it again.")
    return rankings


def _error_of(run: Run) -> AvssError:
    reason = run.error or f"The run {run.id} is {run.status}."
    if run.status == "cancelled":
        return Cancelled(reason)
    return BadInput(reason) if run.facts.get("exit_status") == BadInput.exit_status else AvssError(reason)
