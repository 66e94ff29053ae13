"""The archive's SQLite file: articles, what is covered, and how far an unfinished batch has come."""

import json
import sqlite3
from collections.abc import Collection, Generator, Iterable
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.ports import Coverage
from resources import sqlite
from resources.news.fetched import NOBODY, Article, Batch, Page, Skip
from resources.news.sql import (
    ADD_ARTICLE,
    ARTICLES,
    COLUMNS,
    COVER,
    COVERED,
    FORGET_SKIPPED,
    SKIPPED,
    TABLES,
    VERSION,
)

WAIT = 30.0
"""Seconds to wait for another process that writes."""


@contextmanager
def opened(path: Path, source: str) -> Generator["NewsStore"]:
    """The archive at `path`, made where there is none, for the articles of one source.

    Raises:
        TransientError: another process writes for too long.
        ConfigurationError: the file is no archive or one of another version, or cannot be opened or written.
    """
    with sqlite.opened(path, WAIT) as connection:
        _prepare(connection, path)
        yield NewsStore(connection, source)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        msg = f"the news archive {path} was made by a newer version of this program"
        raise ConfigurationError(msg)
    if 0 < version < VERSION:
        msg = f"the news archive {path} was made by an older version of this program: delete it, and it is fetched anew"
        raise ConfigurationError(msg)
    if version == 0:
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

    def progress(self, batch: Batch) -> tuple[str | None, set[str]]:
        """The page at which an unfinished batch goes on (None: at the first), and names of undated items before it."""
        row = self._connection.execute(
            "SELECT token, undated FROM progress WHERE source = ? AND batch = ?", (self._source, batch.key)
        ).fetchone()
        return (row[0], set(json.loads(row[1]))) if row else (None, set())

    def restart(self, batch: Batch) -> None:
        """Forget how far a batch has come, and what it skipped; its articles stay."""
        with _transaction(self._connection):
            self._forget(batch, "progress")
            self._forget(batch, "skipped")

    def keep(self, batch: Batch, page: Page, undated: Collection[str], *, resumable: bool) -> None:
        """One page that is not the last, in one transaction: its articles, and how far the batch has come.

        An article stays on its day as it came first there; rewritten on another day, it is an article of that day too.

        Args:
            batch: what was asked.
            page: what came.
            undated: names of undated items, on this page or before it.
            resumable: whether the batch may go on at the page's `next_token` later.
        """
        with _transaction(self._connection):
            self._add(batch, page)
            if resumable:
                self._connection.execute(
                    "INSERT OR REPLACE INTO progress (source, batch, token, undated) VALUES (?, ?, ?, ?)",
                    (self._source, batch.key, page.next_token, json.dumps(sorted(undated))),
                )

    def finish(self, batch: Batch, page: Page, covered: Iterable[tuple[date, str]], now: datetime) -> None:
        """The last page, in one transaction. What earlier batches skipped of these days and names is forgotten.

        Args:
            batch: what was asked.
            page: what came.
            covered: (day, name) that are complete for good; one that was covered already stays as it is.
            now: wall clock, for the record.
        """
        days, names = (json.dumps(list(map(str, each))) for each in (batch.days, batch.symbols))
        with _transaction(self._connection):
            self._connection.execute(FORGET_SKIPPED, (self._source, batch.key, days, names))
            self._add(batch, page)
            self._forget(batch, "progress")
            self._cover(covered, now)

    def articles(self, symbols: Collection[str], first: date, last: date, known_at: datetime) -> list[tuple[str, ...]]:
        """Rows of `COLUMNS` published by `known_at`; sorted by symbol, published_at, article_id."""
        return self._connection.execute(ARTICLES, (*self._range(symbols, first, last), _written(known_at))).fetchall()

    def covered(self, symbols: Collection[str], first: date, last: date) -> dict[tuple[date, str], Coverage]:
        """(day, symbol) → its state, where it is known for good."""
        rows = self._connection.execute(COVERED, self._range(symbols, first, last))
        return {(date.fromisoformat(day), symbol): Coverage(state) for day, symbol, state in rows}

    def skipped(self, symbols: Collection[str], first: date, last: date) -> tuple[str, ...]:
        """What was not used of the items that came when these names were asked for."""
        rows = self._connection.execute(SKIPPED, self._range(symbols, first, last))
        return tuple(dict.fromkeys(told for _, told in rows))

    def _add(self, batch: Batch, page: Page) -> None:
        """New articles, and what was skipped: among it what came after its day was covered."""
        skipped = list(page.skipped)
        for article in page.articles:
            if not self._is_known(article) and self._is_covered(article):
                skipped.append(Skip(article.symbol, f"an article that came after its day (id {article.article_id})"))
                continue
            fields = {name: getattr(article, name) for name in COLUMNS}
            fields |= {"day": article.day.isoformat(), "published_at": _written(article.published_at)}
            self._connection.execute(ADD_ARTICLE, (self._source, *fields.values()))
        self._skip(batch, skipped)

    def _is_known(self, article: Article) -> bool:
        where = "articles WHERE source = ? AND article_id = ? AND symbol = ? AND day = ?"
        return self._has(where, article.article_id, article.symbol, article.day.isoformat())

    def _is_covered(self, article: Article) -> bool:
        where = "coverage WHERE source = ? AND symbol = ? AND day = ?"
        return self._has(where, article.symbol, article.day.isoformat())

    def _has(self, what: str, *values: str) -> bool:
        return self._connection.execute(f"SELECT 1 FROM {what}", (self._source, *values)).fetchone() is not None

    def _skip(self, batch: Batch, skipped: Iterable[Skip]) -> None:
        """Items of nobody are told to every name of the batch, and to no other: its answer must not change later."""
        day = max(batch.days).isoformat()
        rows = [
            (self._source, batch.key, day, name, f"{skip.symbol}: {skip.reason}")
            for skip in skipped
            for name in (batch.symbols if skip.symbol == NOBODY else [skip.symbol])
        ]
        self._connection.executemany(
            "INSERT OR IGNORE INTO skipped (source, batch, day, symbol, told) VALUES (?, ?, ?, ?, ?)", rows
        )

    def _cover(self, pairs: Iterable[tuple[date, str]], now: datetime) -> None:
        known = {"source": self._source, "now": _written(now), "articles": Coverage.ARTICLES.value}
        known |= {"nothing": Coverage.NO_ARTICLES.value}
        self._connection.executemany(COVER, [known | {"day": str(day), "symbol": name} for day, name in pairs])

    def _forget(self, batch: Batch, table: str) -> None:
        self._connection.execute(f"DELETE FROM {table} WHERE source = ? AND batch = ?", (self._source, batch.key))

    def _range(self, symbols: Collection[str], first: date, last: date) -> tuple[str, str, str, str]:
        return self._source, json.dumps(sorted(symbols)), first.isoformat(), last.isoformat()


def _written(moment: datetime) -> str:
    """Sorts as text in the order of time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
