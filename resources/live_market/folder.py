"""The folder of a live market: a market directory that only grows, written by one run at a time and always whole."""

import fcntl
import json
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.schemas.market import Actions, Bars, Holdings, MarketFrame, Notes
from resources.files import write_atomic
from resources.market_directory.manifest import FILE as MANIFEST

NAME = "live market"
LOOKS, REVISIONS = "looks.jsonl", "revisions.jsonl"
_NEXT, _READY = ".next", "ready"
_FRAMES: dict[str, type[MarketFrame]] = {"bars": Bars, "actions": Actions, "holdings": Holdings, "notes": Notes}
_LEFT_OUT = {"bars": "adj_close"}


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the vendors that came to its end."""

    moment: datetime
    """What it found counts as known from then on: the decision that it was made for, or when it was made."""
    at: datetime
    """When it was made."""
    through: date
    """The last session that was asked for."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Who was asked, what came, and what did not."""

    def to_line(self) -> str:
        """As JSON."""
        moments = {"moment": self.moment.isoformat(), "at": self.at.isoformat(), "through": self.through.isoformat()}
        return json.dumps(moments | self.facts, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """Everything in the folder."""

    bars: pd.DataFrame
    """Sorted by symbol, date; every frame has `known_at`."""
    actions: pd.DataFrame
    holdings: pd.DataFrame
    notes: pd.DataFrame
    looks: tuple[Look, ...] = ()
    revisions: tuple[dict[str, Any], ...] = ()
    """What a vendor said later about what was stored before."""

    @property
    def last_look(self) -> Look | None:
        """The newest one that came to its end."""
        return self.looks[-1] if self.looks else None


class MarketFolder:
    """Reads and writes a live market."""

    def __init__(self, path: Path) -> None:
        """Nothing is read yet; the folder may be missing."""
        self.path = path

    @contextmanager
    def alone(self) -> Generator[None]:
        """Nobody else reads for an update, or writes, meanwhile; the kernel lets go when the process ends."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "refresh.lock").open("a") as lock:  # appending does not touch its time
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._finish()
            yield

    def looks(self) -> tuple[Look, ...]:
        """Every look, oldest first."""
        return tuple(_look(line) for line in self._lines(LOOKS))

    def read(self) -> Kept:
        """Everything; empty frames where nothing was stored."""
        frames = {stem: self._frame(stem) for stem in _FRAMES}
        return Kept(**frames, looks=self.looks(), revisions=tuple(self._lines(REVISIONS)))

    def write(self, kept: Kept, caveats: tuple[str, ...]) -> None:
        """Replace what is there. A crash leaves the old files or the new ones: half of a set is finished, or dropped.

        Args:
            kept: what is to be there.
            caveats: of `market.json`; one that is there already keeps its own.
        """
        aside = self.path / _NEXT
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        for stem in _FRAMES:
            frame: pd.DataFrame = getattr(kept, stem)
            if len(frame) or stem == "actions":
                frame.to_parquet(aside / f"{stem}.parquet", index=False)
        for name, lines in (
            (LOOKS, [look.to_line() for look in kept.looks]),
            (REVISIONS, [json.dumps(each, ensure_ascii=False) for each in kept.revisions]),
        ):
            (aside / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        manifest = {"name": NAME, "kind": "real", "price_basis": "as_traded", "caveats": list(caveats)}
        if not (self.path / MANIFEST).exists():
            (aside / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8")
        write_atomic(aside / _READY, b"")
        self._finish()

    def _finish(self) -> None:
        """Move a whole set into its place; forget half of one."""
        aside = self.path / _NEXT
        if (aside / _READY).exists():
            for path in sorted(aside.iterdir()):
                if path.name != _READY:
                    path.replace(self.path / path.name)
        shutil.rmtree(aside, ignore_errors=True)

    def _frame(self, stem: str) -> pd.DataFrame:
        path = self.path / f"{stem}.parquet"
        if not path.exists():
            return empty(stem)
        frame = pd.read_parquet(path)
        return frame.astype({"known_at": "datetime64[us, UTC]"})

    def _lines(self, name: str) -> list[Any]:
        path = self.path / name
        if not path.exists():
            return []
        try:
            return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        except ValueError as error:
            msg = f"{path.name} cannot be read as lines of JSON: {error}"
            raise DataError(msg) from None


@cache
def empty(stem: str) -> pd.DataFrame:
    """A frame of that file without rows; the same one for everybody, so nobody may fill it."""
    columns = _FRAMES[stem].to_schema().columns.items()
    return pd.DataFrame(
        {name: pd.Series(dtype=_dtype(str(each.dtype))) for name, each in columns if name != _LEFT_OUT.get(stem)}
    )


def _dtype(named: str) -> str:
    """The dtype of a schema's column; the schemas' only objects are dates."""
    if named.startswith("str"):
        return "str"
    return named if named in {"object", "float64", "int64"} else "datetime64[us, UTC]"


def _look(facts: dict[str, Any]) -> Look:
    rest = {name: value for name, value in facts.items() if name not in {"moment", "at", "through"}}
    try:
        moment, at = (datetime.fromisoformat(facts[name]).astimezone(UTC) for name in ("moment", "at"))
        return Look(moment, at, date.fromisoformat(facts["through"]), rest)
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{LOOKS} holds a line that is no look ({type(error).__name__})"
        raise DataError(msg) from None
