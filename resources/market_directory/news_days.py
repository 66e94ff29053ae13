"""Which news days a market directory holds: a hole in its headlines is no day without news."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from learnfinance_dagster.calendar import NOT_OVER
from learnfinance_dagster.ports import Coverage
from learnfinance_dagster.symbols import normalise
from resources.market_directory.days import Days, days_of

Kinds = npt.NDArray[np.int64]
"""(D, N) of `Kind`, by day and name."""
EVERY_NAME = "*"
NEVER = np.datetime64("NaT", "D")
"""Every comparison with it is false."""
REACH = np.timedelta64(3, "D")
"""A weekend with its Monday off has no trading for three days; a longer silence of every name is a hole."""


class Kind(IntEnum):
    """What is known of a name's news on a day."""

    ARTICLES = 0
    NO_ARTICLES = 1
    NOT_OVER = 2
    NO_FILE = 3
    HOLE = 4
    PARTLY = 5
    NOT_YET = 6
    UNKNOWN = 7


_SAYS = {
    Kind.ARTICLES: (Coverage.ARTICLES, ""),
    Kind.NO_ARTICLES: (Coverage.NO_ARTICLES, ""),
    Kind.NOT_OVER: (Coverage.NOT_FETCHED, NOT_OVER),
    Kind.NO_FILE: (Coverage.NOT_FETCHED, "this market has no news"),
    Kind.HOLE: (Coverage.NOT_FETCHED, "the directory holds no news of that day"),
    Kind.PARTLY: (Coverage.NOT_FETCHED, "the directory holds only part of that day's news"),
    Kind.NOT_YET: (Coverage.NOT_FETCHED, "the directory held no news of this name until that day"),
    Kind.UNKNOWN: (Coverage.NOT_FETCHED, "the market does not know this name"),
}
_STATES = pd.Index([state.value for state, _ in _SAYS.values()], dtype="str")
_REASONS = pd.Index([reason for _, reason in _SAYS.values()], dtype="str")


class Reach(Protocol):
    """Says which days are held, before anybody looks at what was written on them."""

    def kinds(self, days: Days, names: Sequence[str]) -> Kinds:
        """NO_ARTICLES where a day is held, and otherwise why it is not."""
        ...


class Nothing:
    """There is no `news.parquet`."""

    def kinds(self, days: Days, names: Sequence[str]) -> Kinds:
        """NO_FILE everywhere."""
        return np.full((len(days), len(names)), Kind.NO_FILE)


class Declared:
    """`news_coverage.parquet` says it."""

    def __init__(
        self, spans: pd.DataFrame, first: Mapping[str, np.datetime64], traded: Mapping[str, np.datetime64]
    ) -> None:
        """Take the spans by normalised name.

        Args:
            spans: symbol, first_day, last_day.
            first: name → news day of its first headline.
            traded: name → session of its first bar.
        """
        self._first, self._traded = first, traded
        self._spans: dict[str, list[tuple[np.datetime64, np.datetime64]]] = {}
        starts, stops = days_of(spans["first_day"]), days_of(spans["last_day"])
        for name, start, stop in zip(spans["symbol"], starts, stops, strict=True):
            self._spans.setdefault(normalise(name), []).append((start, stop))

    def kinds(self, days: Days, names: Sequence[str]) -> Kinds:
        """Held: inside a span of the name; or of every name, and the market knows the name.

        It knows a name from its first bar or headline on: what comes later in the file says nothing about that day.
        """
        every = np.tile(self._inside(EVERY_NAME, days)[:, None], len(names))
        own = np.zeros_like(every)
        for column, name in enumerate(names):
            own[:, column] = self._inside(name, days)
        ends = days[:, None]  # a day is over before its own session trades
        known = (_of(self._first, names) <= ends) | (_of(self._traded, names) < ends)
        return np.where(own | (every & known), Kind.NO_ARTICLES, np.where(every, Kind.UNKNOWN, Kind.HOLE))

    def _inside(self, name: str, days: Days) -> npt.NDArray[np.bool_]:
        inside = np.zeros(len(days), dtype=bool)
        for first, last in self._spans.get(name, ()):
            inside |= (first <= days) & (days <= last)
        return inside


@dataclass(frozen=True, slots=True)
class Inferred:
    """The headlines themselves say it, and no later headline changes what earlier ones said of a day."""

    written: Days
    """News days on which any name has a headline; sorted, each once."""
    first: dict[str, np.datetime64] = field(default_factory=dict)
    """Name → news day of its first headline."""

    def kinds(self, days: Days, names: Sequence[str]) -> Kinds:
        """Held: some name was written about in the four days up to and including it, and this name by then."""
        latest = np.append(self.written, NEVER)[np.searchsorted(self.written, days, side="right") - 1]
        alive = days - latest <= REACH  # false where there is no latest: NaT compares false
        known = _of(self.first, names) <= days[:, None]
        return np.where(alive[:, None], np.where(known, Kind.NO_ARTICLES, Kind.NOT_YET), Kind.HOLE)


def _of(days: Mapping[str, np.datetime64], names: Sequence[str]) -> Days:
    """(N,) the day of each name, or never."""
    return np.array([days.get(name, NEVER) for name in names], dtype="datetime64[D]")


def coverage(
    reach: Reach, days: Days, names: Sequence[str], told: npt.NDArray[np.bool_], last_whole: np.datetime64
) -> pd.DataFrame:
    """What is known of every day and name.

    Args:
        reach: which days are held.
        days: (D,) news days, in order.
        names: (N,) names, in order.
        told: (D, N) where there are articles.
        last_whole: the newest day that is over.

    Returns:
        day, symbol, state, reason as `schemas.evidence.NewsCoverage` says; sorted by day, symbol.
    """
    kinds = reach.kinds(days, names)
    kinds = np.where(told & (kinds == Kind.NO_ARTICLES), Kind.ARTICLES, kinds)
    kinds = np.where(told & (kinds == Kind.HOLE), Kind.PARTLY, kinds)
    is_over = (days <= last_whole)[:, None] | (kinds == Kind.NO_FILE)
    kinds = np.where(is_over, kinds, Kind.NOT_OVER).ravel()
    return pd.DataFrame(
        {
            "day": np.repeat(days.astype(object), len(names)),
            "symbol": pd.Index(list(names), dtype="str").take(np.tile(np.arange(len(names)), len(days))).array,
            "state": _STATES.take(kinds).array,
            "reason": _REASONS.take(kinds).array,
        }
    )
