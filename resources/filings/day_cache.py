"""Answers of a vendor, each with the day it came, so that a second run of a day asks nothing."""

import gzip
import json
import zlib
from datetime import date
from pathlib import Path
from typing import Any

from resources.files import write_atomic


class DayCache:
    """A folder of gzipped JSON: one file per key, named after the day of the answer."""

    def __init__(self, folder: Path) -> None:
        """The folder is made by the first answer."""
        self._folder = folder

    def read(self, key: str, since: date) -> Any:
        """The newest answer, when it came on `since` or later; None when it must be asked for.

        A file that cannot be read (a disk that lied) counts as no answer: the vendor still has it.
        """
        for day, path in reversed(self._kept(key)):
            if day < since:
                return None
            try:
                return json.loads(gzip.decompress(path.read_bytes()))
            except (OSError, EOFError, zlib.error, ValueError):
                continue
        return None

    def write(self, key: str, day: date, answer: Any) -> None:
        """Keep an answer of `day`, and drop those before it: none of them is read again."""
        content = gzip.compress(json.dumps(answer).encode(), compresslevel=6, mtime=0)
        write_atomic(self._folder / f"{key}.{day}.json.gz", content)
        for earlier, path in self._kept(key):
            if earlier < day:
                path.unlink(missing_ok=True)

    def _kept(self, key: str) -> list[tuple[date, Path]]:
        """Days and files of a key, oldest first."""
        paths = self._folder.glob(f"{key}.*.json.gz")
        return sorted((date.fromisoformat(path.name.split(".")[1]), path) for path in paths)
