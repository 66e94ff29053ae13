"""Bars with their events, stored by session, so that a week is one slice."""

from collections.abc import Collection
from datetime import date

import numpy as np
import pandas as pd

from learnfinance_dagster.ports import PriceBasis
from learnfinance_dagster.schemas.market import PRICES
from resources.market_directory.days import Days, days_of
from resources.market_directory.events import Events, Ints, align, implied_dividends

_NUMBERS = (*PRICES, "volume", "split_ratio", "dividend", "delisting")


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
        self._append_payouts(events)
        by_day = np.lexsort((self._code, self._day))
        self._code, self._day = self._code[by_day], self._day[by_day]
        self._columns = {name: values[by_day] for name, values in self._columns.items()}
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

    def between(self, first: date, last: date, symbols: Collection[str] | None = None) -> pd.DataFrame:
        """Rows of [first, last], sorted by symbol, date; columns as `ports.Market.bars` lists them."""
        start = np.searchsorted(self._day, np.datetime64(first, "D"), side="left")
        stop = np.searchsorted(self._day, np.datetime64(last, "D"), side="right")
        rows = np.arange(start, stop)
        if symbols is not None:
            wanted = np.isin(np.arange(len(self._names)), self._names.get_indexer(pd.Index(list(symbols), dtype="str")))
            rows = rows[wanted[self._code[rows]]]
        rows = rows[np.argsort(self._code[rows], kind="stable")]
        columns = {name: self._columns[name][rows] for name in _NUMBERS}
        columns["volume"] = columns["volume"].astype(np.int64)
        return pd.DataFrame({"date": self._date[rows], "symbol": self._names.take(self._code[rows]).array, **columns})
