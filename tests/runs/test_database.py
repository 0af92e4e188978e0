"""Which database is meant, how an older one is brought up to date, and what is said when one cannot be used."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import make_url
from sqlalchemy.schema import CreateTable

from avss_core.errors import AvssError, ResourceError, SettingError
from avss_core.runs import Store, database, default_url, schema

ROOT = Path(__file__).parents[2]

# The tables of version 1, as they were: a step is tested against what it will meet, not against today's tables.
VERSION_1 = """
CREATE TABLE store_version (version INTEGER NOT NULL PRIMARY KEY);
CREATE TABLE runs (id VARCHAR(32) NOT NULL PRIMARY KEY, kind VARCHAR(32) NOT NULL, status VARCHAR(16) NOT NULL,
    spec JSON NOT NULL, facts JSON NOT NULL, n_units INTEGER, created FLOAT NOT NULL, finished FLOAT, seconds FLOAT,
    error TEXT);
CREATE TABLE units (run VARCHAR(32) NOT NULL, number INTEGER NOT NULL, file VARCHAR(256) NOT NULL,
    tokens INTEGER NOT NULL, seconds FLOAT NOT NULL, PRIMARY KEY (run, number));
CREATE TABLE evaluations (key VARCHAR(32) NOT NULL PRIMARY KEY, run VARCHAR(32) NOT NULL, kept JSON NOT NULL,
    result JSON NOT NULL, file VARCHAR(256) NOT NULL, created FLOAT NOT NULL);
INSERT INTO store_version VALUES (1);
INSERT INTO runs VALUES ('old', 'profile', 'cancelled', '{"a": 1}', '{"blocks": 4}', 2, 100.0, 101.0, 1.0, 'stopped');
INSERT INTO units VALUES ('old', 0, 'old/00000.parquet', 10, 0.5);
"""


def old_store(path: Path, script: str = VERSION_1) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return path


def test_a_store_of_version_1_keeps_its_runs_and_learns_the_rest(tmp_path: Path) -> None:
    path = old_store(tmp_path / "old.db")
    run = Store(str(path)).run("old")
    assert (run.status, run.attempt, run.spec, run.facts, run.error) == (
        "cancelled",
        1,
        {"a": 1},
        {"blocks": 4},
        "stopped",
    )
    store = Store(str(path))  # a second time, nothing is left to do
    again = store.start_run("old", "profile", {"a": 1})
    assert again is not None
    assert again.attempt == 2
    assert [unit.number for unit in store.units("old")] == [0]
    with sqlite3.connect(path) as connection:
        versions = [version for (version,) in connection.execute("SELECT version FROM store_version ORDER BY 1")]
    assert versions == [1, 2, 3]


def test_an_older_store_has_the_same_columns_as_a_new_one(tmp_path: Path) -> None:
    Store(str(old_store(tmp_path / "old.db")))
    Store(str(tmp_path / "new.db"))
    columns = []
    for name in ("old.db", "new.db"):
        with sqlite3.connect(tmp_path / name) as connection:
            tables = ("runs", "units", "evaluations", "hand_labels", "store_version")
            columns.append(
                {table: {row[1] for row in connection.execute(f"PRAGMA table_info({table})")} for table in tables}
            )
    assert columns[0] == columns[1]


def test_times_are_of_double_precision_everywhere() -> None:
    """The single precision of MySQL's FLOAT tells today's seconds since the epoch apart by minutes."""
    for table in schema.metadata.sorted_tables:
        assert " FLOAT" not in str(CreateTable(table).compile(dialect=mysql.dialect())), table.name
    assert "created DOUBLE NOT NULL" in str(CreateTable(schema.runs).compile(dialect=mysql.dialect()))


def test_a_step_that_fails_leaves_the_store_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE half_way (x INTEGER)"))
        raise RuntimeError("broken")

    path = old_store(tmp_path / "old.db")
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, broken])
        with pytest.raises(RuntimeError):
            Store(str(path))
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT max(version) FROM store_version").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half_way'").fetchone() == (0,)
    assert Store(str(path)).run("old").attempt == 1


def test_a_store_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    newer = VERSION_1.replace("INSERT INTO store_version VALUES (1)", "INSERT INTO store_version VALUES (99)")
    with pytest.raises(SettingError, match=r"newer version .*tables 99.*update the program"):
        Store(str(old_store(tmp_path / "newer.db", newer)))


@pytest.mark.parametrize("name", ["runs.db", "sqlite:///runs.db", "sqlite+pysqlite:///runs.db"])
def test_relative_paths_are_made_absolute(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store(name)
    monkeypatch.chdir("/")
    assert store.url.endswith(f":///{tmp_path / 'runs.db'}")
    assert store.folder == tmp_path / "runs.db.arrays"
    assert Store(store.url).runs() == [], "another process opens the same store by its URL"
    assert (tmp_path / "runs.db").is_file()


def test_the_home_folder_and_odd_names_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Store("~/my runs?#%20.db").folder == tmp_path / "my runs?#%20.db.arrays"
    assert Store(Store("~/my runs?#%20.db").url).url == Store("~/my runs?#%20.db").url
    assert (tmp_path / "my runs?#%20.db").is_file()


def test_where_a_store_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVSS_STORE", str(tmp_path / "named.db"))
    assert default_url() == str(tmp_path / "named.db")
    monkeypatch.setenv("AVSS_ARRAYS", str(tmp_path / "elsewhere"))
    assert Store().folder == tmp_path / "elsewhere"
    monkeypatch.delenv("AVSS_STORE")
    assert Path(default_url()).is_absolute()


def store_with_a_unit(path: Path) -> Store:
    store = Store(str(path))
    run = store.start_run("aa", "profile", {})
    assert run is not None
    store.add_unit("aa", 0, 1, 0.1, lambda file: file.write_text(path.name))
    store.end_run("aa", 1, "done")
    return store


def test_no_two_stores_share_a_folder(tmp_path: Path) -> None:
    stores = [store_with_a_unit(tmp_path / name) for name in ("runs.db", "runs.bak", "runs")]
    assert len({store.folder for store in stores}) == 3
    stores[1].delete_run("aa")
    for store, name in ((stores[0], "runs.db"), (stores[2], "runs")):
        assert store.path_of(store.units("aa")[0].file).read_text() == name


@pytest.mark.parametrize("name", ["runs.db", "runs.sqlite"])
def test_a_store_that_was_begun_without_a_folder_of_its_own_keeps_the_one_it_has(tmp_path: Path, name: str) -> None:
    older = store_with_a_unit(tmp_path / name)
    older._engine.dispose()
    older.folder.rename(tmp_path / "runs.arrays")
    for _ in range(2):
        assert Store(str(tmp_path / name)).folder == tmp_path / "runs.arrays"
    assert Store(str(tmp_path / name)).find_done("aa") is not None
    beside = "runs.bak" if name == "runs.db" else "runs.db"
    if name == "runs.db":
        shutil.copy(tmp_path / name, tmp_path / beside)
    assert Store(str(tmp_path / beside)).folder == tmp_path / f"{beside}.arrays"
    assert Store(str(tmp_path / name)).folder == tmp_path / "runs.arrays", "whatever lies beside it"


def test_every_database_on_a_server_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def folder(url: str, has_runs: bool = False) -> Path:
        return database.arrays_folder(make_url(url), has_runs)

    monkeypatch.setattr(database, "user_data_path", lambda *_, **__: tmp_path)
    one = folder("postgresql://me:secret@host/one")
    assert one.parent == tmp_path
    assert folder("postgresql+psycopg://me:changed@host/one") == one
    assert len({one, *(folder(f"{name}://me@host/two") for name in ("postgresql", "mysql"))}) == 3
    assert folder("postgresql://host/one", has_runs=True) == one
    (tmp_path / "arrays").mkdir()
    assert folder("postgresql://host/one", has_runs=True) == tmp_path / "arrays", "it has written there before"
    assert folder("postgresql://host/one") == one
    folder("postgresql://host/two").mkdir()
    assert folder("postgresql://host/two", has_runs=True) == folder("postgresql://host/two")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", r"name is empty.*--store"),
        ("sqlite://", r"in memory cannot be shared"),
        ("sqlite:///:memory:", r"in memory cannot be shared"),
        ("sqlite:///file:x?mode=memory&uri=true", r"in memory cannot be shared"),
        ("nosuch://host/name", r"cannot be opened .*nosuch.*another --store"),
        ("://", r"is not a database URL"),
        ("postgresql+nosuchdriver://user:secret@host/name", r"cannot be opened .*another --store"),
        ("sqlite:////proc/nowhere/runs.db", r"cannot be used .*another --store"),
        ("/dev/null/runs.db", r"/dev/null/runs\.db cannot be opened .*another --store"),
    ],
)
def test_what_is_no_store_is_said_in_one_sentence(url: str, sentence: str) -> None:
    with pytest.raises(SettingError, match=sentence) as caught:
        Store(url)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "letter.db").write_text("Dear database, " * 100)
    with pytest.raises(SettingError, match=r"cannot be opened \(file is not a database\); give another --store"):
        Store(str(tmp_path / "letter.db"))


NOBODY = 65534
AS_NOBODY = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from avss_core.errors import AvssError
from avss_core.runs import Store
os.setuid({NOBODY})
try:
    store = Store(sys.argv[1])
    store.start_run("a", "profile", {{}})
except AvssError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.skipif(not hasattr(os, "setuid") or os.getuid() != 0, reason="only root can become a user without rights")
@pytest.mark.parametrize("there", ["nothing", "a store"])
def test_a_folder_that_cannot_be_written_is_said_in_one_sentence(there: str, tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    path = tmp_path / "runs.db"
    if there == "a store":
        Store(str(path))
    done = subprocess.run([sys.executable, "-c", AS_NOBODY, str(path)], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.startswith("SettingError ")
    assert str(path.with_suffix("")) in done.stdout
    assert "give another --store" in done.stdout
    assert done.stdout.count("\n") == 1


def test_a_full_disk_under_the_database_is_said_in_one_sentence(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "runs.db"))
    store.start_run("a", "profile", {})

    def no_more_pages(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # SQLite then says what it says on a full disk

    event.listen(store._engine, "connect", no_more_pages)
    store._engine.dispose()
    with pytest.raises(ResourceError, match=r"disk that holds .*runs\.db is full; free some space"):
        store.add_facts("a", 1, long="x" * 1_000_000)
    store._engine.dispose()
    event.remove(store._engine, "connect", no_more_pages)
    assert store.run("a").facts == {}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_under_the_arrays_is_said_in_one_sentence(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "runs.db"))
    store.start_run("a", "profile", {})
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=10_000)})

    def write(path: Path) -> None:
        path.symlink_to("/dev/full")
        frame.to_parquet(path)

    with pytest.raises(ResourceError, match=r"disk that holds .*runs\.db\.arrays is full; free some space"):
        store.add_unit("a", 0, 1, 0.1, write)
    assert store.units("a") == []
    assert list((store.folder / "a").iterdir()) == []


def test_a_lock_that_is_never_let_go_is_said_in_one_sentence(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "runs.db"))

    def impatient(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA busy_timeout = 50")

    event.listen(store._engine, "connect", impatient)
    store._engine.dispose()
    with sqlite3.connect(tmp_path / "runs.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(AvssError, match=r"runs\.db cannot be used \(database is locked\)"):
            store.start_run("a", "profile", {})
        assert store.runs() == [], "readers do not wait"
        other.execute("ROLLBACK")
    assert store.start_run("a", "profile", {}) is not None
