"""The database under a store: where it lies, how it is opened, and its troubles in one sentence each."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from platformdirs import user_data_path
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError

from avss_core.errors import AvssError, ResourceError, SettingError
from avss_core.hashing import content_hash
from avss_core.paths import looked_at
from avss_core.runs.schema import bring_up_to_date

_WAIT_FOR_OTHER_WRITERS = 30  # seconds
_ROOM = "free some space, then start the job again"


def default_url() -> str:
    """`AVSS_STORE` where it is set, else a SQLite file in the user's data folder."""
    return os.environ.get("AVSS_STORE") or str(user_data_path("avss", appauthor=False) / "avss.db")


def read_url(text: str) -> URL:
    """A database URL, or the path of a SQLite file, made absolute: workers have another working directory.

    Raises SettingError for what is neither, and for a database in memory, which no other process can see.
    """
    if not text.strip():
        raise SettingError("The store's name is empty; give a file such as runs.db, or a database URL, as --store.")
    if "://" not in text:
        return URL.create("sqlite", database=_absolute(text))
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise SettingError(
            f"The store {text!r} is not a database URL such as sqlite:///runs.db ({_first_line(error)}); "
            "give another --store."
        ) from error
    if url.get_backend_name() != "sqlite":
        return url
    if not url.database or ":memory:" in url.database or "mode=memory" in text:
        raise SettingError(
            "A store in memory cannot be shared with the workers; give a file such as runs.db as --store."
        )
    return url if url.database.startswith("file:") else url.set(database=_absolute(url.database))


def arrays_folder(url: URL, has_runs: bool) -> Path:
    """Where the Parquet files lie: `AVSS_ARRAYS`, else beside the SQLite file, else in the user's data folder.

    No two stores have the same. A store that was begun when they could (`has_runs`, and no folder of its own) keeps the
    folder of then: without the file's ending, or the one for all databases that are no file.
    """
    if "AVSS_ARRAYS" in os.environ:
        return Path(_absolute(os.environ["AVSS_ARRAYS"], "name another folder by AVSS_ARRAYS"))
    file, data = _sqlite_file(url), user_data_path("avss", appauthor=False)
    if file is None:
        own, earlier = data / f"arrays-{_database_name(url)}", data / "arrays"
        is_of_another = False
    else:
        own, earlier = _beside(file), file.with_suffix(".arrays")
        main = file.with_suffix(".db")
        is_of_another = file != main and main.is_file() and not _beside(main).is_dir()
    return earlier if has_runs and earlier.is_dir() and not own.is_dir() and not is_of_another else own


def _sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite database; None for any other, and for one that is named by a URI of its own."""
    is_file = url.get_backend_name() == "sqlite" and url.database and not url.database.startswith("file:")
    return Path(str(url.database)) if is_file else None


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.arrays")


def _database_name(url: URL) -> str:
    """The same for everyone who uses this database, whatever the user, the password or the driver."""
    return content_hash(url.get_backend_name(), url.host, url.port, url.database, dict(url.query))


def open_database(url: URL) -> Engine:
    """An engine on a database whose tables are there and up to date.

    A connection with the execution option `writes` holds SQLite's write lock from its first statement on: one that
    reads and then writes cannot be overtaken in between.
    """
    file = _sqlite_file(url)
    if file is not None and not file.parent.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
    try:
        engine = create_engine(url)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        bring_up_to_date(engine.execution_options(writes=True))
    except (SQLAlchemyError, ImportError) as error:  # no such dialect, its driver is not installed, no connection, …
        if isinstance(error, DBAPIError) and _is_full(error):
            raise
        raise SettingError(
            f"The store {url!r} cannot be opened ({_first_line(error)}); give another --store."
        ) from error
    return engine


@contextmanager
def explained(where: Path | URL) -> Iterator[None]:
    """Put what a disk or a database refuses into one sentence: ResourceError when it is full, else SettingError."""
    try:
        yield
    except (AvssError, IntegrityError):
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ResourceError(f"The disk that holds {where} is full; {_ROOM}.") from error
        raise SettingError(f"{where} cannot be used ({error.strerror or error}); give another --store.") from error
    except DBAPIError as error:
        if _is_full(error):
            raise ResourceError(f"The disk that holds {where} is full; {_ROOM}.") from error
        raise SettingError(f"The store {where} cannot be used ({_first_line(error)}); give another --store.") from error


def _absolute(path: str, instead: str = "give another --store") -> str:
    with looked_at(path, SettingError, instead):
        return str(Path(path).expanduser().absolute())


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Readers do not wait for a writer, a writer waits for another; transactions begin where `_begin_sqlite` says."""
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={_WAIT_FOR_OTHER_WRITERS * 1000}")
    connection.execute("PRAGMA journal_mode=WAL")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _is_full(error: DBAPIError) -> bool:
    return "is full" in str(error.orig)


def _first_line(error: Exception) -> str:
    reason = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return next(iter(str(reason).splitlines()), type(reason).__name__)
