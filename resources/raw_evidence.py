"""Answers of sources as they came: one gzip JSON a name, so that every score can be walked back to a text."""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from errno import EEXIST, ENOTEMPTY
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from learnfinance_dagster.ports import NewsAnswer
from resources.files import write_atomic

NOBODY = "_skipped"
"""File of items that were received and belong to no name that was asked for."""


@dataclass(frozen=True, slots=True)
class RawFolder:
    """`<root>/<run_id>/<attempt>/<source>/<SYMBOL>.json.gz`, the colon of a run id written as an underscore."""

    root: Path

    def keep(self, run_id: str, source: str, answer: NewsAnswer) -> Path:
        """Store an answer. The same answer again changes nothing; another one is a new attempt, beside the old.

        An attempt is there whole or not at all, also when two runs keep their answers at the same moment.
        """
        return self._kept(run_id, source, _documents(answer))

    def keep_documents(self, run_id: str, source: str, documents: Mapping[str, dict[str, object]]) -> Path:
        """Store JSON documents by name, e.g. a question and its answer; for the rest as `keep`."""
        return self._kept(run_id, source, {name: _packed(document) for name, document in documents.items()})

    def _kept(self, run_id: str, source: str, documents: Mapping[str, bytes]) -> Path:
        run = self.root / run_id.replace(":", "_")
        contents = {f"{_file_name(name)}.json.gz": text for name, text in documents.items()}
        run.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".", dir=run) as beside:
            aside = Path(beside) / "answer"
            aside.mkdir(mode=0o755)
            for name, content in contents.items():
                write_atomic(aside / name, content)
            while True:
                newest = max((int(path.name) for path in run.glob("[0-9]*")), default=1)
                folder = run / str(newest) / _file_name(source)
                if folder.is_dir() and _holds(folder, contents):
                    return folder
                if folder.is_dir():
                    folder = run / str(newest + 1) / _file_name(source)
                folder.parent.mkdir(exist_ok=True)
                try:
                    return aside.rename(folder)
                except OSError as error:  # somebody else made that attempt meanwhile: look again
                    if error.errno not in {EEXIST, ENOTEMPTY}:
                        raise


def _holds(folder: Path, contents: dict[str, bytes]) -> bool:
    found = {path.name for path in folder.glob("*.json.gz")}
    return found == set(contents) and all((folder / name).read_bytes() == text for name, text in contents.items())


def _documents(answer: NewsAnswer) -> dict[str, bytes]:
    """Symbol → what was asked, what came back, and what did not; equal answers give equal bytes."""
    articles = {str(symbol): list(rows["raw"]) for symbol, rows in answer.articles.groupby("symbol", sort=False)}
    days = {str(symbol): rows for symbol, rows in answer.coverage.groupby("symbol", sort=True)}
    skipped: dict[str, list[str]] = {}
    for told in answer.skipped:
        symbol, _, why = told.partition(": ")
        skipped.setdefault(symbol if symbol in days else NOBODY, []).append(why if symbol in days else told)
    nobody = {NOBODY: _packed({"skipped": skipped[NOBODY]})} if NOBODY in skipped else {}
    return nobody | {
        symbol: _packed(
            {
                "symbol": symbol,
                "days": [{"day": _iso(day), "state": str(state), "reason": reason} for day, state, reason in _of(rows)],
                "articles": [json.loads(raw) for raw in articles.get(symbol, [])],
                "skipped": skipped.get(symbol, []),
            }
        )
        for symbol, rows in days.items()
    }


def _of(rows: pd.DataFrame) -> Iterator[tuple[object, str, str]]:
    return zip(rows["day"], rows["state"], rows["reason"], strict=True)


def _packed(document: dict[str, object]) -> bytes:
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, indent=1)
    return gzip.compress(text.encode(), mtime=0)


def _iso(day: object) -> str:
    return day.isoformat() if isinstance(day, date) else str(day)


def _file_name(text: str) -> str:
    """Tickers and names of sources as file names: no separators, no leading dot."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in text).lstrip(".") or "_"
