"""Who may be at work at the same time. Events stand for work, so nothing here waits for a clock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest

from avss_core.jobs.lanes import Lanes

WITHIN = 30  # seconds, of what happens at once when the code is right
SOON = 0.2  # seconds in which something that must not happen would have happened


class Worker:
    """A thread inside a lane, until it is told to leave."""

    def __init__(self, pool: ThreadPoolExecutor, enter: Callable[[], AbstractContextManager[object]]) -> None:
        self.inside, self._leave = threading.Event(), threading.Event()
        self.done: Future[object] = pool.submit(self._work, enter)

    def _work(self, enter: Callable[[], AbstractContextManager[object]]) -> object:
        with enter() as lane:
            self.inside.set()
            assert self._leave.wait(WITHIN)
            return lane

    def leave(self) -> object:
        self._leave.set()
        return self.done.result(WITHIN)


@pytest.fixture
def pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(8)


def test_threads_with_one_model_are_side_by_side_in_lanes_of_their_own(pool: ThreadPoolExecutor) -> None:
    lanes = Lanes()
    workers = [Worker(pool, lambda: lanes.side_by_side("a", most=2)) for _ in range(2)]
    assert all(worker.inside.wait(WITHIN) for worker in workers)
    third = Worker(pool, lambda: lanes.side_by_side("a", most=2))
    assert not third.inside.wait(SOON), "there are two lanes"
    first = workers[0].leave()
    assert third.inside.wait(WITHIN)
    assert third.leave() == first, "a lane that is free again is given out again"
    assert {first, workers[1].leave()} == {0, 1}


def test_another_model_waits_until_the_lanes_are_empty(pool: ThreadPoolExecutor) -> None:
    lanes = Lanes()
    first = Worker(pool, lambda: lanes.side_by_side("a"))
    assert first.inside.wait(WITHIN)
    other = Worker(pool, lambda: lanes.side_by_side("b"))
    assert not other.inside.wait(SOON)
    first.leave()
    assert other.inside.wait(WITHIN)
    other.leave()


def test_alone_means_alone_and_goes_first(pool: ThreadPoolExecutor) -> None:
    lanes = Lanes()
    first = Worker(pool, lambda: lanes.side_by_side("a"))
    assert first.inside.wait(WITHIN)
    alone = Worker(pool, lanes.alone)
    assert not alone.inside.wait(SOON)
    late = Worker(pool, lambda: lanes.side_by_side("a"))
    assert not late.inside.wait(SOON), "a thread that waits to be alone must not wait for ever"
    first.leave()
    assert alone.inside.wait(WITHIN)
    assert not late.inside.wait(SOON)
    second = Worker(pool, lanes.alone)
    assert not second.inside.wait(SOON)
    alone.leave()
    assert second.inside.wait(WITHIN)
    second.leave()
    assert late.inside.wait(WITHIN)
    late.leave()


def test_an_error_inside_gives_the_lane_back(pool: ThreadPoolExecutor) -> None:
    lanes = Lanes()
    for enter in (lanes.alone, lambda: lanes.side_by_side("a", most=1)):
        with pytest.raises(ValueError, match="broken"), enter():
            raise ValueError("broken")
    worker = Worker(pool, lanes.alone)
    assert worker.inside.wait(WITHIN)
    worker.leave()
    assert lanes.number == 0
