"""The tables of the store, and the steps that bring an older store up to date."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import JSON, Column, Connection, Engine, Float, Integer, MetaData, String, Table, Text, inspect, select

metadata = MetaData()

versions = Table("store_version", metadata, Column("version", Integer, primary_key=True))

runs = Table(
    "runs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("spec", JSON, nullable=False),
    Column("facts", JSON, nullable=False),  # what the work found out: blocks, tokens, versions, seconds of each part
    Column("n_units", Integer),  # None until planned
    Column("created", Float, nullable=False),  # seconds since the epoch
    Column("finished", Float),
    Column("seconds", Float),
    Column("error", Text),
)

units = Table(
    "units",
    metadata,
    Column("run", String(32), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("file", String(256), nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("run", String(32), nullable=False),
    Column("kept", JSON, nullable=False),
    Column("result", JSON, nullable=False),
    Column("file", String(256), nullable=False),
    Column("created", Float, nullable=False),
)

Migration = Callable[[Connection], None]
MIGRATIONS: list[Migration] = []


def migration(step: Migration) -> Migration:
    """Append `step`; its place in the list is the version that it brings a store to."""
    MIGRATIONS.append(step)
    return step


@migration
def first_tables(connection: Connection) -> None:
    """Version 1: runs, their finished units, evaluations by content hash."""
    metadata.create_all(connection, tables=[runs, units, evaluations])


def bring_up_to_date(engine: Engine) -> None:
    """Run every step that this store has not seen, in one transaction each."""
    if not inspect(engine).has_table(versions.name):
        metadata.create_all(engine, tables=[versions], checkfirst=True)
    with engine.begin() as connection:
        done = set(connection.scalars(select(versions.c.version)))
    for number, step in enumerate(MIGRATIONS, start=1):
        if number not in done:
            with engine.begin() as connection:
                step(connection)
                connection.execute(versions.insert().values(version=number))
