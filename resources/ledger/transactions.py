"""One operation on the database: one connection and one transaction, whose errors speak this project's words."""

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from resources.ledger.database import WRITES
from resources.ledger.failures import translated


@contextmanager
def reading(engine: Engine, what: str) -> Generator[Connection]:
    """A transaction that only looks; `what` says at what, for messages."""
    with translated(f"read {what}"), engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine, doing: str) -> Generator[Connection]:
    """A transaction that no other writer comes between; `doing` says what it does, for messages."""
    with translated(doing), engine.execution_options(**{WRITES: True}).begin() as connection:
        yield connection
