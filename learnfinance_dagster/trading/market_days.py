"""Bars as a simulated broker needs them: by symbol and session, with the day's corporate actions."""

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import prod

import numpy as np
import pandas as pd

from learnfinance_dagster.schemas.market import PRICES
from learnfinance_dagster.values import Position

PRICE_PLACES = 6
"""Decimals kept of a price: sub-penny split-adjusted prices of long histories still have four digits."""


def to_price(value: float) -> Decimal:
    """A float price as an exact decimal."""
    return Decimal(str(round(float(value), PRICE_PLACES)))


@dataclass(frozen=True, slots=True)
class DayBar:
    """One symbol's session."""

    open: float
    high: float
    low: float
    close: float


@dataclass(frozen=True, slots=True)
class Action:
    """What happened to a share before the open of its day."""

    symbol: str
    split_ratio: float
    dividend: float
    delisting: float


class MarketDays:
    """A window of bars (columns of `Market.bars`), indexed for look-ups."""

    def __init__(self, bars: pd.DataFrame) -> None:
        """Index `bars`, sorted by symbol and date."""
        symbols = bars["symbol"].to_numpy()
        starts = [0, *(np.flatnonzero(symbols[1:] != symbols[:-1]) + 1).tolist()] if len(bars) else []
        days, prices = bars["date"].tolist(), bars[list(PRICES)].to_numpy(float).tolist()
        self._days: dict[str, list[date]] = {}
        self._prices: dict[str, list[list[float]]] = {}
        for first, end in zip(starts, [*starts[1:], len(bars)], strict=False):
            self._days[str(symbols[first])] = days[first:end]
            self._prices[str(symbols[first])] = prices[first:end]
        self._actions: dict[date, list[Action]] = defaultdict(list)
        eventful = bars[(bars["split_ratio"] != 1) | (bars["dividend"] != 0) | (bars["delisting"] != 0)]
        events = eventful[["date", "symbol", "split_ratio", "dividend", "delisting"]]
        for day, *facts in events.itertuples(index=False, name=None):
            self._actions[day].append(Action(*facts))

    def actions(self, session: date) -> list[Action]:
        """Corporate actions with that ex-date."""
        return self._actions.get(session, [])

    @property
    def newest(self) -> date | None:
        """The newest session of which there is a bar; None without any."""
        return max((days[-1] for days in self._days.values()), default=None)

    def split_since(self, symbol: str, session: date) -> Decimal:
        """How many shares one share of that session has become by the window's end."""
        later = (
            a.split_ratio for day, each in self._actions.items() if day > session for a in each if a.symbol == symbol
        )
        return prod((Decimal(str(ratio)) for ratio in later), start=Decimal(1))

    def told(self, symbol: str, session: date) -> str:
        """What happened to the share before that session's open that an order could not know; empty if nothing did."""
        found = next((action for action in self.actions(session) if action.symbol == symbol), None)
        if found is None:
            return ""
        if found.delisting:
            return f"delisted on {session}"
        return f"split {found.split_ratio:g} to 1 on {session}, after the decision" if found.split_ratio != 1 else ""

    def bar(self, symbol: str, session: date) -> DayBar | None:
        """The session's bar; None when the name did not trade."""
        days = self._days.get(symbol, [])
        at = bisect_right(days, session) - 1
        if at < 0 or days[at] != session:
            return None
        return DayBar(*self._prices[symbol][at])

    def last_close(self, symbol: str, session: date) -> tuple[Decimal, date] | None:
        """The newest close at or before `session`, and its session."""
        days = self._days.get(symbol, [])
        at = bisect_right(days, session) - 1
        return (to_price(self._prices[symbol][at][3]), days[at]) if at >= 0 else None

    def at_close(self, positions: dict[str, Decimal], session: date) -> tuple[Position, ...]:
        """Positions valued at the newest close at or before `session`; unknown prices count as zero."""
        return tuple(self._valued(symbol, qty, session, at_open=False) for symbol, qty in sorted(positions.items()))

    def at_open(self, positions: dict[str, Decimal], session: date) -> tuple[Position, ...]:
        """Positions valued at the session's open; a name that does not trade keeps its newest close."""
        return tuple(self._valued(symbol, qty, session, at_open=True) for symbol, qty in sorted(positions.items()))

    def _valued(self, symbol: str, qty: Decimal, session: date, *, at_open: bool) -> Position:
        bar = self.bar(symbol, session) if at_open else None
        if bar is not None:
            return Position(symbol, qty, to_price(bar.open), session)
        price, day = self.last_close(symbol, session) or (Decimal(0), date.min)
        return Position(symbol, qty, price, day)
