"""The archive's SQLite file: articles, what is covered, and how far an unfinished batch has come."""

import json
import sqlite3
from collections.abc import Collection, Generator, Iterable
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from learnfinance_dagster.errors import ConfigurationError, DataError, TransientError
from learnfinance_dagster.ports import Coverage
from resources.news.fetched import NOBODY, Article, Batch, Page, Skip
from resources.news.sql import ADD_ARTICLE, ARTICLES, COLUMNS, COVER, COVERED, SKIPPED, TABLES, VERSION

WAIT = 30.0
"""Seconds to wait for another process that writes."""


@contextmanager
def opened(path: Path, source: str) -> Generator["NewsStore"]:
    """The archive at `path`, made where there is none, for the articles of one source.

    Raises:
        TransientError: another process writes for too long.
        DataError: the file is no archive.
        ConfigurationError: it cannot be opened or written, or a newer version made it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=WAIT, isolation_level=None)) as connection:
            _prepare(connection, path)
            yield NewsStore(connection, source)
    except sqlite3.OperationalError as error:
        busy = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        msg = f"the news archive {path}: {error}"
        raise (TransientError if busy else ConfigurationError)(msg) from error
    except sqlite3.DatabaseError as error:
        msg = f"{path} is no news archive: {error}"
        raise DataError(msg) from error
    except OSError as error:
        msg = f"the news archive {path}: {error}"
        raise ConfigurationError(msg) from error


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        msg = f"the news archive {path} was made by a newer version of this program"
        raise ConfigurationError(msg)
    if version < VERSION:
        connection.execute("PRAGMA journal_mode = WAL")
        with _transaction(connection):
            for statement in TABLES:
                connection.execute(statement)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Generator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


class NewsStore:
    """One source's part of an open archive."""

    def __init__(self, connection: sqlite3.Connection, source: str) -> None:
        """Use an open connection."""
        self._connection, self._source = connection, source

    def token(self, batch: Batch) -> str | None:
        """The page at which an unfinished batch goes on; None: at the first."""
        row = self._connection.execute(
            "SELECT token FROM progress WHERE source = ? AND batch = ?", (self._source, batch.key)
        ).fetchone()
        return row[0] if row else None

    def restart(self, batch: Batch) -> None:
        """Forget how far a batch has come, and what it skipped; its articles stay."""
        with _transaction(self._connection):
            for table in ("progress", "skipped"):
                self._connection.execute(
                    f"DELETE FROM {table} WHERE source = ? AND batch = ?", (self._source, batch.key)
                )

    def keep(self, batch: Batch, page: Page, covered: Iterable[date], now: datetime, *, resumable: bool) -> None:
        """One page, in one transaction: its articles, and how far the batch has come.

        An article stays as it came first, and a covered day as it is: what was answered once is answered again.

        Args:
            batch: what was asked.
            page: what came.
            covered: days that are complete with this page.
            now: wall clock, for the record.
            resumable: whether the batch may go on at the page's `next_token` later.
        """
        with _transaction(self._connection):
            late = self._add(page.articles)
            self._skip(batch, [*page.skipped, *late])
            if page.next_token is None or not resumable:
                self._forget_progress(batch)
            else:
                self._connection.execute(
                    "INSERT OR REPLACE INTO progress (source, batch, token) VALUES (?, ?, ?)",
                    (self._source, batch.key, page.next_token),
                )
            self._cover(batch, covered, now)

    def articles(self, symbols: Collection[str], first: date, last: date, known_at: datetime) -> list[tuple[str, ...]]:
        """Rows of `COLUMNS` published by `known_at`; sorted by symbol, published_at, article_id."""
        return self._connection.execute(ARTICLES, (*self._range(symbols, first, last), _written(known_at))).fetchall()

    def covered(self, symbols: Collection[str], first: date, last: date) -> dict[tuple[date, str], Coverage]:
        """(day, symbol) → its state, where it is known for good."""
        rows = self._connection.execute(COVERED, self._range(symbols, first, last))
        return {(date.fromisoformat(day), symbol): Coverage(state) for day, symbol, state in rows}

    def skipped(self, symbols: Collection[str], first: date, last: date) -> tuple[str, ...]:
        """What was not used of these names' items, and of items of nobody."""
        rows = self._connection.execute(SKIPPED, self._range([*symbols, NOBODY], first, last))
        return tuple(dict.fromkeys(f"{symbol}: {reason}" for _, symbol, reason in rows))

    def _add(self, articles: Iterable[Article]) -> list[Skip]:
        """New articles; those that came after their day was covered are told instead."""
        late = []
        for article in articles:
            if not self._is_known(article) and self._is_covered(article):
                late.append(Skip(article.symbol, f"an article that came after its day (id {article.article_id})"))
                continue
            fields = {name: getattr(article, name) for name in COLUMNS}
            fields |= {"day": article.day.isoformat(), "published_at": _written(article.published_at)}
            self._connection.execute(ADD_ARTICLE, (self._source, *fields.values()))
        return late

    def _is_known(self, article: Article) -> bool:
        return self._has(
            "articles WHERE source = ? AND article_id = ? AND symbol = ?", article.article_id, article.symbol
        )

    def _is_covered(self, article: Article) -> bool:
        return self._has(
            "coverage WHERE source = ? AND symbol = ? AND day = ?", article.symbol, article.day.isoformat()
        )

    def _has(self, what: str, *values: str) -> bool:
        return self._connection.execute(f"SELECT 1 FROM {what}", (self._source, *values)).fetchone() is not None

    def _skip(self, batch: Batch, skipped: Iterable[Skip]) -> None:
        self._connection.executemany(
            "INSERT OR IGNORE INTO skipped (source, batch, day, symbol, reason) VALUES (?, ?, ?, ?, ?)",
            [(self._source, batch.key, max(batch.days).isoformat(), skip.symbol, skip.reason) for skip in skipped],
        )

    def _cover(self, batch: Batch, days: Iterable[date], now: datetime) -> None:
        known = {"source": self._source, "now": _written(now), "articles": Coverage.ARTICLES.value}
        known |= {"nothing": Coverage.NO_ARTICLES.value}
        pairs = [{"symbol": symbol, "day": day.isoformat()} for day in days for symbol in batch.symbols]
        self._connection.executemany(COVER, [known | pair for pair in pairs])

    def _forget_progress(self, batch: Batch) -> None:
        self._connection.execute("DELETE FROM progress WHERE source = ? AND batch = ?", (self._source, batch.key))

    def _range(self, symbols: Collection[str], first: date, last: date) -> tuple[str, str, str, str]:
        return self._source, json.dumps(sorted(symbols)), first.isoformat(), last.isoformat()


def _written(moment: datetime) -> str:
    """Sorts as text in the order of time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
