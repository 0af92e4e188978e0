"""A connection to one scheduler, which may go away at any moment."""

from __future__ import annotations

from distributed import Client, Event, Future, fire_and_forget

from avss_core.errors import AvssError, ResourceError
from avss_core.jobs.cluster import quiet
from avss_core.jobs.contact import require_answer
from avss_core.jobs.entry import drive_run
from avss_core.jobs.job import Job, cancel_flag_of, key_of
from avss_core.jobs.progress import Listener, Progress
from avss_core.runs import Run

_CONNECT_WITHIN = 5  # seconds
_UNDER_WAY = ("waiting", "queued", "no-worker", "processing")


class Connection:
    """What is asked of a scheduler. Where it has gone away, the answers are False and None."""

    def __init__(self, address: str) -> None:
        """Connect; raises ResourceError when nothing answers at `address`."""
        quiet()
        self.address = address
        self._futures: dict[str, Future] = {}
        try:
            require_answer(address)
            self._client = Client(address, timeout=_CONNECT_WITHIN, set_as_default=False)
        except OSError as error:
            raise ResourceError(f"The scheduler at {address} does not answer; start the workers again.") from error
        self._listener = Listener(self._client)

    @property
    def is_open(self) -> bool:
        """Whether the scheduler is there."""
        return self._client.status == "running"

    def close(self) -> None:
        """Let the connection go; what was submitted runs on."""
        self._futures.clear()
        self._client.close()

    def submit(self, job: Job) -> None:
        """Send a job off; it runs to its end also without this process."""
        future = self._client.submit(drive_run, job, key=key_of(job), pure=False)
        fire_and_forget(future)
        under_way = {key: each for key, each in self._futures.items() if each.status == "pending"}
        self._futures = {**under_way, key_of(job): future}

    def has(self, run: Run) -> bool:
        """Whether the run's attempt is on the scheduler's list and not over."""
        if not self.is_open:
            return False
        key = key_of(run)
        try:
            states: dict[str, str | None] = self._client.sync(self._client.scheduler.get_task_status, keys=[key])
        except OSError:  # it went away just now
            return False
        return states[key] in _UNDER_WAY

    def failure(self, run: Run) -> AvssError | None:
        """What an attempt that was submitted here failed with before it could write to the store; None if nothing."""
        future = self._futures.get(key_of(run))
        error = future.exception() if future is not None and future.status == "error" else None
        return error if isinstance(error, AvssError) else None

    def cancel(self, run: Run) -> None:
        """Ask a run to stop."""
        if self.is_open:
            Event(cancel_flag_of(run), client=self._client).set()

    def latest(self, run: Run) -> Progress | None:
        """The last word of a run, None when it has said nothing yet."""
        if not self.is_open:
            return None
        try:
            return self._listener.latest(run)
        except OSError:  # it went away just now
            return None
