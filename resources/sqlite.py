"""Opening SQLite files, and saying in the project's own errors what is wrong with one."""

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from learnfinance_dagster.errors import ConfigurationError, TransientError

BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})
"""The last is what a file with other tables than ours leads to."""


@contextmanager
def opened(path: Path, busy_seconds: float, script: str = "") -> Generator[sqlite3.Connection]:
    """A connection to the file, which is made when needed; what goes wrong until it is closed is translated.

    Args:
        path: the file; its folder is made too.
        busy_seconds: to wait for another process that writes.
        script: statements that come first, such as `CREATE TABLE IF NOT EXISTS`.

    Raises:
        sqlite3.IntegrityError: a row breaks a rule of its table; that is no fault of the file.
        TransientError, ConfigurationError: see `translated`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=busy_seconds)) as connection:
            connection.executescript(script)
            yield connection
    except sqlite3.IntegrityError:
        raise
    except (sqlite3.Error, OSError) as error:
        raise translated(error, path) from error


def translated(error: Exception, path: Path) -> TransientError | ConfigurationError:
    """What a reader should do about an error: wait for another process, delete the file, or make room for it."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CANTOPEN) & 0xFF  # the rest are details
    if code in BUSY:
        return TransientError(f"{path}: {error}")
    if code in DAMAGED:
        return damaged(path, error)
    return ConfigurationError(f"{path}: {error}: its folder must be writable and have room")


def damaged(path: Path, why: object) -> ConfigurationError:
    """For a file that cannot be read as what it should be."""
    return ConfigurationError(f"{path} is damaged or another program's ({why}): delete it, and it is filled anew")
