"""Jobs that are cancelled, or lose worker or scheduler: nothing that was finished is lost or done twice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tiny_model import save_tiny_model, write_documents

from avss_core.corpora import CorpusSpec
from avss_core.jobs import Jobs, ProfileRequest
from avss_core.jobs.contact import announced_by
from avss_core.models import ModelSpec
from avss_core.runs import Run, Store

SHARDS = 24


@pytest.fixture(scope="module")
def long_request(tmp_path_factory: pytest.TempPathFactory) -> ProfileRequest:
    """24 shards that take some 50 ms each, so that something can happen in the middle."""
    folder = tmp_path_factory.mktemp("long")
    model = ModelSpec(str(save_tiny_model(folder / "model", blocks=4, width=128)), dtype="float32")
    text = write_documents(folder / "text.jsonl", documents=SHARDS, characters=1024)
    return ProfileRequest(model, CorpusSpec(str(text), part="all", length=128))


def until(happened: Callable[[], object], within: float = 60.0) -> None:
    """Wait for something to become true; fail when it does not."""
    end = time.monotonic() + within
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def finished_files(store: Store, run: Run) -> dict[str, int]:
    """The files of the finished shards, with the times at which they were written."""
    return {unit.file: store.path_of(unit.file).stat().st_mtime_ns for unit in store.units(run.id)}


def assert_done_without_doing_twice(store: Store, run: Run, kept: dict[str, int]) -> None:
    assert (run.status, run.error) == ("done", None)
    now = finished_files(store, run)
    assert len(now) == run.n_units == SHARDS
    assert 0 < len(kept) < SHARDS, "it was to happen in the middle"
    assert {file: written for file, written in now.items() if file in kept} == kept


def tokens_of(jobs: Jobs, run: Run) -> int:
    progress = jobs.progress(run.id)
    return 0 if progress is None else progress.tokens


def test_a_cancelled_job_keeps_its_shards_and_goes_on_from_them(
    store: Store, jobs: Jobs, long_request: ProfileRequest
) -> None:
    run = jobs.submit(long_request)
    until(lambda: len(store.units(run.id)) >= 3)
    asked = time.monotonic()
    jobs.cancel(run.id)
    cancelled = jobs.wait(run.id)
    assert time.monotonic() - asked < 5
    assert (cancelled.status, cancelled.attempt) == ("cancelled", 1)
    assert "shards finished before are kept" in (cancelled.error or "")
    kept = finished_files(store, run)

    again = jobs.submit(long_request)
    assert (again.attempt, again.status, again.error) == (2, "waiting", None)
    done = jobs.wait(run.id)
    assert_done_without_doing_twice(store, done, kept)
    assert tokens_of(jobs, done) == (SHARDS - len(kept)) * 1024, "only the missing shards are measured"


def test_a_job_is_cancelled_before_it_has_begun(store: Store, jobs: Jobs, long_request: ProfileRequest) -> None:
    first = jobs.submit(long_request)
    text = CorpusSpec.from_dict({**long_request.corpus.to_dict(), "length": 64})
    second = jobs.submit(ProfileRequest(long_request.model, text))
    jobs.cancel(second.id)
    jobs.cancel(first.id)
    assert jobs.wait(second.id).status == "cancelled"
    assert jobs.wait(first.id).status == "cancelled"
    assert store.units(second.id) == []


def test_ctrl_c_cancels_what_is_waited_for(store: Store, jobs: Jobs, long_request: ProfileRequest) -> None:
    run = jobs.submit(long_request)
    pressed = []

    def press(run: Run, _progress: object) -> None:
        if len(store.units(run.id)) >= 1 and not pressed:
            pressed.append(True)
            raise KeyboardInterrupt

    assert jobs.wait(run.id, press).status == "cancelled"
    assert pressed


def test_a_second_ctrl_c_leaves_the_wait(store: Store, long_request: ProfileRequest, workers: str) -> None:
    run = store.start_run(long_request.run_id(), long_request.kind, long_request.to_dict(), {"scheduler": workers})
    assert run is not None
    jobs = Jobs(store, workers)
    cancelled: list[str] = []
    jobs.cancel = cancelled.append  # type: ignore[method-assign]

    def press(_run: Run, _progress: object) -> None:  # nobody works on it
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        jobs.wait(run.id, press)
    assert cancelled == [run.id]
    jobs.close()


def test_a_killed_worker_is_replaced_and_the_job_goes_on_by_itself(
    store: Store, jobs: Jobs, workers: str, long_request: ProfileRequest
) -> None:
    client = jobs._connections[workers]._client
    ((address, pid),) = client.run(os.getpid).items()
    run = jobs.submit(long_request)
    until(lambda: len(store.units(run.id)) >= 3)
    os.kill(pid, signal.SIGKILL)
    kept = finished_files(store, run)
    done = jobs.wait(run.id)
    assert done.attempt == 1, "nobody had to start it again"
    assert_done_without_doing_twice(store, done, kept)
    assert address not in client.scheduler_info()["workers"]


def test_a_scheduler_that_is_gone_interrupts_the_job_which_goes_on_elsewhere(
    store: Store, workers: str, long_request: ProfileRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = Jobs.connect(store)  # none is there: one is started in a process of its own
    owner = announced_by(store)
    assert owner is not None
    try:
        run = jobs.submit(long_request)
        other_page = Jobs.connect(store)
        assert (other_page.submit(long_request).attempt, announced_by(store)) == (1, owner), "workers and job are found"
        until(lambda: len(store.units(run.id)) >= 3)
        children = psutil.Process(owner).children(recursive=True)
    finally:
        os.kill(owner, signal.SIGKILL)
    until(lambda: jobs.follow(run.id).ended)
    lost = store.run(run.id)
    assert (lost.status, lost.seconds is not None) == ("interrupted", True)
    assert "The worker process was lost" in (lost.error or "")
    assert psutil.wait_procs(children, timeout=10)[1] == []
    assert jobs.progress(run.id) is None
    jobs.cancel(run.id)  # nobody is there to hear it
    kept = finished_files(store, run)

    monkeypatch.setenv("AVSS_SCHEDULER", workers)
    again = jobs.submit(long_request)
    assert again.attempt == 2
    assert_done_without_doing_twice(store, jobs.wait(run.id), kept)
    assert other_page.follow(run.id).status == "done"
    jobs.close()
    other_page.close()


def test_a_run_that_was_cancelled_and_deleted_can_be_asked_for_again(
    store: Store, jobs: Jobs, tmp_path: Path, tiny_model: Path
) -> None:
    text = CorpusSpec(str(write_documents(tmp_path / "text.jsonl", 4, 100)), part="all")
    request = ProfileRequest(ModelSpec(str(tiny_model)), text)
    run = jobs.submit(request)
    jobs.cancel(run.id)
    jobs.wait(run.id)
    store.delete_run(run.id)
    assert jobs.wait(jobs.submit(request).id).status == "done"


def test_a_run_that_was_left_behind_is_taken_up(store: Store, jobs: Jobs, tmp_path: Path, tiny_model: Path) -> None:
    text = CorpusSpec(str(write_documents(tmp_path / "text.jsonl", 4, 100)), part="all")
    request = ProfileRequest(ModelSpec(str(tiny_model)), text)
    left = store.start_run(request.run_id(), request.kind, request.to_dict(), {"scheduler": "tcp://127.0.0.1:9"})
    assert left is not None
    store.update_run(left.id, 1, status="running")  # by a process that was switched off
    run = jobs.wait(jobs.submit(request).id)
    assert (run.status, run.attempt) == ("done", 2)
