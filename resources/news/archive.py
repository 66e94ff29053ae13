"""A fetcher with a memory: each (day, name) is fetched once, and a killed back-fill goes on where it was."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd

from learnfinance_dagster.calendar import NOT_OVER, last_whole_news_day
from learnfinance_dagster.ports import Coverage, NewsAnswer
from learnfinance_dagster.symbols import normalise
from resources.news.backfill import Backfill, Pair, Progress
from resources.news.fetched import NewsFetcher
from resources.news.sql import COLUMNS
from resources.news.store import opened

SETTLES = timedelta(hours=6)
"""From a day's end until a vendor has indexed what was published in it, and our clock is past it for certain."""


class ArchivedNews:
    """`ports.NewsSource` of a fetcher.

    A day that was asked for at least `SETTLES` after its end is final: it is never fetched again, and always answered
    the same. One that is over and has not settled is fetched for every question, and counts as covered in that answer:
    so a decision at the very end of its last day sees it, and who asks when it has settled fetches it once more, with
    what came late. Such a fetch begins at the first page; a final one goes on at the page where it was killed.
    """

    def __init__(
        self,
        fetcher: NewsFetcher,
        path: Path,
        clock: Callable[[], datetime],
        say: Callable[[str], None] | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is opened or asked yet.

        Args:
            fetcher: the vendor.
            path: the archive; several fetchers may share it.
            clock: the time now: what is not over yet can change, whatever `known_at` says.
            say: is told how far a back-fill is.
            ticks: monotonic seconds, for estimates of what is left.
        """
        self._fetcher, self._path, self._clock = fetcher, path, clock
        self._progress = Progress(say or (lambda _line: None), fetcher.unit, ticks)

    @property
    def name(self) -> str:
        """The fetcher's."""
        return self._fetcher.name

    def articles(self, symbols: Collection[str], first: date, last: date, known_at: datetime) -> NewsAnswer:
        """See `ports.NewsSource.articles`. What is in the archive for good is not asked for again.

        Raises:
            ConfigurationError, TransientError: the archive itself cannot be used.
            ValueError: `known_at` has no time zone, so it could be any of two days.
        """
        if known_at.tzinfo is None:
            msg = f"known_at {known_at.isoformat()} has no time zone"
            raise ValueError(msg)
        names = sorted({normalise(symbol) for symbol in symbols})
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        now = self._clock()
        last_over, last_settled = (last_whole_news_day(min(known_at, moment)) for moment in (now, now - SETTLES))
        last_begun = min(last, last_over + timedelta(days=1))
        with opened(self._path, self.name) as store:
            known = store.covered(names, first, last)
            missing = {
                day: absent
                for day in reversed(days)  # the newest first: should the rest fail, the decision has what it needs most
                if day <= last_begun and (absent := [name for name in names if (day, name) not in known])
            }
            filled = Backfill(self._fetcher, store, now, last_over, last_settled).fill(missing, self._progress)
            articles = _article_frame(store.articles(names, first, last, known_at))
            told = set(articles[["day", "symbol"]].itertuples(index=False, name=None))
            fetched = {pair: Coverage.ARTICLES if pair in told else Coverage.NO_ARTICLES for pair in filled.whole}
            covered = fetched | store.covered(names, first, min(last, last_over))
            return NewsAnswer(
                articles=articles,
                coverage=_coverage_frame(days, names, covered, filled.reasons, last_over),
                skipped=store.skipped(names, first, last_begun),
            )


def _article_frame(rows: Sequence[tuple[str, ...]]) -> pd.DataFrame:
    """Rows of `sql.COLUMNS` as `schemas.evidence.Articles`, in their order."""
    columns = dict(zip(COLUMNS, zip(*rows, strict=True) if rows else [()] * len(COLUMNS), strict=True))
    frame = pd.DataFrame({name: pd.array(values, dtype="str") for name, values in columns.items()})
    frame["day"] = pd.Series([date.fromisoformat(day) for day in columns["day"]], dtype="object")
    moments = pd.to_datetime(pd.Series(columns["published_at"], dtype="object"), utc=True, format="ISO8601")
    frame["published_at"] = moments.astype("datetime64[us, UTC]")
    return frame


def _coverage_frame(
    days: Sequence[date],
    names: Sequence[str],
    covered: Mapping[Pair, Coverage],
    reasons: Mapping[Pair, str],
    last_over: date,
) -> pd.DataFrame:
    """What is known of every day and name, as `schemas.evidence.NewsCoverage`; sorted by day, symbol.

    Args:
        days: in order.
        names: in order.
        covered: (day, name) → its state, where it was fetched.
        reasons: (day, name) → why it was not.
        last_over: the last day that is over; later ones are in `covered` never.
    """
    rows = []
    for day in days:
        for name in names:
            state = covered.get((day, name), Coverage.NOT_FETCHED)
            why = [NOT_OVER] if day > last_over else []
            if state == Coverage.NOT_FETCHED:
                why.append(reasons.get((day, name), ""))
            rows.append((day, name, state.value, "; ".join(filter(None, why))))
    day_column, *texts = zip(*rows, strict=True) if rows else [()] * 4
    frame = pd.DataFrame({"day": pd.Series(day_column, dtype="object")})
    for name, values in zip(("symbol", "state", "reason"), texts, strict=True):
        frame[name] = pd.array(values, dtype="str")
    return frame
