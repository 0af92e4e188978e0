"""Say how far a job is, and learn that it should stop: through the scheduler's events, which every process can see."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from distributed import Client, Event, get_worker

from avss_core.errors import Cancelled


@dataclass(frozen=True)
class Progress:
    """The latest word from a job: what it is doing, and how many tokens it has been through in this attempt."""

    stage: str
    tokens: int
    when: float


def topic_of(run_id: str) -> str:
    """The event topic of a run."""
    return f"avss-{run_id}"


def cancel_event(run_id: str, client: Client | None = None) -> Event:
    """The flag that asks a run to stop."""
    return Event(f"avss-cancel-{run_id}", client=client)


def report(run_id: str, stage: str, tokens: int = 0) -> None:
    """From inside a worker's task: tell what is being done."""
    get_worker().log_event(topic_of(run_id), {"stage": stage, "tokens": tokens, "when": time.time()})


def stop_if_asked(run_id: str) -> None:
    """From inside a worker's task: raise Cancelled when the flag is set."""
    if cancel_event(run_id).is_set():
        raise Cancelled("The job was cancelled; the shards finished before are kept.")


def latest(client: Client, run_id: str) -> Progress | None:
    """The last stage that was reported, with the tokens of all reports since the job was started."""
    events: list[dict[str, Any]] = [message for _when, message in client.get_events(topic_of(run_id))]
    if not events:
        return None
    starts = [i for i, message in enumerate(events) if message["stage"] == "starting"]
    current = events[starts[-1] :] if starts else events
    return Progress(current[-1]["stage"], sum(message["tokens"] for message in current), current[-1]["when"])
