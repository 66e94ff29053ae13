"""The headlines of a market directory, asked as `ports.NewsSource`."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from learnfinance_dagster.calendar import decision_time, last_whole_news_day
from learnfinance_dagster.ports import NewsAnswer
from learnfinance_dagster.schemas.market import News
from learnfinance_dagster.symbols import normalise
from resources.market_directory.articles import told
from resources.market_directory.days import (
    Micros,
    aware,
    days_between,
    days_of,
    micros,
    news_days_of,
)
from resources.market_directory.groups import first_days, rows_by_name
from resources.market_directory.news_days import Declared, Inferred, Nothing, Reach, coverage

_COLUMNS = tuple(News.to_schema().columns)


class DirectoryNews:
    """`ports.NewsSource` over a frame in memory; rows that were not public yet may hold anything.

    Names are normalised, those of the files as those that are asked.
    """

    def __init__(
        self, name: str, news: pd.DataFrame | None, spans: pd.DataFrame | None, bars: pd.DataFrame | None = None
    ) -> None:
        """Index the frames of `news.parquet`, `news_coverage.parquet` and `bars.parquet`; None where there is none.

        Of bars only symbol and date are read: a span of every name reaches the names that the market knows.
        """
        self._name = name
        self._news = pd.DataFrame(columns=pd.Index(_COLUMNS), dtype="str") if news is None else news
        times = pd.DatetimeIndex(self._news["published_at"]).as_unit("us")
        dated = np.flatnonzero(times.notna())
        published = times.asi8[dated]
        order, self._rows = rows_by_name(self._news["symbol"].take(dated), published)
        self._published: Micros = published[order]
        self._position = dated[order]
        self._reach = self._how_far(news, spans, bars)

    @property
    def name(self) -> str:
        """The market's name."""
        return self._name

    def articles(self, symbols: Collection[str], first: date, last: date, known_at: datetime) -> NewsAnswer:
        """Articles of the news days [first, last] that were public at `known_at`, as `ports.NewsSource` says.

        An item is skipped when its headline is empty once markup is gone, or when it was there already: the same name,
        moment, headline and source.
        """
        names, days = sorted({normalise(symbol) for symbol in symbols}), days_between(first, last)
        since = micros(decision_time(first - timedelta(days=1)))
        until = min(micros(decision_time(last)), micros(aware(known_at)))
        entries, codes = self._between(names, since, until)
        moments = self._published[entries]
        articles, used, skipped = told(
            self._news.take(self._position[entries]), np.array(names, dtype=object)[codes], moments
        )
        is_told = np.zeros((len(days), len(names)), dtype=bool)
        is_told[np.searchsorted(days, news_days_of(moments[used])), codes[used]] = True
        last_whole = np.datetime64(last_whole_news_day(known_at), "D")
        return NewsAnswer(articles, coverage(self._reach, days, names, is_told, last_whole), skipped)

    def _how_far(self, news: pd.DataFrame | None, spans: pd.DataFrame | None, bars: pd.DataFrame | None) -> Reach:
        if news is None:
            return Nothing()
        days = news_days_of(self._published)
        first = {name: days[int(rows.start)] for name, rows in self._rows.items()}
        if spans is None:
            return Inferred(np.unique(days), first)
        return Declared(spans, first, {} if bars is None else first_days(bars["symbol"], days_of(bars["date"])))

    def _between(
        self, names: Sequence[str], since: int, until: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Entries published in (since, until], by name and time; and the number of the name of each."""
        found, counts = [np.empty(0, dtype=np.int64)], []
        for name in names:
            rows = self._rows.get(name, slice(0, 0))
            start, stop = rows.start + np.searchsorted(self._published[rows], (since, until), side="right")
            found.append(np.arange(start, stop))
            counts.append(max(0, stop - start))
        return np.concatenate(found), np.repeat(np.arange(len(names)), counts)
