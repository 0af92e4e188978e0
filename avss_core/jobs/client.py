"""Submit requests and follow them, from a page or the shell. No torch here."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from distributed import Client, fire_and_forget

from avss_core.jobs.cluster import running_address, start_apart
from avss_core.jobs.entry import drive_run
from avss_core.jobs.progress import Progress, cancel_event, latest
from avss_core.jobs.requests import Request
from avss_core.runs import Run, Store

_POLL_SECONDS = 0.1
_ASK_SCHEDULER_SECONDS = 2.0


class Jobs:
    """A connection to the workers of a store. The workers hold the models; this process holds none."""

    def __init__(self, store: Store, address: str) -> None:
        self.store = store
        self._client = Client(address, timeout=5, set_as_default=False)
        self._seen_alive: dict[str, float] = {}

    @classmethod
    def connect(cls, store: Store) -> Jobs:
        """Connect to the workers of this store, and start them in a process of their own when there are none.

        Raises ResourceError when `AVSS_SCHEDULER` names a scheduler that does not answer.
        """
        return cls(store, running_address(store) or start_apart(store))

    def close(self) -> None:
        """Let the connection go; jobs run on."""
        self._client.close()

    def submit(self, request: Request) -> Run:
        """Start a request, or find it: what is done or under way already is not done again."""
        run_id = request.run_id()
        run = self.store.start_run(run_id, request.kind, request.to_dict())
        if run.status == "done" or self.is_alive(run_id):
            return run
        cancel_event(run_id, self._client).clear()
        self.store.update_run(run_id, status="waiting", error=None, finished=None, created=time.time())
        task = self._client.submit(
            drive_run, run_id, request.kind, request.to_dict(), self.store.url, key=_key(run_id), pure=False
        )
        fire_and_forget(task)
        self._seen_alive[run_id] = time.monotonic()
        return self.store.run(run_id)

    def cancel(self, run_id: str) -> None:
        """Ask a run to stop after the batch that it is at; what is finished is kept."""
        cancel_event(run_id, self._client).set()

    def progress(self, run_id: str) -> Progress | None:
        """The last word from a run, None when it has said nothing yet."""
        return latest(self._client, run_id)

    def is_alive(self, run_id: str) -> bool:
        """Whether the scheduler still has the run on its list."""
        alive = bool(self._client.run_on_scheduler(_has_task, key=_key(run_id)))
        self._seen_alive[run_id] = time.monotonic() if alive else 0.0
        return alive

    def follow(self, run_id: str) -> Run:
        """The run as it is now. One that no worker has any more is closed as interrupted; its finished units are kept."""
        run = self.store.run(run_id)
        lately = time.monotonic() - self._seen_alive.get(run_id, 0.0) < _ASK_SCHEDULER_SECONDS
        if run.ended or lately or self.is_alive(run_id):
            return run
        run = self.store.run(run_id)  # it may have ended between the two questions
        if not run.ended:
            self.store.end_run(
                run_id, "interrupted", "The worker process was lost; start the job again to go on from what is finished."
            )
        return self.store.run(run_id)

    def wait(self, run_id: str, told: Callable[[Run, Progress | None], None] = lambda run, progress: None) -> Run:
        """Follow a run to its end, calling `told` now and then; Ctrl-C cancels the run and goes on waiting for its end."""
        while True:
            try:
                run = self.follow(run_id)
                told(run, self.progress(run_id))
                if run.ended:
                    return run
                time.sleep(_POLL_SECONDS)
            except KeyboardInterrupt:
                self.cancel(run_id)


def _key(run_id: str) -> str:
    return f"avss-run-{run_id}"


def _has_task(dask_scheduler: Any, key: str) -> bool:
    return key in dask_scheduler.tasks
