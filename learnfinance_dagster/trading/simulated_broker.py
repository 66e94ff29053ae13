"""The `Broker` port over a simulated account, wherever its state is kept."""

import copy
from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import AbstractContextManager, contextmanager
from datetime import date, datetime
from typing import Protocol

from learnfinance_dagster.calendar import last_closed_session
from learnfinance_dagster.costs import CostModel
from learnfinance_dagster.errors import RefusedError
from learnfinance_dagster.ports import BrokerAccount, BrokerClock
from learnfinance_dagster.trading.market_days import MarketDays
from learnfinance_dagster.trading.simulation import SimulatedAccount
from learnfinance_dagster.values import Fill, Order, OrderRecord, Week

DaysSource = Callable[[date, datetime, Collection[str]], MarketDays]
"""(first session, known_at, symbols) → the bars from then on that had closed by known_at."""


class AccountStore(Protocol):
    """Where an account's state is kept."""

    def load(self) -> SimulatedAccount:
        """The state as last saved; callers copy it before they change it."""
        ...

    def change(self) -> AbstractContextManager[SimulatedAccount]:
        """The state, exclusively; saved when the block ends well, untouched when it raises."""
        ...


class MemoryAccountStore:
    """State in memory, for replays and tests."""

    def __init__(self, account: SimulatedAccount) -> None:
        """Start from `account`."""
        self._account = account

    def load(self) -> SimulatedAccount:
        """The live object: callers copy before they change it."""
        return self._account

    @contextmanager
    def change(self) -> Generator[SimulatedAccount]:
        """The live object; a replay that raises is over, so nothing is undone."""
        yield self._account


class SimulatedBroker:
    """A broker on the market's clock."""

    clock = BrokerClock.MARKET
    is_real_money = False

    def __init__(self, store: AccountStore, days: DaysSource, costs: CostModel) -> None:
        """Trade `store`'s account on the bars that `days` answers."""
        self._store, self._days, self._costs = store, days, costs

    def account(self, known_at: datetime) -> BrokerAccount:
        """As of the last session closed by `known_at`; an account that is further on is shown as it is."""
        state = self._store.load()
        if not _has_lived_through(state, last_closed_session(known_at)):
            state = copy.copy(state)
            for part in ("positions", "waiting", "orders", "fills"):
                setattr(state, part, dict(getattr(state, part)))
            self._advance(state, known_at)
        return BrokerAccount(state.cash, dict(state.positions), tuple(state.waiting))

    def find(self, client_order_id: str) -> OrderRecord | None:
        """The order with that id."""
        return self._store.load().orders.get(client_order_id)

    def orders_since(self, day: date) -> tuple[OrderRecord, ...]:
        """Orders for the session of `day` and later ones."""
        return self._store.load().orders_since(day)

    def submit(self, order: Order, week: Week) -> OrderRecord:
        """Accept a day order for the week's first session.

        Raises:
            RefusedError: the id was used before, or the session is over for this account or never comes.
        """
        if not week.sessions:
            msg = f"NYSE is closed in the week of {week.monday}"
            raise RefusedError(msg)
        with self._store.change() as state:
            return state.submit(order, week.sessions[0])

    def settle(self, known_at: datetime) -> None:
        """Live through every session that had closed by `known_at`."""
        if _has_lived_through(self._store.load(), last_closed_session(known_at)):
            return
        with self._store.change() as state:
            self._advance(state, known_at)

    def fills(self, client_order_ids: Iterable[str]) -> tuple[Fill, ...]:
        """Executions of those orders, in the order asked."""
        fills = self._store.load().fills
        return tuple(fills[identity] for identity in client_order_ids if identity in fills)

    def _advance(self, state: SimulatedAccount, known_at: datetime) -> None:
        until = last_closed_session(known_at)
        symbols = set(state.positions) | {state.orders[identity].order.symbol for identity in state.waiting}
        first = state.settled or min(state.waiting.values(), default=until)
        if first <= until:
            state.advance(self._days(first, known_at, symbols), until, self._costs)


def _has_lived_through(state: SimulatedAccount, session: date) -> bool:
    return state.settled is not None and state.settled >= session
