"""Which threads of a worker work with the network: several side by side, each with its own share of torch's threads,
or one alone with all of them.

Torch's threads wait for each other at the end of every operation, some thousand times in a pass over a small model;
shards that run side by side never do (figures in docs/decisions.md). Threads that work side by side have the same
model; each is in a lane, with a copy of the network of its own that shares the weights (`models/twin.py`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

LANES = min(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class Lanes:
    """Gives out lanes 0, 1, … A thread that wants to be alone goes before those that do not."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._taken: dict[int, str] = {}  # what each lane is used for
        self._wait_to_be_alone = 0
        self._is_alone = False
        self._here = threading.local()

    @property
    def number(self) -> int:
        """The lane that the calling thread is in; 0 when it is in none."""
        return getattr(self._here, "lane", 0)

    @property
    def at_work(self) -> int:
        """How many threads are at work now, at least 1."""
        return max(1, len(self._taken))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until nobody else is at work, and keep others out."""
        with self._changed:
            self._wait_to_be_alone += 1
            try:
                self._changed.wait_for(lambda: not self._is_alone and not self._taken)
                self._is_alone = True
            finally:
                self._wait_to_be_alone -= 1
        try:
            yield
        finally:
            with self._changed:
                self._is_alone = False
                self._changed.notify_all()

    @contextmanager
    def side_by_side(self, what: str, most: int = LANES) -> Iterator[int]:
        """Wait for a lane beside others that use the same `what`, at most `most` in all; yields its number."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_room(what, most))
            lane = next(lane for lane in range(most) if lane not in self._taken)
            self._taken[lane] = what
        self._here.lane = lane
        try:
            yield lane
        finally:
            self._here.lane = 0
            with self._changed:
                del self._taken[lane]
                self._changed.notify_all()

    def _has_room(self, what: str, most: int) -> bool:
        others = self._taken.values()
        return (
            not self._is_alone
            and not self._wait_to_be_alone
            and len(others) < most
            and all(other == what for other in others)
        )
