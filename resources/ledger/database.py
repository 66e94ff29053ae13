"""Opening the database: which kinds are understood, and what each must be told on every connection."""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from learnfinance_dagster.errors import ConfigurationError

BUSY_SECONDS = 30
WRITES = "learnfinance_writes"
"""Execution option of a connection that is going to write."""


def engine_at(url: str) -> Engine:
    """An engine that keeps no connection between operations, so that forked processes never share one.

    Raises:
        ConfigurationError: the URL is none, or of a database that the ledger does not know.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        msg = "ledger_url is no SQLAlchemy URL; write e.g. sqlite:////absolute/path/ledger.sqlite"
        raise ConfigurationError(msg) from error
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    if parsed.drivername == "postgresql+psycopg2":
        # The rules read before they write: serializable lets no other transaction come between.
        return create_engine(parsed, poolclass=NullPool, isolation_level="SERIALIZABLE")
    msg = f"ledger_url is of kind {parsed.drivername}; use sqlite or postgresql+psycopg2"
    raise ConfigurationError(msg)


def sqlite_file(engine: Engine) -> Path | None:
    """The database's file, links followed; None where the database is a server."""
    name = engine.url.database
    return Path(name).resolve() if engine.dialect.name == "sqlite" and name else None


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        msg = "ledger_url must name a SQLite file; a ledger in memory forgets what was sent"
        raise ConfigurationError(msg)
    try:
        Path(url.database).resolve().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"the ledger's folder cannot be made: {error}"
        raise ConfigurationError(msg) from error
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late: after the reads that the rules make
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")  # an intent must survive a power cut before an order leaves


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that reads first and writes later fails at once when another writer came between.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(WRITES) else "BEGIN")
