"""What a vendor with few calls a day has answered, and how many calls a day has seen. SQLite, one file.

Answers are kept in rounds: a round is one answer of every function, and only whole rounds are read. Old rounds stay,
so that a number which the vendor corrects later does not change what was known before.
"""

import json
import sqlite3
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from resources import sqlite

WAIT = 30.0
"""Seconds to wait for another process that writes."""
TABLES = """
CREATE TABLE IF NOT EXISTS calls (day TEXT PRIMARY KEY, sent INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS answers (
    symbol TEXT, round INTEGER, function TEXT, fetched_on TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (symbol, round, function)
);
CREATE TABLE IF NOT EXISTS checks (symbol TEXT PRIMARY KEY, day TEXT NOT NULL, refusal TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Round:
    """Answers that belong together."""

    number: int
    answers: dict[str, Any]
    """Function → the answer."""
    first_day: date
    last_day: date
    """Days of the first and the last of them, New York."""


@dataclass(frozen=True, slots=True)
class Check:
    """The last time a symbol was asked for in vain."""

    day: date
    refusal: str
    """What the vendor said; empty: it had nothing newer."""


class RoundStore:
    """A SQLite file; every method is one transaction, so processes may share it.

    Every method raises TransientError where another process holds the file for too long, and ConfigurationError where
    it is damaged, or cannot be opened or written.
    """

    def __init__(self, path: Path) -> None:
        """The file is made by the first use."""
        self._path = path

    def spend(self, day: date, allowed: int) -> bool:
        """Count a call of that day before it is sent; False, and nothing counted, when the day has none left."""
        with self._open() as db:
            db.execute("INSERT OR IGNORE INTO calls VALUES (?, 0)", (day.isoformat(),))
            spent = db.execute(
                "UPDATE calls SET sent = sent + 1 WHERE day = ? AND sent < ?", (day.isoformat(), allowed)
            )
            return spent.rowcount == 1

    def use_up(self, day: date, allowed: int) -> None:
        """The vendor says that the day has no calls left, whatever was counted here."""
        with self._open() as db:
            db.execute(
                "INSERT INTO calls VALUES (?1, ?2) ON CONFLICT (day) DO UPDATE SET sent = max(sent, ?2)",
                (day.isoformat(), allowed),
            )

    def calls(self, day: date) -> int:
        """How many calls that day has seen."""
        with self._open() as db:
            row = db.execute("SELECT sent FROM calls WHERE day = ?", (day.isoformat(),)).fetchone()
        return row[0] if row else 0

    def keep(self, symbol: str, number: int, function: str, day: date, answer: Any) -> None:
        """Store an answer."""
        body = zlib.compress(json.dumps(answer).encode())
        with self._open() as db:
            row = (symbol, number, function, day.isoformat(), body)
            db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)", row)
            db.execute("DELETE FROM checks WHERE symbol = ?", (symbol,))

    def drop(self, symbol: str, number: int) -> None:
        """Forget a round that was never finished."""
        with self._open() as db:
            db.execute("DELETE FROM answers WHERE symbol = ? AND round = ?", (symbol, number))

    def rounds(self, symbol: str) -> tuple[Round, ...]:
        """Rounds of a symbol, oldest first; the last may be unfinished."""
        with self._open() as db:
            query = "SELECT round, function, fetched_on, body FROM answers WHERE symbol = ? ORDER BY round, function"
            rows = db.execute(query, (symbol,)).fetchall()
        try:
            return tuple(_round(number, rows) for number in dict.fromkeys(row[0] for row in rows))
        except (zlib.error, ValueError, TypeError) as error:
            raise sqlite.damaged(self._path, error) from error

    def checked(self, symbol: str, day: date, refusal: str = "") -> None:
        """Note that a symbol was asked for in vain."""
        with self._open() as db:
            db.execute("INSERT OR REPLACE INTO checks VALUES (?, ?, ?)", (symbol, day.isoformat(), refusal))

    def check(self, symbol: str) -> Check | None:
        """The last vain question since the last stored answer."""
        with self._open() as db:
            row = db.execute("SELECT day, refusal FROM checks WHERE symbol = ?", (symbol,)).fetchone()
        return Check(date.fromisoformat(row[0]), row[1]) if row else None

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        with sqlite.opened(self._path, WAIT, TABLES) as db, db:
            yield db


def _round(number: int, rows: list[tuple[int, str, str, bytes]]) -> Round:
    mine = [row for row in rows if row[0] == number]
    days = [date.fromisoformat(row[2]) for row in mine]
    answers = {row[1]: json.loads(zlib.decompress(row[3])) for row in mine}
    return Round(number, answers, min(days), max(days))
