"""SQLAlchemy's errors in this project's words, split by what the reader should do."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import exc

from learnfinance_dagster.errors import ConfigurationError, LearnFinanceError, RefusedError, TransientError
from resources.credentials import secret

PASSWORD = "PGPASSWORD"  # noqa: S105  its name
SQLITE_BUSY = "database is locked"
POSTGRES_TRY_AGAIN = ("08", "40", "53", "55P03", "57")
"""SQLSTATE beginnings: connection, serialization or deadlock, resources, lock, operator (e.g. a restart)."""


@contextmanager
def translated(doing: str) -> Generator[None]:
    """Turn vendor errors into ours; `doing` says what failed, and must hold no credentials."""
    try:
        yield
    except (exc.SQLAlchemyError, sqlite3.Error) as error:  # SQLite's own where a connection is being prepared
        ours = translate(error, doing)
        if _without_password(str(error)) == str(error):
            raise ours from error
        try:
            raise ours
        finally:
            ours.__context__ = None  # a server that repeats the password: its words must not hang on to ours


def translate(error: exc.SQLAlchemyError | sqlite3.Error, doing: str) -> LearnFinanceError:
    """The error that says what to do: transient, refused, or a person must act."""
    cause = (error.orig if isinstance(error, exc.StatementError) else None) or error  # without the statement's values
    msg = f"ledger, {doing}: {_without_password(str(cause)).strip() or type(error).__name__}"
    if isinstance(error, exc.IntegrityError):
        return RefusedError(f"{msg} (another run wrote it first)")
    if isinstance(error, exc.TimeoutError) or _may_pass(error, cause):
        return TransientError(msg)
    return ConfigurationError(msg)


def _without_password(text: str) -> str:
    password = secret(PASSWORD)
    return text.replace(password, "***") if password else text


def _may_pass(error: Exception, cause: BaseException) -> bool:
    """Whether trying again later can help: busy, disconnected, restarting, or in another's way."""
    code = getattr(cause, "pgcode", None)
    if code:
        return code.startswith(POSTGRES_TRY_AGAIN)
    unreachable = isinstance(error, exc.OperationalError) and type(cause).__module__.startswith("psycopg2")
    lost = isinstance(error, exc.DBAPIError) and error.connection_invalidated
    return lost or unreachable or SQLITE_BUSY in str(cause)
