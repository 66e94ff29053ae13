"""A fetcher with a memory: each (day, name) is fetched once, and a killed back-fill goes on where it was."""

import time
from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta
from pathlib import Path

from learnfinance_dagster.calendar import decision_time, news_day
from learnfinance_dagster.ports import NewsAnswer
from learnfinance_dagster.symbols import normalise
from resources.news.answer import article_frame, coverage_frame
from resources.news.backfill import Backfill
from resources.news.fetched import NewsFetcher
from resources.news.progress import Progress
from resources.news.store import opened


class ArchivedNews:
    """`ports.NewsSource` of a fetcher."""

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
        """See `ports.NewsSource.articles`. What is in the archive is not asked for again.

        Raises:
            ConfigurationError, DataError, TransientError: the archive itself cannot be used.
            ValueError: `known_at` has no time zone, so it could be any of two days.
        """
        if known_at.tzinfo is None:
            msg = f"known_at {known_at.isoformat()} has no time zone"
            raise ValueError(msg)
        names = sorted({normalise(symbol) for symbol in symbols})
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        now = self._clock()
        last_over = _last_over(min(known_at, now))
        last_begun = min(last, last_over + timedelta(days=1))
        with opened(self._path, self.name) as store:
            known = store.covered(names, first, last)
            missing = {
                day: absent
                for day in reversed(days)  # the newest first: should the rest fail, the decision has what it needs most
                if day <= last_begun and (absent := [name for name in names if (day, name) not in known])
            }
            reasons = Backfill(self._fetcher, store, now, last_over).fill(missing, self._progress)
            return NewsAnswer(
                articles=article_frame(store.articles(names, first, last, known_at)),
                coverage=coverage_frame(days, names, store.covered(names, first, last), reasons, last_over),
                skipped=store.skipped(names, first, last_begun),
            )


def _last_over(moment: datetime) -> date:
    """The newest news day that was over."""
    day = news_day(moment)
    return day if decision_time(day) <= moment else day - timedelta(days=1)
