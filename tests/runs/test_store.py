"""What the store keeps, and who of several callers gets what."""

from __future__ import annotations

import json
import multiprocessing
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from avss_core.errors import RunError, SettingError
from avss_core.runs import Run, Store
from avss_core.runs.export import export_run

SPEC = {"model": {"source": "default"}, "corpus": {"source": "sample:essays"}}
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "runs.db"))


def started(store: Store, run_id: str = "a" * 16) -> Run:
    run = store.start_run(run_id, "profile", SPEC)
    assert run is not None
    return run


def write_text(text: str) -> Any:
    return lambda path: path.write_text(text)


def test_a_run_is_entered_once_and_ends_as_it_was_closed(store: Store) -> None:
    run = started(store)
    assert (run.status, run.attempt, run.spec, run.facts, run.n_units) == ("waiting", 1, SPEC, {}, None)
    assert store.start_run(run.id, "profile", SPEC) is None

    assert store.update_run(run.id, 1, status="running", n_units=3)
    store.add_facts(run.id, 1, blocks=4)
    store.add_facts(run.id, 1, tokens=100)
    assert store.end_run(run.id, 1, "done")

    done = store.run(run.id)
    assert (done.status, done.ended, done.n_units, done.error) == ("done", True, 3, None)
    assert done.facts == {"blocks": 4, "tokens": 100}
    assert done.seconds == pytest.approx((done.finished or 0) - done.created, abs=1e-3)
    assert store.start_run(run.id, "profile", SPEC) is None, "what is done is not started again"


def test_an_attempt_that_was_given_up_changes_nothing_any_more(store: Store) -> None:
    first = started(store)
    assert store.end_run(first.id, 1, "interrupted", "The worker process was lost.", unless_ended=True)
    second = store.start_run(first.id, "profile", SPEC, {"scheduler": "tcp://127.0.0.1:1"})
    assert second is not None
    assert (second.attempt, second.status, second.error, second.seconds) == (2, "waiting", None, None)
    assert second.facts == {"scheduler": "tcp://127.0.0.1:1"}
    assert second.created >= first.created

    assert not store.update_run(first.id, 1, status="running")
    store.add_facts(first.id, 1, blocks=99)
    assert not store.end_run(first.id, 1, "done")
    assert store.run(first.id) == second


def test_losing_a_run_leaves_the_end_alone_that_it_has(store: Store) -> None:
    run = started(store)
    store.end_run(run.id, 1, "done")
    assert not store.end_run(run.id, 1, "interrupted", "lost", unless_ended=True)
    assert store.run(run.id).status == "done"


def test_runs_are_found_by_the_first_letters_of_their_id(store: Store) -> None:
    for run_id in ("abc1", "abd2", "ab", "50%_"):
        started(store, run_id)
    assert store.run("abc").id == "abc1"
    assert store.run("ab").id == "ab", "a whole id is never taken for the beginning of another"
    assert store.find_run("abc") is None
    with pytest.raises(RunError, match="More than one run begins with 'a'"):
        store.run("a")
    for nothing in ("xyz", "", "%", "ab_"):
        with pytest.raises(RunError, match="There is no run"):
            store.run(nothing)


def test_the_newest_runs_come_first(store: Store) -> None:
    for run_id in "abc":
        started(store, run_id)
    store.end_run("a", 1, "failed", "…")
    store.start_run("a", "profile", SPEC)
    assert store.start_run("d", "evaluate", SPEC) is not None
    assert [run.id for run in store.runs()] == ["d", "a", "c", "b"]
    assert [run.id for run in store.runs("profile", limit=2)] == ["a", "c"]
    assert len(store.runs(limit=None)) == 4


def test_units_are_kept_with_their_files(store: Store) -> None:
    run = started(store)
    store.add_unit(run.id, 1, 10, 0.5, write_text("one"))
    store.add_unit(run.id, 0, 20, 0.25, write_text("zero"))
    store.add_unit(run.id, 1, 11, 0.75, write_text("one again"))
    units = store.units(run.id)
    assert [(unit.number, unit.tokens, unit.seconds) for unit in units] == [(0, 20, 0.25), (1, 11, 0.75)]
    assert [store.path_of(unit.file).read_text() for unit in units] == ["zero", "one again"]
    assert not list(store.folder.rglob("*.partial"))


def test_a_unit_that_could_not_be_written_is_not_entered(store: Store) -> None:
    run = started(store)

    def fail_half_way(path: Path) -> None:
        path.write_text("half")
        raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError):
        store.add_unit(run.id, 0, 10, 0.5, fail_half_way)
    assert store.units(run.id) == []
    assert list((store.folder / run.id).iterdir()) == []


@pytest.mark.parametrize("lost", ["unit", "evaluation"])
def test_a_run_that_is_done_is_taken_up_again_when_a_file_of_it_is_gone(store: Store, lost: str) -> None:
    run = started(store)
    store.add_unit(run.id, 0, 10, 0.5, write_text("zero"))
    store.add_evaluation("k", run.id, (0, 2), {"value": 1.0}, pd.DataFrame({"document": [0]}))
    assert store.find_done(run.id) is None
    store.end_run(run.id, 1, "done")
    assert store.find_done(run.id) == store.run(run.id)
    assert store.start_run(run.id, "profile", SPEC) is None
    file = store.units(run.id)[0].file if lost == "unit" else store.evaluations_of(run.id)[0]["file"]
    store.path_of(file).unlink()
    assert store.find_done(run.id) is None
    again = store.start_run(run.id, "profile", SPEC)
    assert again is not None
    assert (again.attempt, again.status) == (2, "waiting")


def test_evaluations_are_found_by_their_content_hash(store: Store) -> None:
    run = started(store)
    examples = pd.DataFrame({"document": [0, 1], "nll": [1.5, 2.5], "tokens": [3, 4]})
    assert store.evaluation("k") is None
    store.add_evaluation("k", run.id, (0, 2), {"value": 1.0}, examples)
    kept = store.evaluation("k")
    assert kept is not None
    assert store.has_evaluation("k")
    assert (kept.run, kept.result) == (run.id, {"value": 1.0})
    pd.testing.assert_frame_equal(kept.examples, examples)

    (entry,) = store.evaluations_of(run.id)
    assert (entry["key"], entry["kept"]) == ("k", [0, 2])
    store.path_of(entry["file"]).unlink()
    assert store.evaluation("k") is None, "an evaluation whose file is gone has to be done again"
    store.add_evaluation("k", run.id, (0, 2), {"value": 2.0}, examples)
    again = store.evaluation("k")
    assert again is not None
    assert again.result == {"value": 2.0}


def test_deleting_takes_everything_of_a_run_and_nothing_of_others(store: Store) -> None:
    examples = pd.DataFrame({"document": [0], "nll": [1.0], "tokens": [1]})
    for run_id in ("aa", "bb"):
        started(store, run_id)
        store.add_unit(run_id, 0, 1, 0.1, write_text(run_id))
        store.add_evaluation(f"key-{run_id}", run_id, (0,), {}, examples)
    with pytest.raises(RunError, match="Run aa is waiting; cancel it first"):
        store.delete_run("aa")

    store.end_run("aa", 1, "cancelled", "…")
    store.delete_run("a")
    assert store.find_run("aa") is None
    assert store.units("aa") == []
    assert not store.has_evaluation("key-aa")
    assert not (store.folder / "aa").exists()
    assert store.path_of(store.units("bb")[0].file).read_text() == "bb"
    assert store.has_evaluation("key-bb")


def test_an_exported_zip_holds_what_the_store_holds(store: Store, tmp_path: Path) -> None:
    run = started(store)
    frame = pd.DataFrame({"x": [0.1, 0.2, float("nan")]})
    examples = pd.DataFrame({"document": [0], "nll": [1.0], "tokens": [1]})
    for number in range(3):
        store.add_unit(run.id, number, 1, 0.1, (frame + number).to_parquet)
    store.add_evaluation("k", run.id, (1, 2), {"value": 3.0}, examples)
    store.add_facts(run.id, 1, blocks=4)

    target = tmp_path / "out.zip"
    target.write_text("an older file, to be replaced")
    export_run(store, run.id[:4], target)
    with zipfile.ZipFile(target) as archive:
        archive.extractall(tmp_path / "out")
    told = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (told["id"], told["spec"], told["facts"]) == (run.id, SPEC, {"blocks": 4})
    for number in range(3):
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out" / f"{number:05d}.parquet"), frame + number)
    (evaluation,) = told["evaluations"]
    assert (evaluation["key"], evaluation["kept"], evaluation["result"]) == ("k", [1, 2], {"value": 3.0})
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out" / evaluation["file"]), examples)


def test_an_exported_zip_holds_what_the_work_left_beside_the_arrays(store: Store, tmp_path: Path) -> None:
    run = started(store)
    store.add_unit(run.id, 0, 1, 0.1, pd.DataFrame({"x": [1]}).to_parquet)
    folder = store.folder / run.id
    files = ("maps.npz", "adapter/adapter_model.safetensors", "model-0.1/config.json")
    for name in (*files, "model-0.1.zip", "half.partial", "00009.parquet"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    export_run(store, run.id, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert sorted(archive.namelist()) == sorted(["run.json", "00000.parquet", *files])
        assert archive.read(files[1]).decode() == files[1]


def test_an_evaluation_that_two_runs_made_stays_as_long_as_one_of_them(store: Store) -> None:
    examples = pd.DataFrame({"document": [0], "nll": [1.0], "tokens": [1]})
    for name in ("aa", "bb"):
        made = store.start_run(name, "evaluate", {})
        assert made is not None
        store.add_evaluation("shared", name, (0,), {"value": 3.0}, examples)
        store.add_evaluation(f"of-{name}", name, (1,), {"value": 4.0}, examples)
        store.end_run(name, made.attempt, "done")
    store.delete_run("bb")
    kept = store.evaluation("shared")
    assert kept is not None
    assert (kept.run, kept.result) == ("aa", {"value": 3.0})
    pd.testing.assert_frame_equal(kept.examples, examples)
    assert not store.has_evaluation("of-bb")
    store.delete_run("aa")
    assert not store.has_evaluation("shared")


def test_what_was_made_from_a_run_goes_with_it(store: Store) -> None:
    for name, spec in (("aa", {}), ("bb", {"healing": "aa"}), ("cc", {"healing": "dd"}), ("ee", {"healing": "aa"})):
        made = store.start_run(name, "export", spec)
        assert made is not None
        if name != "ee":
            store.end_run(name, made.attempt, "done")
    store.delete_run("aa")
    assert {run.id for run in store.runs()} == {"cc", "ee"}, "what is under way is left alone"


def test_an_export_that_cannot_be_made_says_why(store: Store, tmp_path: Path) -> None:
    run = started(store)
    store.add_unit(run.id, 0, 1, 0.1, write_text("x"))
    with pytest.raises(SettingError, match=r"cannot be written .*give another --to"):
        export_run(store, run.id, tmp_path / "no folder" / "out.zip")
    store.path_of(store.units(run.id)[0].file).unlink()
    with pytest.raises(RunError, match=r"00000\.parquet of run a+ is gone"):
        export_run(store, run.id, tmp_path / "out.zip")
    assert not list(tmp_path.glob("out.zip*"))


@pytest.mark.parametrize("folder", [".", "/", ".."])
def test_an_export_is_not_written_in_the_place_of_a_folder(store: Store, folder: str) -> None:
    run = started(store)
    with pytest.raises(SettingError, match=rf"is a folder; name a zip file, such as .*{run.id}\.zip, as --to"):
        export_run(store, run.id, Path(folder))


def test_an_export_that_is_broken_off_leaves_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    run = started(store)
    store.add_unit(run.id, 0, 1, 0.1, write_text("x"))
    monkeypatch.setattr(zipfile.ZipFile, "write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export_run(store, run.id, tmp_path / "out.zip")
    assert not list(tmp_path.glob("out.zip*"))


def _write_from_another_process(url: str, name: int, barrier: Any, got: Any) -> None:
    barrier.wait()
    store = Store(url)  # the first one makes the tables
    got.put(store.start_run("shared", "profile", SPEC) is not None)
    for number in range(5):
        store.add_facts("shared", 1, **{f"fact-{name}-{number}": number})
        store.add_unit("shared", 100 * name + number, 1, 0.1, lambda path: path.write_text("x"))


def test_several_processes_at_once_make_one_store_and_lose_nothing(tmp_path: Path) -> None:
    url = str(tmp_path / "new" / "runs.db")
    barrier, got = SPAWN.Barrier(3), SPAWN.Queue()
    writers = [SPAWN.Process(target=_write_from_another_process, args=(url, n, barrier, got)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert sorted(got.get(timeout=5) for _ in writers) == [False, False, True]
    store = Store(url)
    assert len(store.units("shared")) == 15
    assert len(store.run("shared").facts) == 15
    with sqlite3.connect(store.folder.with_name("runs.db")) as connection:
        assert connection.execute("SELECT count(*) FROM store_version").fetchone() == (1,)
