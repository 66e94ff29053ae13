"""A market directory, asked as `ports.Market`."""

from collections.abc import Collection
from datetime import date, datetime
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from learnfinance_dagster.calendar import last_closed_session
from learnfinance_dagster.ports import MarketInfo, MarketNote
from resources.market_directory.days import arrivals_of, aware, days_of, micros, new_york_day
from resources.market_directory.filings import DirectoryFilings
from resources.market_directory.load import MarketFrames, load
from resources.market_directory.news import DirectoryNews
from resources.market_directory.panel import Panel

_HOLDINGS = {"fund": "str", "date": "object", "symbol": "str", "weight_pct": "float64"}


class DirectoryMarket:
    """`ports.Market` over frames in memory; every answer is made of rows that were public at `known_at`."""

    def __init__(self, frames: MarketFrames) -> None:
        """Index the frames. They are taken as they are: `load` has checked them."""
        self._frames = frames
        self._panel = Panel(frames.bars, frames.actions, frames.info.price_basis)
        self._holdings = pd.DataFrame(columns=pd.Index(_HOLDINGS)) if frames.holdings is None else frames.holdings
        self._holding_day, self._holding_arrival = days_of(self._holdings["date"]), arrivals_of(self._holdings)
        self._fund_rows = {
            fund: np.asarray(rows) for fund, rows in self._holdings.groupby("fund", sort=False).indices.items()
        }
        self._membership = frames.membership
        if self._membership is not None:
            self._start, self._end = days_of(self._membership["start_date"]), days_of(self._membership["end_date"])
        self._news = DirectoryNews(self.info.name, frames.news, frames.news_coverage, frames.bars)
        self._statements = DirectoryFilings(self.info.name, frames.fundamentals)

    @classmethod
    def from_frames(cls, frames: MarketFrames) -> Self:
        """A market of frames that need not be valid, e.g. with a poisoned future."""
        return cls(frames)

    @classmethod
    def from_directory(cls, directory: Path) -> Self:
        """A market of a folder of Parquet files.

        Raises:
            DataError: the folder breaks a rule of `docs/market-directory.md`.
        """
        return cls(load(directory))

    @property
    def frames(self) -> MarketFrames:
        """Everything that was loaded, future included; for tools, never for decisions."""
        return self._frames

    @property
    def info(self) -> MarketInfo:
        """Name, basis, span and caveats."""
        return self._frames.info

    @property
    def news(self) -> DirectoryNews:
        """The headlines of `news.parquet`."""
        return self._news

    @property
    def statements(self) -> DirectoryFilings:
        """The statements of `fundamentals.parquet`."""
        return self._statements

    def bars(self, first: date, last: date, known_at: datetime, symbols: Collection[str] | None = None) -> pd.DataFrame:
        """Bars of sessions in [first, last] that had closed by `known_at`; columns and order as `ports.Market` says."""
        return self._panel.between(first, min(last, last_closed_session(aware(known_at))), micros(known_at), symbols)

    def latecomers(self, known_at: datetime) -> pd.DataFrame:
        """Rows and events with a `known_at` of their own, up to this one."""
        return self._panel.latecomers(last_closed_session(aware(known_at)), micros(known_at))

    def notes(self, known_at: datetime) -> tuple[MarketNote, ...]:
        """The notes of the newest moment in `notes.parquet` that is not after `known_at`."""
        if self._frames.notes is None:
            return ()
        arrivals = arrivals_of(self._frames.notes)
        known = arrivals[arrivals <= micros(aware(known_at))]
        rows = self._frames.notes[arrivals == known.max()] if len(known) else self._frames.notes.iloc[:0]
        return tuple(MarketNote(topic, text) for topic, text in zip(rows["topic"], rows["text"], strict=True))

    def holdings(self, funds: Collection[str], known_at: datetime) -> pd.DataFrame:
        """The newest holdings of each fund dated before `known_at`'s New York day, as far as they had arrived.

        Columns: fund, date, symbol, weight_pct. Funds in the order given, the heaviest holding first.
        """
        day, moment = new_york_day(known_at), micros(known_at)
        rows = [self._newest(fund, day, moment) for fund in dict.fromkeys(funds)]
        known = self._holdings.take(np.concatenate([np.empty(0, dtype=np.int64), *rows]))
        return known[list(_HOLDINGS)].astype(_HOLDINGS).reset_index(drop=True)

    def members(self, known_at: datetime) -> frozenset[str] | None:
        """Members of any index on `known_at`'s New York day; None without a membership file."""
        if self._membership is None:
            return None
        day = new_york_day(known_at)
        is_member = (self._start <= day) & (np.isnat(self._end) | (day < self._end))
        return frozenset(self._membership["symbol"].to_numpy(dtype=object)[is_member])

    def _newest(self, fund: str, day: np.datetime64, moment: int) -> np.ndarray:
        """Row numbers of a fund's newest holdings before `day` that had arrived, heaviest first, then by symbol."""
        rows = self._fund_rows.get(fund, np.empty(0, dtype=np.int64))
        rows = rows[self._holding_arrival[rows] <= moment]
        days = self._holding_day[rows]
        known = days[days < day]
        if not len(known):
            return rows[:0]
        rows = rows[days == known.max()]
        newest = self._holdings.take(rows)
        rows = rows[np.argsort(newest["symbol"].to_numpy(dtype=object), kind="stable")]
        return rows[np.argsort(-self._holdings["weight_pct"].to_numpy()[rows], kind="stable")]
