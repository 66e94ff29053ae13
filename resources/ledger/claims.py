"""The exclusive right to trade an account's week, held by something that the system takes back when the holder dies."""

import fcntl
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import quote

from sqlalchemy import ColumnElement, Connection, Engine, func, select
from sqlalchemy.exc import DBAPIError

from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.ledger_rules import claim_refused
from resources.ledger.database import sqlite_file
from resources.ledger.failures import translated

OPENING = "opening"


class Claims(Protocol):
    """Locks of one database."""

    def claim(self, account: str, run_id: str) -> AbstractContextManager[None]:
        """Exclusive among threads, ledger objects and processes; refused at once, never waited for."""
        ...

    def opening(self) -> AbstractContextManager[None]:
        """Exclusive while the schema is looked at and migrated; waited for."""
        ...


def claims_of(engine: Engine) -> Claims:
    """The locks that fit the database: the kernel's beside a file, the server's own otherwise."""
    file = sqlite_file(engine)
    return FileClaims(file) if file else PostgresClaims(engine)


class FileClaims:
    """`flock` on files in `locks/` beside the database: the kernel lets go when the holder's last process ends.

    The files stay behind, empty: deleting one would let two holders lock two files of the same name.
    """

    def __init__(self, database: Path) -> None:
        """Lock for the database at that path."""
        self._database = database

    @contextmanager
    def claim(self, account: str, run_id: str) -> Generator[None]:
        """See `Claims.claim`."""
        with self._file(f"{account} {run_id}") as file:
            try:
                _flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise claim_refused(account, run_id) from error
            with _unlocked_after(file):
                yield

    @contextmanager
    def opening(self) -> Generator[None]:
        """See `Claims.opening`."""
        with self._file(OPENING) as file:
            _flock(file, fcntl.LOCK_EX)
            with _unlocked_after(file):
                yield

    def _file(self, name: str) -> IO[bytes]:
        path = self._database.parent / "locks" / f"{quote(f'{self._database.name} {name}', safe='')}.lock"
        try:
            path.parent.mkdir(exist_ok=True)
            return path.open("ab")  # every open is a lock of its own, so threads exclude each other too
        except OSError as error:
            msg = f"the ledger's lock file cannot be made: {error}"
            raise ConfigurationError(msg) from error


def _flock(file: IO[bytes], how: int) -> None:
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        raise
    except OSError as error:
        msg = f"the ledger's folder does not allow locks, move the ledger to a local disk: {error}"
        raise ConfigurationError(msg) from error


@contextmanager
def _unlocked_after(file: IO[bytes]) -> Generator[None]:
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)  # closing alone would not do while a forked child has the file open


class PostgresClaims:
    """Advisory locks, each on a connection of its own: the server lets go when that connection ends."""

    def __init__(self, engine: Engine) -> None:
        """Lock in the engine's database."""
        # Without autocommit the connection would sit idle in a transaction for as long as the week is traded.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def claim(self, account: str, run_id: str) -> Generator[None]:
        """See `Claims.claim`."""
        key = _key(f"{account} {run_id}")
        with self._connected() as connection:
            with translated("claim"):
                held = connection.scalar(select(func.pg_try_advisory_lock(key)))
            if not held:
                raise claim_refused(account, run_id)
            with _let_go_after(connection, key):
                yield

    @contextmanager
    def opening(self) -> Generator[None]:
        """See `Claims.opening`."""
        key = _key(OPENING)
        with self._connected() as connection:
            with translated("open"):
                connection.execute(select(func.pg_advisory_lock(key)))
            with _let_go_after(connection, key):
                yield

    def _connected(self) -> Connection:
        with translated("connect"):
            return self._engine.connect()


@contextmanager
def _let_go_after(connection: Connection, key: ColumnElement[int]) -> Generator[None]:
    try:
        yield
    finally:
        # By word, because the server notices a closed connection only a little later.
        with suppress(DBAPIError):  # a lost connection has lost its locks already
            connection.execute(select(func.pg_advisory_unlock(key)))


def _key(name: str) -> ColumnElement[int]:
    """The lock's 64-bit name; advisory locks are the whole database's, so the schema is part of it."""
    return func.hashtextextended(func.concat("learnfinance ", func.current_schema(), " ", name), 0)
