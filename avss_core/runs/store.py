"""What is kept: runs, their finished units, evaluations. SQLite by default, any SQLAlchemy URL; arrays as Parquet files."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from platformdirs import user_data_path
from sqlalchemy import create_engine, delete, event, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, OperationalError

from avss_core.errors import ResourceError, RunError, SettingError
from avss_core.runs.run import Run, Status, Unit
from avss_core.runs.schema import bring_up_to_date, evaluations, runs, units


def default_url() -> str:
    """`AVSS_STORE` where it is set, else a SQLite file in the user's data folder."""
    return os.environ.get("AVSS_STORE") or f"sqlite:///{user_data_path('avss') / 'avss.db'}"


class Store:
    """A database and a folder of Parquet files; safe for several processes at once."""

    def __init__(self, url: str | None = None) -> None:
        """Open (and make, when it is not there) the store at `url`; a plain path means a SQLite file.

        Raises SettingError when the URL cannot be used. For a database that is not SQLite, `AVSS_ARRAYS` names the folder.
        """
        self.url = _as_url(url or default_url())
        self.folder = _arrays_folder(self.url)
        try:
            with _explained(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
                self._engine = create_engine(self.url)
                if self._engine.dialect.name == "sqlite":
                    event.listen(self._engine, "connect", _prepare_sqlite)
                bring_up_to_date(self._engine)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, OperationalError) as error:
            raise SettingError(f"The store {self.url} cannot be opened ({_first_line(error)}); give another --store.") from error

    def start_run(self, run_id: str, kind: str, spec: dict[str, Any]) -> Run:
        """Enter a run as waiting, or take up one of the same id that has ended without being done."""
        row = {"id": run_id, "kind": kind, "status": "waiting", "spec": spec, "facts": {}, "created": time.time()}
        try:
            with _explained(self.folder), self._engine.begin() as connection:
                connection.execute(runs.insert().values(**row))
        except IntegrityError:
            there = self.run(run_id)
            if there.ended and there.status != "done":
                self.update_run(run_id, status="waiting", error=None, finished=None)
        return self.run(run_id)

    def update_run(self, run_id: str, **values: Any) -> None:
        """Change columns of a run."""
        with _explained(self.folder), self._engine.begin() as connection:
            connection.execute(update(runs).where(runs.c.id == run_id).values(**values))

    def end_run(self, run_id: str, status: Status, error: str | None = None) -> None:
        """Close a run; `seconds` counts from when it was entered."""
        now = time.time()
        self.update_run(run_id, status=status, error=error, finished=now, seconds=now - self.run(run_id).created)

    def add_facts(self, run_id: str, **facts: Any) -> None:
        """Add to what was found out about a run."""
        self.update_run(run_id, facts={**self.run(run_id).facts, **facts})

    def run(self, run_id: str) -> Run:
        """The run of this id, or the only one whose id begins so; RunError when there is none or more than one."""
        with self._engine.connect() as connection:
            query = select(runs).where(runs.c.id.startswith(run_id, autoescape=True)).limit(2)
            found = [Run.from_row(row) for row in connection.execute(query).mappings()]
        if len(found) != 1 or not run_id:
            what = f"There is no run {run_id!r}" if not found else f"More than one run begins with {run_id!r}"
            raise RunError(f"{what} in {self.url}; `avss runs list` shows what there is.")
        return found[0]

    def find_run(self, run_id: str) -> Run | None:
        """The run of exactly this id, None when there is none."""
        with self._engine.connect() as connection:
            row = connection.execute(select(runs).where(runs.c.id == run_id)).mappings().first()
        return None if row is None else Run.from_row(row)

    def runs(self, kind: str | None = None, limit: int = 200) -> list[Run]:
        """Runs, newest first."""
        query = select(runs).order_by(runs.c.created.desc()).limit(limit)
        if kind:
            query = query.where(runs.c.kind == kind)
        with self._engine.connect() as connection:
            return [Run.from_row(row) for row in connection.execute(query).mappings()]

    def delete_run(self, run_id: str) -> None:
        """Forget a run and its files; evaluations that it made are forgotten too."""
        run = self.run(run_id)
        with self._engine.begin() as connection:
            connection.execute(delete(evaluations).where(evaluations.c.run == run.id))
            connection.execute(delete(units).where(units.c.run == run.id))
            connection.execute(delete(runs).where(runs.c.id == run.id))
        shutil.rmtree(self.folder / run.id, ignore_errors=True)

    def add_unit(self, run_id: str, number: int, tokens: int, seconds: float, write: Callable[[Path], None]) -> None:
        """Keep a finished unit: `write` makes its file, then the line is entered. A unit that is there is left alone."""
        file = f"{run_id}/{number:05d}.parquet"
        with _explained(self.folder):
            (self.folder / run_id).mkdir(exist_ok=True)
            write(self.folder / file)
            try:
                with self._engine.begin() as connection:
                    row = {"run": run_id, "number": number, "file": file, "tokens": tokens, "seconds": seconds}
                    connection.execute(units.insert().values(**row))
            except IntegrityError:
                return

    def units(self, run_id: str) -> list[Unit]:
        """The finished units of a run, by number."""
        query = select(units).where(units.c.run == run_id).order_by(units.c.number)
        with self._engine.connect() as connection:
            return [Unit(**row) for row in connection.execute(query).mappings()]

    def path_of(self, file: str) -> Path:
        """Where a file of the store lies."""
        return self.folder / file

    def add_evaluation(
        self, key: str, run_id: str, kept: tuple[int, ...], result: dict[str, Any], examples: pd.DataFrame
    ) -> None:
        """Keep an evaluation under its content hash, with its per-document values."""
        file = f"{run_id}/evaluation-{key}.parquet"
        row = {"key": key, "run": run_id, "kept": list(kept), "result": result, "file": file, "created": time.time()}
        with _explained(self.folder):
            (self.folder / run_id).mkdir(exist_ok=True)
            examples.to_parquet(self.folder / file)
            try:
                with self._engine.begin() as connection:
                    connection.execute(evaluations.insert().values(**row))
            except IntegrityError:
                return

    def evaluation(self, key: str) -> tuple[dict[str, Any], pd.DataFrame] | None:
        """What is kept under a content hash: the result and its per-document values; None when nothing is."""
        with self._engine.connect() as connection:
            row = connection.execute(select(evaluations).where(evaluations.c.key == key)).mappings().first()
        return None if row is None else (row["result"], pd.read_parquet(self.folder / row["file"]))


def _as_url(text: str) -> str:
    """A database URL whose file, where it has one, is absolute: workers have another working directory."""
    if "://" not in text:
        return f"sqlite:///{Path(text).expanduser().absolute()}"
    prefix = "sqlite:///"
    if text.startswith(prefix) and text != f"{prefix}:memory:":
        return prefix + str(Path(text.removeprefix(prefix)).expanduser().absolute())
    return text


def _arrays_folder(url: str) -> Path:
    if "AVSS_ARRAYS" in os.environ:
        return Path(os.environ["AVSS_ARRAYS"])
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SettingError(f"The store {url!r} is not a database URL such as sqlite:///runs.db ({_first_line(error)}).") from error
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        return Path(parsed.database).with_suffix(".arrays")
    return user_data_path("avss") / "arrays"


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Readers do not wait for a writer, and a writer waits for another up to 30 s."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA busy_timeout=30000")


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Say in one sentence that the disk is full or the folder cannot be written."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ResourceError(f"The disk that holds {folder} is full; free some space, then start the job again.") from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise SettingError(f"The folder {folder} cannot be written; give another --store.") from error
        raise
    except OperationalError as error:
        if "disk is full" in str(error):
            raise ResourceError(f"The disk that holds {folder} is full; free some space, then start the job again.") from error
        raise


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
