import inspect as python_inspect
import sqlite3

import psycopg2.errors
import pytest
from sqlalchemy import exc, text

from learnfinance_dagster.errors import ConfigurationError, LearnFinanceError, RefusedError, TransientError
from resources.ledger.failures import translate, translated
from resources.ledger.sql import SqlLedger

VENDOR = [kind for kind in vars(exc).values() if python_inspect.isclass(kind) and issubclass(kind, exc.SQLAlchemyError)]


def raised(kind, cause):
    return kind("INSERT …", {}, cause)


@pytest.mark.parametrize("kind", VENDOR, ids=lambda kind: kind.__name__)
def test_every_error_of_sqlalchemy_becomes_one_of_ours(kind):
    error = kind.__new__(kind)
    if isinstance(error, exc.StatementError):
        error.orig = sqlite3.DatabaseError("words")
    assert isinstance(translate(error, "read fills"), LearnFinanceError)


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (raised(exc.OperationalError, sqlite3.OperationalError("database is locked")), TransientError),
        (raised(exc.OperationalError, sqlite3.OperationalError("attempt to write a readonly database")), None),
        (raised(exc.OperationalError, psycopg2.OperationalError("connection refused")), TransientError),
        (raised(exc.ProgrammingError, psycopg2.ProgrammingError("no such table")), None),
        (raised(exc.IntegrityError, sqlite3.IntegrityError("UNIQUE constraint failed")), RefusedError),
        (sqlite3.OperationalError("database is locked"), TransientError),
        (sqlite3.DatabaseError("file is not a database"), None),
        (exc.TimeoutError(), TransientError),
        (exc.ArgumentError("nonsense"), None),
    ],
)
def test_what_may_pass_is_transient_and_the_rest_is_not(error, ours):
    assert type(translate(error, "write")) is (ours or ConfigurationError)


def test_a_message_says_what_failed_in_the_databases_words():
    with (
        pytest.raises(TransientError, match=r"^ledger, record intent: database is locked$"),
        translated("record intent"),
    ):
        raise raised(exc.OperationalError, sqlite3.OperationalError("database is locked"))


def test_a_table_that_somebody_dropped_is_explained(tmp_path):
    ledger = SqlLedger(f"sqlite:///{tmp_path}/ledger.sqlite")
    with ledger.engine.begin() as connection:
        connection.execute(text("DROP TABLE positions"))
    with pytest.raises(ConfigurationError, match="ledger, read positions: no such table: positions"):
        ledger.positions("hrp", "paper:2025-12-29")
