"""Say how far a job is, and learn that it should stop: through the scheduler, which every process can see."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from distributed import Client, Event, get_worker

from avss_core.errors import Cancelled
from avss_core.jobs.job import Job, cancel_flag_of, topic_of
from avss_core.runs import Run

_BETWEEN_REPORTS = 0.1  # seconds; small batches come by the hundred, and each report is a message


@dataclass(frozen=True)
class Progress:
    """The latest word from an attempt: what it is doing, the tokens it has been through, and when it said so."""

    stage: str
    tokens: int
    when: float


class Reporter:
    """A task's side, in a worker: tells what is being done, and raises Cancelled when the attempt should stop."""

    def __init__(self, job: Job, unit: int | None = None) -> None:
        self._topic = topic_of(job)
        self._stop = Event(cancel_flag_of(job))
        self._unit = unit
        self._reported = 0.0
        self.tokens = 0

    def say(self, stage: str) -> None:
        """Tell what is being done now. Raises Cancelled when the attempt was asked to stop."""
        self._reported = time.monotonic()
        message = {"stage": stage, "unit": self._unit, "tokens": self.tokens, "when": time.time()}
        get_worker().log_event(self._topic, message)
        self.stop_if_asked()

    def stop_if_asked(self) -> None:
        """Raise Cancelled when the attempt was asked to stop."""
        if self._stop.is_set():
            raise Cancelled("The job was cancelled; the shards finished before are kept.")

    def count(self, tokens: int) -> None:
        """Called after every batch: add its tokens, and now and then tell how many there are. Raises Cancelled."""
        self.tokens += tokens
        if time.monotonic() - self._reported > _BETWEEN_REPORTS:
            self.say("measuring")


@dataclass
class _Heard:
    """What an attempt has said so far. A message can come twice, or late: counts of a unit only grow."""

    stage: str = ""
    when: float = 0.0
    tokens: dict[int, int] = field(default_factory=dict)

    def take(self, message: dict[str, Any]) -> None:
        if message["when"] >= self.when:
            self.stage, self.when = message["stage"], message["when"]
        if message["unit"] is not None:
            self.tokens[message["unit"]] = max(message["tokens"], self.tokens.get(message["unit"], 0))


class Listener:
    """The other side, in a page's or a shell's process: the scheduler sends it what the followed attempts say."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._heard: dict[str, _Heard] = {}

    def latest(self, run: Run) -> Progress | None:
        """The last word of a run's attempt; None when it has said nothing yet. Follows it from the first call on."""
        topic = topic_of(run)
        if topic not in self._heard:
            heard = self._heard.setdefault(topic, _Heard())  # several pages may ask at once
            self._client.subscribe_topic(topic, lambda event: heard.take(event[1]))
            for _when, message in self._client.get_events(topic):
                heard.take(message)
        heard = self._heard[topic]
        return Progress(heard.stage, sum(heard.tokens.values()), heard.when) if heard.stage else None
