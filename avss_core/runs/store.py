"""What is kept: runs, their finished units, evaluations. SQLite or any SQLAlchemy URL; arrays as Parquet files."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import CompoundSelect, Connection, Select, Table, and_, delete, select, update
from sqlalchemy.exc import IntegrityError

from avss_core.errors import ResourceError, RunError
from avss_core.runs.database import arrays_folder, default_url, explained, open_database, read_url
from avss_core.runs.run import ENDED, Kept, Run, Status, Unit
from avss_core.runs.schema import evaluations, hand_labels, runs, units

_MADE_FROM = "healing"  # the field of a spec that names the run whose files were read
_KEYS_AT_ONCE = 500  # what every database takes in one question


class Store:
    """A database and a folder of Parquet files; safe for several processes at once.

    Every method raises SettingError when database or folder cannot be used, ResourceError when the disk is full.
    """

    def __init__(self, url: str | None = None) -> None:
        """Open (and make, when it is not there) the store at `url`; a plain path means a SQLite file.

        `AVSS_ARRAYS` names the folder, else `arrays_folder`.
        """
        self._url = read_url(default_url() if url is None else url)
        self.url = self._url.render_as_string(hide_password=False)
        with explained(self._url):
            self._engine = open_database(self._url)
            self.folder = arrays_folder(self._url, has_runs=bool(self.runs(limit=1)))
        with explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)

    def __str__(self) -> str:
        """Where it is, without a password."""
        return str(self._url)

    def start_run(
        self, run_id: str, kind: str, spec: dict[str, Any], facts: dict[str, Any] | None = None
    ) -> Run | None:
        """Enter a run as waiting, or take up again one that ended without being done, as a new attempt.

        One that is done is taken up as well where a file of it is gone. facts: what is known of the attempt from the
        start; those of an earlier one are forgotten. None when it is done, or when an attempt is under way: of several
        callers at once, one gets the run.
        """
        asked = {"kind": kind, "status": "waiting", "spec": spec, "facts": facts or {}, "created": time.time()}
        try:
            with self._writing() as connection:
                row = connection.execute(select(runs).where(runs.c.id == run_id).with_for_update()).mappings().first()
                if row is None:
                    connection.execute(runs.insert().values(id=run_id, attempt=1, **asked))
                elif self._stands(there := Run.from_row(dict(row)), connection):
                    return None
                else:
                    again = {"attempt": there.attempt + 1, "finished": None, "seconds": None, "error": None}
                    connection.execute(update(runs).where(runs.c.id == run_id).values(**asked, **again))
        except IntegrityError:  # another caller entered it between our two statements
            return None
        return self.run(run_id)

    def update_run(self, run_id: str, attempt: int, **values: Any) -> bool:
        """Change columns of a run; False, and nothing is changed, when this attempt is not the latest any more."""
        with self._writing() as connection:
            mine = (runs.c.id == run_id) & (runs.c.attempt == attempt)
            return connection.execute(update(runs).where(mine).values(**values)).rowcount > 0

    def end_run(
        self, run_id: str, attempt: int, status: Status, error: str | None = None, unless_ended: bool = False
    ) -> bool:
        """Close an attempt; `seconds` counts from when it was entered. False when it is not the latest any more.

        unless_ended: leave a run alone that has an end already.
        """
        now = time.time()
        with self._writing() as connection:
            which = (runs.c.id == run_id) & (runs.c.attempt == attempt)
            if unless_ended:
                which &= runs.c.status.not_in(ENDED)
            values = {"status": status, "error": error, "finished": now, "seconds": now - runs.c.created}
            return connection.execute(update(runs).where(which).values(**values)).rowcount > 0

    def add_facts(self, run_id: str, attempt: int, **facts: Any) -> None:
        """Add to what was found out about a run, unless this attempt is not the latest any more."""
        with self._writing() as connection:
            mine = (runs.c.id == run_id) & (runs.c.attempt == attempt)
            known = connection.scalar(select(runs.c.facts).where(mine).with_for_update())
            if known is not None:
                connection.execute(update(runs).where(mine).values(facts={**known, **facts}))

    def run(self, run_id: str) -> Run:
        """The run of this id, or the only one whose id begins so; RunError when there is none or more than one."""
        exact = self.find_run(run_id)
        if exact is not None:
            return exact
        query = select(runs).where(runs.c.id.startswith(run_id, autoescape=True)).limit(2)
        found = [Run.from_row(row) for row in self._read(query)] if run_id else []
        if len(found) != 1:
            what = f"More than one run begins with {run_id!r}" if found else f"There is no run {run_id!r}"
            raise RunError(f"{what} in {self}; `avss runs list` shows what there is.")
        return found[0]

    def find_run(self, run_id: str) -> Run | None:
        """The run of exactly this id, None when there is none."""
        return next((Run.from_row(row) for row in self._read(select(runs).where(runs.c.id == run_id))), None)

    def find_done(self, run_id: str) -> Run | None:
        """The run of exactly this id when it is done and every file of it is there; a database may be copied alone."""
        run = self.find_run(run_id)
        if run is None or run.status != "done":
            return None
        return run if self._are_there(row["file"] for row in self._read(_files_of(run_id))) else None

    def runs(self, kind: str | None = None, limit: int | None = 200) -> list[Run]:
        """Runs, newest first."""
        query = select(runs).order_by(runs.c.created.desc(), runs.c.id).limit(limit)
        return [Run.from_row(row) for row in self._read(query.where(runs.c.kind == kind) if kind else query)]

    def delete_run(self, run_id: str) -> None:
        """Forget a run and its files, its evaluations and what was labelled by hand. RunError while it is under way.

        What was made from its files (exports, evaluations, gains and texts of a healing name it in their spec) is
        forgotten as well: made again, the run has the same id, and they would be taken for its own. An evaluation that
        another run has made as well stays, as that run's.
        """
        run = self.run(run_id)
        if not run.ended:
            raise RunError(f"Run {run.id} is {run.status}; cancel it first, then delete it.")
        for made in self.runs(limit=None):
            if made.spec.get(_MADE_FROM) == run.id and made.ended:
                self.delete_run(made.id)
        elsewhere = self._made_elsewhere(run.id)
        with self._writing() as connection:
            for key, (other, file) in elsewhere.items():
                same = evaluations.c.key == key
                connection.execute(update(evaluations).where(same).values(run=other, file=file))
            connection.execute(delete(evaluations).where(evaluations.c.run == run.id))
            connection.execute(delete(units).where(units.c.run == run.id))
            connection.execute(delete(hand_labels).where(hand_labels.c.run == run.id))
            connection.execute(delete(runs).where(runs.c.id == run.id))
        if (self.folder / run.id).is_dir():
            with explained(self.folder):
                shutil.rmtree(self.folder / run.id)

    def add_unit(self, run_id: str, number: int, tokens: int, seconds: float, write: Callable[[Path], object]) -> None:
        """Keep a finished unit: `write` makes its file, then the line is entered.

        One that comes when the run is done (it ended early, with this unit under way elsewhere) is not entered: what
        has been read of a run that is done does not change.
        """
        file = f"{run_id}/{number:05d}.parquet"
        self._write_file(file, write)
        row = {"run": run_id, "number": number, "file": file, "tokens": tokens, "seconds": seconds}
        self._enter(units, row, ("run", "number"), unless_done=True)

    def units(self, run_id: str) -> list[Unit]:
        """The finished units of a run, by number."""
        query = select(units).where(units.c.run == run_id).order_by(units.c.number)
        return [Unit(**row) for row in self._read(query)]

    def path_of(self, file: str) -> Path:
        """Where a file of the store lies."""
        return self.folder / file

    def add_evaluation(
        self, key: str, run_id: str, kept: tuple[int, ...], result: dict[str, Any], examples: pd.DataFrame
    ) -> None:
        """Keep an evaluation under its content hash, with its per-document values."""
        file = f"{run_id}/evaluation-{key}.parquet"
        self._write_file(file, examples.to_parquet)
        row = {"key": key, "run": run_id, "kept": list(kept), "result": result, "file": file, "created": time.time()}
        self._enter(evaluations, row, ("key",))

    def evaluation(self, key: str) -> Kept | None:
        """What is kept under a content hash; None when nothing is."""
        row = self._evaluation_row(key)
        return None if row is None else Kept(row["run"], row["result"], pd.read_parquet(self.path_of(row["file"])))

    def results(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What is kept under content hashes, without per-document values; unknown hashes are left out."""
        wanted = list(keys)
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(wanted), _KEYS_AT_ONCE):
            known = evaluations.c.key.in_(wanted[start : start + _KEYS_AT_ONCE])
            rows = self._read(select(evaluations.c.key, evaluations.c.result).where(known))
            found |= {row["key"]: row["result"] for row in rows}
        return found

    def has_evaluation(self, key: str) -> bool:
        """Whether anything is kept under a content hash."""
        return self._evaluation_row(key) is not None

    def evaluations_of(self, run_id: str) -> list[dict[str, Any]]:
        """The evaluations that a run made: key, kept, result, file."""
        query = select(evaluations).where(evaluations.c.run == run_id).order_by(evaluations.c.key)
        return [{name: row[name] for name in ("key", "kept", "result", "file")} for row in self._read(query)]

    def set_hand_label(self, run_id: str, example: str, label: str | None) -> None:
        """Keep what a person says of an example's answer, or (None) forget it again."""
        if label is not None:
            row = {"run": run_id, "example": example, "label": label, "created": time.time()}
            self._enter(hand_labels, row, ("run", "example"))
            return
        mine = (hand_labels.c.run == run_id) & (hand_labels.c.example == example)
        with self._writing() as connection:
            connection.execute(delete(hand_labels).where(mine))

    def hand_labels(self, run_id: str) -> dict[str, str]:
        """What people have said of a run's answers: example -> label."""
        rows = self._read(select(hand_labels).where(hand_labels.c.run == run_id))
        return {row["example"]: row["label"] for row in rows}

    def _made_elsewhere(self, run_id: str) -> dict[str, tuple[str, str]]:
        """Of a run's evaluations those that another run has made as well: key -> that run, its file."""
        keys = {evaluation["key"] for evaluation in self.evaluations_of(run_id)}
        found: dict[str, tuple[str, str]] = {}
        for path in sorted(self.folder.glob("*/evaluation-*.parquet")) if keys else ():
            key, other = path.stem.removeprefix("evaluation-"), path.parent.name
            if key in keys and other != run_id and self.find_run(other) is not None:
                found[key] = other, f"{other}/{path.name}"
        return found

    def _stands(self, run: Run, connection: Connection) -> bool:
        """Whether there is nothing to start: the run is under way, or done and none of its files is gone."""
        if run.status != "done":
            return not run.ended
        return self._are_there(connection.scalars(_files_of(run.id)))

    def _are_there(self, files: Iterable[str]) -> bool:
        return all(self.path_of(file).is_file() for file in files)

    def _evaluation_row(self, key: str) -> dict[str, Any] | None:
        found = self._read(select(evaluations).where(evaluations.c.key == key))
        return next((row for row in found if self.path_of(row["file"]).is_file()), None)

    def _read(self, query: Select[Any] | CompoundSelect[Any]) -> list[dict[str, Any]]:
        with explained(self._url), self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with explained(self._url), self._engine.execution_options(writes=True).begin() as connection:
            yield connection

    def _write_file(self, file: str, write: Callable[[Path], object]) -> None:
        """Let `write` make a file of the store; it appears whole or not at all, also with two writers at once."""
        path = self.path_of(file)
        partial = path.with_name(f"{path.stem}-{uuid.uuid4().hex}.partial")
        with explained(self.folder):
            path.parent.mkdir(exist_ok=True)
            try:
                write(partial)
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)

    def _enter(self, table: Table, row: dict[str, Any], key: tuple[str, ...], unless_done: bool = False) -> None:
        """Enter a row, or put it in the place of the one with its key."""
        same = and_(*[table.c[column] == row[column] for column in key])
        # An IntegrityError says that another process entered the same result between our two statements.
        with suppress(IntegrityError), self._writing() as connection:
            status = connection.scalar(select(runs.c.status).where(runs.c.id == row["run"]))
            if status is None:
                raise ResourceError(f"Run {row['run']} is not in the store any more, so its result is not kept.")
            if unless_done and status == "done":
                return
            connection.execute(delete(table).where(same))
            connection.execute(table.insert().values(**row))


def _files_of(run_id: str) -> CompoundSelect[Any]:
    """The files of a run's units and evaluations."""
    of_units = select(units.c.file).where(units.c.run == run_id)
    return of_units.union_all(select(evaluations.c.file).where(evaluations.c.run == run_id))
