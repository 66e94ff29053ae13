"""Scores that were computed once, in a SQLite file. A failure is never in it."""

import hashlib
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.ports import ModelIdentity, SentimentModel
from resources import sqlite
from resources.sentiment.frames import COLUMNS, score_each_once

AT_ONCE = 512
"""Texts that are scored before they are kept: no more than this is lost when something fails."""
BUSY_SECONDS = 30
SCRIPT = """
PRAGMA journal_mode = WAL;  -- a writer keeps no reader waiting
PRAGMA synchronous = NORMAL;  -- a power cut may cost scores, never the file
CREATE TABLE IF NOT EXISTS scores (
    model TEXT NOT NULL, revision TEXT NOT NULL, text_hash BLOB NOT NULL CHECK (length(text_hash) = 32),
    score REAL NOT NULL CHECK (score BETWEEN -1 AND 1), confidence REAL NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    p_pos REAL NOT NULL CHECK (p_pos BETWEEN 0 AND 1), p_neg REAL NOT NULL CHECK (p_neg BETWEEN 0 AND 1),
    p_neu REAL NOT NULL CHECK (p_neu BETWEEN 0 AND 1),
    label TEXT NOT NULL CHECK (label IN ('positive', 'negative', 'neutral')),
    PRIMARY KEY (model, revision, text_hash)
) STRICT, WITHOUT ROWID
"""
ASK = "CREATE TEMP TABLE asked (text_hash BLOB PRIMARY KEY) WITHOUT ROWID"
FIND = """
SELECT text_hash, score, confidence, p_pos, p_neg, p_neu, label FROM asked CROSS JOIN scores USING (text_hash)
WHERE model = ? AND revision = ?
"""
KEEP = """
INSERT INTO scores VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (model, revision, text_hash) DO NOTHING
"""  # unlike OR IGNORE, which would drop what the checks refuse in silence


class CachedModel:
    """A `ports.SentimentModel` that asks another only for texts it has not scored yet."""

    def __init__(self, model: SentimentModel, path: Path) -> None:
        """Keep what `model` answers at `path`; the file is made when first needed."""
        self._model, self._file = model, _ScoreFile(path)

    @property
    def identity(self) -> ModelIdentity:
        """The model's own."""
        return self._model.identity

    def score(self, texts: Sequence[str]) -> pd.DataFrame:
        """Columns as in `ports.SentimentModel.score`.

        Raises:
            ConfigurationError: the file is damaged or cannot be written; or the model cannot be loaded.
            TransientError: another process keeps the file busy.
            DataError: the model failed; what it scored before is kept.
        """
        return score_each_once(texts, self._score)

    def _score(self, texts: list[str]) -> pd.DataFrame:
        model = self.identity
        hashes = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        found = self._file.known(model, hashes)
        missing = [(digest, text) for digest, text in zip(hashes, texts, strict=True) if digest not in found]
        for first in range(0, len(missing), AT_ONCE):
            part, asked = zip(*missing[first : first + AT_ONCE], strict=True)
            scored = self._model.score(asked)[list(COLUMNS)]
            if len(scored) != len(part):
                msg = f"{model} answered with {len(scored)} rows for {len(part)} texts"
                raise DataError(msg)
            rows = dict(zip(part, scored.itertuples(index=False, name=None), strict=True))
            self._file.keep(model, rows)
            found |= rows
        frame = pd.DataFrame([found[digest] for digest in hashes], columns=list(COLUMNS))
        return frame.astype({"label": "str"})


class _ScoreFile:
    """Rows of `COLUMNS` by (model, revision, SHA-256 of the text); two processes may use one file at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def known(self, model: ModelIdentity, hashes: list[bytes]) -> dict[bytes, tuple]:
        """What is there of `hashes`."""
        with self._opened() as connection:
            connection.execute(ASK)
            connection.executemany("INSERT INTO asked VALUES (?)", ((digest,) for digest in hashes))
            rows = connection.execute(FIND, (model.name, model.revision)).fetchall()
        return {row[0]: row[1:] for row in rows}

    def keep(self, model: ModelIdentity, rows: dict[bytes, tuple]) -> None:
        """Write all rows or none; a score that is there already stays."""
        try:
            with self._opened() as connection:
                connection.executemany(KEEP, ((model.name, model.revision, key, *row) for key, row in rows.items()))
        except sqlite3.IntegrityError as error:
            msg = f"{model} answered with something that is no score: {error}"
            raise DataError(msg) from error

    @contextmanager
    def _opened(self) -> Generator[sqlite3.Connection]:
        with sqlite.opened(self._path, BUSY_SECONDS, SCRIPT) as connection, connection:
            yield connection
