"""Submit requests and follow them, from a page or the shell. No torch here."""

from __future__ import annotations

import time
from collections.abc import Callable

from avss_core.errors import ResourceError
from avss_core.jobs.apart import start_apart
from avss_core.jobs.connection import Connection
from avss_core.jobs.contact import running_address
from avss_core.jobs.job import LOST, Job
from avss_core.jobs.progress import Progress
from avss_core.jobs.requests import Request
from avss_core.runs import Run, Store

_POLL_SECONDS = 0.1
_SUBMIT_WITHIN = 5.0  # seconds from entering a run to its task on the scheduler's list
_SCHEDULER = "scheduler"  # the fact that says who has a run: a shell may have workers of its own


class Jobs:
    """The jobs of a store. Its workers hold the models; this process holds none."""

    def __init__(self, store: Store, address: str | None = None) -> None:
        """With `address`, connect to the workers there (ResourceError when they do not answer); else when one must."""
        self.store = store
        self._address = address
        self._connections: dict[str, Connection] = {}
        if address is not None:
            self._connections[address] = Connection(address)

    @classmethod
    def connect(cls, store: Store) -> Jobs:
        """Connect to the workers of this store, and start them in a process of their own when there are none.

        Raises ResourceError when `AVSS_SCHEDULER` names a scheduler that does not answer.
        """
        return cls(store, running_address(store) or start_apart(store))

    def close(self) -> None:
        """Let the connections go; jobs run on."""
        while self._connections:
            self._connections.popitem()[1].close()

    def submit(self, request: Request) -> Run:
        """Start a request, or find it: what is done or under way already is not done again, unless a file is gone.

        Raises what is wrong with the request itself, and ResourceError when there are no workers to be had.
        """
        run_id = request.run_id()
        known = self.store.find_done(run_id)
        if known is not None:
            return known
        workers = self._workers()
        run = self._start(run_id, request, workers.address)
        if run is None and self.follow(run_id).ended:  # nobody worked on it any more, or it has ended just now
            run = self._start(run_id, request, workers.address)
        if run is None:
            return self.store.run(run_id)
        workers.submit(Job.of(run, self.store))
        return run

    def cancel(self, run_id: str) -> None:
        """Ask a run to stop after the batch that it is at; what is finished is kept."""
        run = self.store.run(run_id)
        workers = self._workers_of(run)
        if workers is not None:
            workers.cancel(run)

    def progress(self, run_id: str) -> Progress | None:
        """The last word from a run, None when it has said nothing yet or its workers are gone."""
        run = self.store.run(run_id)
        workers = self._workers_of(run)
        return None if workers is None else workers.latest(run)

    def follow(self, run_id: str) -> Run:
        """The run as it is now; one that no worker has any more is closed as interrupted, its finished units kept."""
        run = self.store.run(run_id)
        if run.ended:
            return run
        workers = self._workers_of(run)
        failure = None if workers is None else workers.failure(run)
        may_be_on_its_way = run.status == "waiting" and time.time() - run.created < _SUBMIT_WITHIN and failure is None
        if may_be_on_its_way or (workers is not None and workers.has(run)):
            return run
        # Between the two questions it may have ended by itself; then its own end stands.
        self.store.end_run(run_id, run.attempt, "interrupted", str(failure or LOST), unless_ended=True)
        return self.store.run(run_id)

    def wait(self, run_id: str, told: Callable[[Run, Progress | None], None] = lambda run, progress: None) -> Run:
        """Follow a run to its end, calling `told` now and then; Ctrl-C cancels the run, whose end comes soon after.

        Raises KeyboardInterrupt at the second Ctrl-C: without workers, or while a model is fetched, the end may be far.
        """
        asked_to_stop = False
        while True:
            try:
                run = self.follow(run_id)
                told(run, self.progress(run_id))
                if run.ended:
                    return run
                time.sleep(_POLL_SECONDS)
            except KeyboardInterrupt:
                if asked_to_stop:
                    raise
                asked_to_stop = True
                self.cancel(run_id)

    def _start(self, run_id: str, request: Request, address: str) -> Run | None:
        return self.store.start_run(run_id, request.kind, request.to_dict(), {_SCHEDULER: address})

    def _workers(self) -> Connection:
        """The workers that new jobs go to: those of before, or others where they are gone."""
        workers = self._connection(self._address) if self._address else None
        if workers is None:
            self._address = running_address(self.store) or start_apart(self.store)
            workers = self._connection(self._address)
        if workers is None:
            raise ResourceError(f"The workers at {self._address} do not answer; start them again.")
        return workers

    def _workers_of(self, run: Run) -> Connection | None:
        """The workers that have a run, None when they are gone or it has none yet."""
        address = run.facts.get(_SCHEDULER)
        return self._connection(address) if address else None

    def _connection(self, address: str) -> Connection | None:
        known = self._connections.get(address)
        if known is not None and known.is_open:
            return known
        if known is not None:
            self._connections.pop(address).close()
        try:
            self._connections[address] = Connection(address)
        except ResourceError:
            return None
        return self._connections[address]
