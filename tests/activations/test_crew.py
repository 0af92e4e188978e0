"""Helpers that share pieces of work and are not waited for."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest

from avss_core.activations.crew import Crew


@pytest.mark.parametrize("size", [1, 2, 5])
def test_every_piece_is_done_once_and_before_run_returns(size: int) -> None:
    crew = Crew(size)
    for pieces in (0, 1, 3, 200):
        done: list[tuple[int, int]] = []
        crew.run(pieces, lambda worker, piece, done=done: done.append((worker, piece)))
        assert sorted(piece for _, piece in done) == list(range(pieces))
        assert {worker for worker, _ in done} <= set(range(size))


def test_helpers_do_help_and_a_worker_has_one_piece_at_a_time() -> None:
    inside: Counter[int] = Counter()
    together = threading.Barrier(2, timeout=10)

    def work(worker: int, piece: int) -> None:
        inside[worker] += 1
        assert inside[worker] == 1
        together.wait()  # passes only when two workers are at it
        inside[worker] -= 1

    Crew(2).run(2, work)


def test_a_late_helper_is_not_waited_for() -> None:
    crew, busy, release = Crew(2), threading.Event(), threading.Event()

    def hold(worker: int, piece: int) -> None:
        if worker == 1:
            busy.set()
            release.wait(10)
        else:
            busy.wait(10)

    other = threading.Thread(target=crew.run, args=(2, hold))
    other.start()
    busy.wait(10)
    done: list[int] = []
    started = time.perf_counter()
    crew.run(5, lambda worker, piece: done.append(worker))  # the only helper is held by the other call
    assert done == [0] * 5
    assert time.perf_counter() - started < 5
    assert not release.is_set()
    release.set()
    other.join(10)
    assert not other.is_alive()


@pytest.mark.parametrize("bad_worker", [0, 1])
def test_an_error_is_raised_and_the_crew_goes_on(bad_worker: int) -> None:
    crew, together = Crew(2), threading.Barrier(2, timeout=10)

    def work(worker: int, piece: int) -> None:
        together.wait()
        if worker == bad_worker:
            raise ValueError("spoiled")

    with pytest.raises(ValueError, match="spoiled"):
        crew.run(2, work)
    done: list[int] = []
    crew.run(7, lambda worker, piece: done.append(piece))
    assert sorted(done) == list(range(7))
