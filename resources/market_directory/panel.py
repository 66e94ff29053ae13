"""Bars with their events, stored by session, so that a week is one slice."""

from collections.abc import Collection
from datetime import date

import numpy as np
import pandas as pd

from learnfinance_dagster.ports import PriceBasis
from learnfinance_dagster.schemas.market import PRICES
from resources.market_directory.days import ORDINARY, Days, Micros, arrivals_of, days_of
from resources.market_directory.events import Events, Ints, align, implied_dividends

_NOTHING = {"split_ratio": 1.0, "dividend": 0.0, "delisting": 0.0}
"""What stands in a bar before its event is known."""
_NUMBERS = (*PRICES, "volume", *_NOTHING)
BAR = "bar"
"""Among latecomers: the row itself."""


class Panel:
    """Arrays sorted by session, then symbol."""

    def __init__(self, bars: pd.DataFrame, actions: pd.DataFrame | None, basis: PriceBasis) -> None:
        """Join bars and actions.

        Each row is made of itself, the row before it of the same symbol, and actions of its own day: rows of later
        days may hold anything.
        """
        code, names = pd.factorize(bars["symbol"], sort=True)
        self._names = pd.Index(names, dtype="str")
        day = days_of(bars["date"])
        order = np.lexsort((day, code))
        order = order[code[order] >= 0]
        self._code: Ints = code[order].astype(np.int64)
        self._day: Days = day[order]
        self._columns = {name: bars[name].to_numpy(dtype=np.float64)[order] for name in (*PRICES, "volume")}
        events = align(self._code, self._day, self._names, actions)
        dividend = events.dividend
        if basis is PriceBasis.SPLIT_ADJUSTED and "adj_close" in bars:
            adjusted = bars["adj_close"].to_numpy(dtype=np.float64)[order]
            dividend = implied_dividends(self._code, self._columns["close"], adjusted)
        self._columns |= {"split_ratio": events.split_ratio, "dividend": dividend, "delisting": events.delisting}
        self._arrival: dict[str, Micros] = {BAR: arrivals_of(bars)[order], **events.arrivals}
        self._append_payouts(events)
        by_day = np.lexsort((self._code, self._day))
        self._code, self._day = self._code[by_day], self._day[by_day]
        self._columns = {name: values[by_day] for name, values in self._columns.items()}
        self._arrival = {name: moments[by_day] for name, moments in self._arrival.items()}
        self._has_latecomers = any((moments != ORDINARY).any() for moments in self._arrival.values())
        sessions, position = np.unique(self._day, return_inverse=True)
        # one date object a session: making them anew would cost more than the slice itself
        self._date = sessions.astype(object)[position]

    def _append_payouts(self, events: Events) -> None:
        """A delisting on a day without a bar becomes a row that trades nothing at the price paid."""
        value, zero = events.payout_value, np.zeros(len(events.payout_value))
        rows = dict.fromkeys(PRICES, value) | {
            "volume": zero,
            "split_ratio": zero + 1,
            "dividend": zero,
            "delisting": value,
        }
        self._code = np.concatenate([self._code, events.payout_symbol])
        self._day = np.concatenate([self._day, events.payout_day])
        self._columns = {name: np.concatenate([values, rows[name]]) for name, values in self._columns.items()}
        ordinary = np.full(len(value), ORDINARY, dtype=np.int64)
        later = {BAR: events.payout_arrival}
        self._arrival = {
            name: np.concatenate([moments, later.get(name, ordinary)]) for name, moments in self._arrival.items()
        }

    def between(self, first: date, last: date, known_at: int, symbols: Collection[str] | None = None) -> pd.DataFrame:
        """Rows of [first, last] that had arrived by `known_at` (microseconds), with the events that had.

        Sorted by symbol, date; columns as `ports.Market.bars` lists them.
        """
        start = np.searchsorted(self._day, np.datetime64(first, "D"), side="left")
        stop = np.searchsorted(self._day, np.datetime64(last, "D"), side="right")
        rows = np.arange(start, stop)
        if symbols is not None:
            wanted = np.isin(np.arange(len(self._names)), self._names.get_indexer(pd.Index(list(symbols), dtype="str")))
            rows = rows[wanted[self._code[rows]]]
        rows = rows[self._arrival[BAR][rows] <= known_at]
        rows = rows[np.argsort(self._code[rows], kind="stable")]
        columns = {name: self._columns[name][rows] for name in _NUMBERS}
        if self._has_latecomers:
            for name, nothing in _NOTHING.items():
                columns[name] = np.where(self._arrival[name][rows] <= known_at, columns[name], nothing)
        columns["volume"] = columns["volume"].astype(np.int64)
        return pd.DataFrame({"date": self._date[rows], "symbol": self._names.take(self._code[rows]).array, **columns})

    def latecomers(self, last: date, known_at: int) -> pd.DataFrame:
        """See `ports.Market.latecomers`; of sessions up to `last`."""
        found = []
        for what, moments in self._arrival.items():
            rows = np.flatnonzero((moments != ORDINARY) & (moments <= known_at))
            rows = rows[self._day[rows] <= np.datetime64(last, "D")]
            found.append(
                pd.DataFrame(
                    {
                        "symbol": self._names.take(self._code[rows]).array,
                        "date": self._date[rows],
                        "what": pd.array([what] * len(rows), dtype="str"),
                        "known_at": pd.to_datetime(moments[rows], unit="us", utc=True),
                    }
                )
            )
        return pd.concat(found, ignore_index=True)
