"""What is sent to a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from avss_core.runs import Run, Store

LOST = (
    "The worker process was lost (killed, or out of memory); start the job again to go on from what is finished, "
    "with a smaller model or --length if it is lost again."
)


@dataclass(frozen=True)
class Job:
    """One attempt at a run: what is asked, and the URL of the store that the result goes to."""

    run: str
    attempt: int
    created: float
    kind: str
    spec: dict[str, Any]
    store_url: str

    @classmethod
    def of(cls, run: Run, store: Store) -> Job:
        """The job of a run's latest attempt."""
        return cls(run.id, run.attempt, run.created, run.kind, run.spec, store.url)


def key_of(run: Run | Job) -> str:
    """The name of an attempt's driver among the scheduler's tasks; each attempt has its own."""
    return f"avss-{_name(run)}"


def topic_of(run: Run | Job) -> str:
    """The scheduler's topic that an attempt tells its progress on."""
    return f"avss-progress-{_name(run)}"


def cancel_flag_of(run: Run | Job) -> str:
    """The name of the `distributed.Event` that asks an attempt to stop; a later attempt has another."""
    return f"avss-cancel-{_name(run)}"


def _name(run: Run | Job) -> str:
    """The time tells apart what the number does not: the first attempts of a run that was deleted and made again."""
    return f"{run.run if isinstance(run, Job) else run.id}-{run.attempt}-{round(run.created * 1e6)}"
