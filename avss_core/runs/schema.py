"""The tables of the store, and the steps that bring an older store up to date."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Double,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    func,
    inspect,
    select,
    text,
)

from avss_core.errors import SettingError

metadata = MetaData()

versions = Table("store_version", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

runs = Table(
    "runs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("attempt", Integer, nullable=False, server_default="1"),  # how often it was started
    Column("spec", JSON, nullable=False),
    Column("facts", JSON, nullable=False),  # what the work found out: blocks, tokens, versions, seconds of each part
    Column("n_units", Integer),  # None until planned
    Column("created", Double, nullable=False),  # of the latest attempt, seconds since the epoch
    Column("finished", Double),
    Column("seconds", Double),
    Column("error", Text),
)

units = Table(
    "units",
    metadata,
    Column("run", String(32), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("file", String(256), nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("seconds", Double, nullable=False),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("run", String(32), nullable=False),
    Column("kept", JSON, nullable=False),
    Column("result", JSON, nullable=False),
    Column("file", String(256), nullable=False),
    Column("created", Double, nullable=False),
)

hand_labels = Table(
    "hand_labels",
    metadata,
    Column("run", String(32), primary_key=True),
    Column("example", String(64), primary_key=True),
    Column("label", String(16), nullable=False),
    Column("created", Double, nullable=False),
)

Migration = Callable[[Connection], None]
MIGRATIONS: list[Migration] = []  # the first brings a store of version 1 to version 2, and so on


def migration(step: Migration) -> Migration:
    """Append a step. The tables above change with it: they are what a new store gets, which runs no step."""
    MIGRATIONS.append(step)
    return step


@migration
def count_attempts(connection: Connection) -> None:
    """Version 2: a run knows how often it was started, so that an attempt that was given up changes it no more."""
    connection.execute(text("ALTER TABLE runs ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1"))


@migration
def keep_labels_by_hand(connection: Connection) -> None:
    """Version 3: answers that a person has judged."""
    connection.execute(
        text(
            "CREATE TABLE hand_labels (run VARCHAR(32) NOT NULL, example VARCHAR(64) NOT NULL, "
            "label VARCHAR(16) NOT NULL, created DOUBLE PRECISION NOT NULL, PRIMARY KEY (run, example))"
        )
    )


def bring_up_to_date(engine: Engine) -> None:
    """Make the tables of a new store, or run the steps that an older one has not seen: all of it, or nothing.

    Raises SettingError for a store of a newer version than this program knows.
    """
    newest = 1 + len(MIGRATIONS)
    with engine.begin() as connection:
        if not inspect(connection).has_table(runs.name):
            metadata.create_all(connection)
            connection.execute(versions.insert().values(version=newest))
            return
        version = connection.scalar(select(func.max(versions.c.version))) or 1
        if version > newest:
            raise SettingError(
                f"The store was made by a newer version of this program (tables {version}, known here are {newest}); "
                "update the program, or give another --store."
            )
        for number, step in enumerate(MIGRATIONS[version - 1 :], start=version + 1):
            step(connection)
            connection.execute(versions.insert().values(version=number))
