"""What the house asks of the outside world. Adapters live in `resources/`; fakes pass the same contract tests.

Every question about a market carries `known_at`: an adapter answers only with what was public then.
"""

from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import pandas as pd

from learnfinance_dagster.values import (
    EquityMark,
    Fill,
    Order,
    OrderPlan,
    OrderRecord,
    Portfolio,
    Position,
    Week,
)


class PriceBasis(StrEnum):
    """What the prices of a source mean."""

    AS_TRADED = "as_traded"
    SPLIT_ADJUSTED = "split_adjusted"
    """Divided by every split up to the end of the file: ratios are right, absolute levels know the future."""


@dataclass(frozen=True, slots=True)
class MarketInfo:
    """Who a market source is, for provenance and for the first line of a report."""

    name: str
    is_practice: bool
    price_basis: PriceBasis
    first_session: date
    last_session: date
    caveats: tuple[str, ...] = ()
    """What a reader must know before trusting results, e.g. survivorship."""


class Market(Protocol):
    """Prices, fund holdings and index membership, as they were known at a moment."""

    @property
    def info(self) -> MarketInfo:
        """Name, basis, span and caveats."""
        ...

    def bars(self, first: date, last: date, known_at: datetime, symbols: Collection[str] | None = None) -> pd.DataFrame:
        """Bars of sessions in [first, last] that had closed by `known_at`.

        Columns: date, symbol, open, high, low, close, volume, split_ratio (1 = none), dividend (USD a share),
        delisting (USD paid a share on that day, 0 = none). Sorted by symbol, date.
        """
        ...

    def holdings(self, funds: Collection[str], known_at: datetime) -> pd.DataFrame:
        """The newest holdings of each fund: fund, date, symbol, weight_pct. Empty where none was known."""
        ...

    def members(self, known_at: datetime) -> frozenset[str] | None:
        """Members of any index that day; None where the source has no dated membership."""
        ...


class BrokerClock(StrEnum):
    """Which clock decides whether a broker may be sent orders."""

    WALL = "wall"
    MARKET = "market"
    """A simulated account: its time is the market's, so past weeks can be traded in order."""


@dataclass(frozen=True, slots=True)
class BrokerAccount:
    """An account as the broker reports it."""

    cash: Decimal
    positions: dict[str, Decimal]
    open_orders: tuple[str, ...]
    """client_order_ids that may still trade."""


class Broker(Protocol):
    """One broker account."""

    @property
    def clock(self) -> BrokerClock:
        """Which clock binds it."""
        ...

    def account(self, known_at: datetime) -> BrokerAccount:
        """Cash, positions and open orders as of a moment; changes nothing."""
        ...

    def find(self, client_order_id: str) -> OrderRecord | None:
        """The order with that id, or None when the broker never saw it."""
        ...

    def submit(self, order: Order, week: Week) -> OrderRecord:
        """Send one order for the week's first session.

        Raises:
            RefusedError: the broker declined it.
            TransientError: it is not known whether the order arrived; look it up, never send again blindly.
        """
        ...

    def settle(self, known_at: datetime) -> None:
        """Let the account catch up with the market (simulated accounts only; a real broker does so by itself)."""
        ...

    def fills(self, client_order_ids: Iterable[str]) -> tuple[Fill, ...]:
        """Executions of those orders."""
        ...


@dataclass(frozen=True, slots=True)
class Attempt:
    """One recorded intent: what the account was, what was planned, and the orders as they stand."""

    number: int
    portfolio: Portfolio
    plan: OrderPlan
    orders: tuple[OrderRecord, ...]

    @property
    def is_over(self) -> bool:
        """It was skipped, or every one of its orders is dead: a new attempt may follow while the week lasts.

        An attempt that needed no orders is not over: there is nothing to try again.
        """
        return bool(self.plan.skipped or self.orders) and all(record.status.is_dead for record in self.orders)


class Ledger(Protocol):
    """What we intended, what was sent, what came of it. The memory that makes a second run harmless."""

    def claim(self, account: str, run_id: str) -> AbstractContextManager[None]:
        """Exclusive right to trade that account and week; released when the holder ends, even by a crash.

        Raises:
            RefusedError: somebody else holds it now.
        """
        ...

    def latest_traded(self, account: str) -> date | None:
        """The newest Monday with a recorded attempt."""
        ...

    def latest_attempt(self, account: str, run_id: str) -> Attempt | None:
        """The newest attempt of that week, with its orders' status."""
        ...

    def record_intent(self, portfolio: Portfolio, plan: OrderPlan) -> None:
        """Write the attempt and its orders (none is fine) as intended, in one transaction, before anything is sent."""
        ...

    def record_order(self, account: str, record: OrderRecord) -> None:
        """Update one order's status."""
        ...

    def record_outcome(
        self, account: str, week: Week, fills: Iterable[Fill], positions: Iterable[Position], mark: EquityMark
    ) -> None:
        """Write a week's fills, positions and equity mark in one transaction; writing them again changes nothing."""
        ...

    def fills(self, account: str, run_id: str) -> tuple[Fill, ...]:
        """Recorded executions of that week."""
        ...

    def positions(self, account: str, run_id: str) -> tuple[Position, ...]:
        """Positions recorded with that week's equity mark."""
        ...

    def held_before(self, monday: date) -> frozenset[str]:
        """Symbols that any account held after its newest traded week before `monday`."""
        ...

    def marks(self, account: str, until: date) -> tuple[EquityMark, ...]:
        """Equity marks up to and including the week of `until`, oldest first."""
        ...
