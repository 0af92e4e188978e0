"""Threads that help with short pieces of work, and are not waited for when they are late.

The network's own threads spin for a while after each of its operations, so a helper may not get a processor at once:
whoever is free takes the next piece, and the caller, who takes pieces too, never waits for more than one of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue


class Crew:
    """`size` workers: the caller, who is number 0, and helpers that sleep between two calls of `run`."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        for worker in range(1, size):
            threading.Thread(target=self._help, args=(worker,), name=f"measure-{worker}", daemon=True).start()

    def run(self, pieces: int, work: Callable[[int, int], None]) -> None:
        """Call `work(worker, piece)` once for every piece; returns when all are done, raises what one has raised."""
        call = _Call(iter(range(pieces)), work)
        for _ in range(min(self.size, pieces) - 1):
            self._calls.put(call)
        try:
            call.take_pieces(0)
        finally:
            call.close()
        if call.error is not None:
            raise call.error

    def _help(self, worker: int) -> None:
        while True:
            self._calls.get().join(worker)


class _Call:
    """One `run`. Taking a piece is one step of a shared iterator, which no other thread can interrupt."""

    def __init__(self, pieces: Iterator[int], work: Callable[[int, int], None]) -> None:
        self._pieces, self._work = pieces, work
        self._lock = threading.Lock()
        self._closed, self._helping = False, 0
        self._last_left = threading.Semaphore(0)
        self.error: BaseException | None = None

    def take_pieces(self, worker: int) -> None:
        for piece in self._pieces:
            self._work(worker, piece)

    def join(self, worker: int) -> None:
        """A helper comes, when the work is not over yet."""
        with self._lock:
            if self._closed:
                return
            self._helping += 1
        try:
            self.take_pieces(worker)
        except BaseException as error:
            self.error = error
        with self._lock:
            self._helping -= 1
            if self._closed and not self._helping:
                self._last_left.release()

    def close(self) -> None:
        """Let nobody in any more, and wait for those who are inside."""
        with self._lock:
            self._closed = True
            wait = self._helping > 0
        if wait:
            self._last_left.acquire()
