"""An account at Alpaca, on paper unless somebody spells out that its money is real.

An order is sent once. When its answer does not come, or cannot be read, the order is looked up by its id, and only
the look-up is repeated. What Alpaca declines is looked up too: it has been seen to decline what it had taken.
"""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from datetime import time as day_time
from functools import cached_property
from typing import TYPE_CHECKING, Any

from learnfinance_dagster.calendar import NEW_YORK
from learnfinance_dagster.errors import ConfigurationError, DataError, RefusedError, TransientError
from learnfinance_dagster.ports import BrokerAccount, BrokerClock
from learnfinance_dagster.values import Fill, Order, OrderRecord, Week
from resources.brokers import alpaca_lists
from resources.brokers.alpaca_errors import Declined
from resources.brokers.alpaca_orders import (
    AlpacaOrder,
    Execution,
    cash_of,
    order_of,
    owns_something,
    plain,
    positions_of,
    wire,
)

if TYPE_CHECKING:
    from resources.brokers.alpaca_client import AlpacaSession, PatientTradingClient

PAPER = "https://paper-api.alpaca.markets"
LOOPBACK = re.compile(r"http://(127(\.\d{1,3}){3}|localhost|\[::1\])(:\d+)?")
SECURE = re.compile(r"https://[a-z0-9.-]+(:\d+)?")
LOOK_UPS = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Seconds before each look-up of an order whose answer did not come: it may appear late."""
READS = 3
"""Tries to read an account that trades while it is read."""
MOST_SKEW = timedelta(minutes=2)
"""How far our clock may be off: the window for orders depends on it."""


class AlpacaBroker:
    """One account. Its time is the wall clock's."""

    clock = BrokerClock.WALL

    def __init__(  # noqa: PLR0913  who, where, and what tests replace
        self,
        key: str,
        secret: str,
        session: "AlpacaSession",
        url: str = PAPER,
        *,
        real_money: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Nothing is asked yet.

        Args:
            key: the account's API key.
            secret: the account's API secret.
            session: how Alpaca is asked; shared by all that ask for this account.
            url: where; a loopback address counts as paper.
            real_money: the caller knows that orders at `url` spend real money.
            sleep: waits between look-ups; for tests.

        Raises:
            ConfigurationError: the address is not the paper one, and nobody said that this is meant.
        """
        _check_address(url, real_money=real_money)
        self._key, self._secret, self._url, self._session, self._sleep = key, secret, url, session, sleep
        self._real_money = real_money

    @property
    def is_real_money(self) -> bool:
        """Whether somebody spelled out that it is."""
        return self._real_money

    def account(self, known_at: datetime) -> BrokerAccount:
        """As it is now: Alpaca does not tell how an account was at `known_at`.

        Raises:
            TransientError: it trades while it is read, so that cash, positions and orders do not belong together.
        """
        del known_at
        for _ in range(READS):
            waiting = self._open_orders()
            account, positions = self._ask("/account", {}), positions_of(self._ask("/positions", {}))
            if owns_something(account) and not positions:
                continue
            if not waiting or waiting == self._open_orders():
                identities = tuple(order.record.order.client_order_id for order in waiting)
                return BrokerAccount(cash_of(account), positions, identities)
        msg = "Alpaca's answers about the account do not belong together: it trades while it is read"
        raise TransientError(msg)

    def _open_orders(self) -> tuple[AlpacaOrder, ...]:
        return alpaca_lists.orders(self._ask, "open")

    def find(self, client_order_id: str) -> OrderRecord | None:
        """The order with that id, or None when Alpaca never saw it."""
        found = self._look_up(client_order_id)
        return found.record if found else None

    def _look_up(self, client_order_id: str) -> AlpacaOrder | None:
        try:
            raw = self._client.ask("/orders:by_client_order_id", {"client_order_id": client_order_id})
        except Declined as answer:
            if answer.is_no_such_order:
                return None
            error = answer.as_error()
        else:
            return _same_id(client_order_id, order_of(raw))
        raise error

    def orders_since(self, day: date) -> tuple[OrderRecord, ...]:
        """Every order that was sent on that New York day or later, oldest first."""
        midnight = datetime.combine(day, day_time.min, NEW_YORK)
        found = alpaca_lists.orders(self._ask, "all", midnight - timedelta(microseconds=1))
        return tuple(order.record for order in found if order.moment >= midnight)

    def submit(self, order: Order, week: Week) -> OrderRecord:
        """Send a day limit order, once; an order with that id that is there already is returned.

        Raises:
            RefusedError: Alpaca declined it and does not have it.
            TransientError: it is not known whether the order arrived.
            DataError: another order with that id is there.
            ConfigurationError: the credentials are refused, or our clock is wrong.
        """
        del week  # a day order is good for the next open; the guard knows which one that is
        from resources.brokers.alpaca_client import limit_order

        self._check_clock()
        numbers = plain(order.qty), plain(order.limit_price)
        fields = limit_order(wire(order.symbol), order.side.value, *numbers, order.client_order_id)
        try:
            answer = _same_id(order.client_order_id, order_of(self._client.send(fields)))
        except Declined as refusal:
            no = refusal
        except (TransientError, DataError) as error:
            return self._after_silence(order, str(error))
        else:
            return _same_order(order, answer)
        return self._after_refusal(order, no)

    def _after_refusal(self, order: Order, no: Declined) -> OrderRecord:
        if no.is_duplicate or no.is_silence:
            return self._after_silence(order, no.message)
        error = no.as_error()
        if isinstance(error, ConfigurationError) or (found := self._arrived(order, no.message)) is None:
            raise error
        return _same_order(order, found)

    def _after_silence(self, order: Order, why: str) -> OrderRecord:
        """Look for an order of which it is not known whether it arrived."""
        for pause in LOOK_UPS:
            self._sleep(pause)
            if (found := self._arrived(order, why)) is not None:
                return _same_order(order, found)
        msg = f"{why}; Alpaca did not show the order {len(LOOK_UPS)} times"
        raise TransientError(msg)

    def _arrived(self, order: Order, why: str) -> AlpacaOrder | None:
        """Look up an order that was sent. What cannot be read now leaves open whether it arrived."""
        try:
            return self._look_up(order.client_order_id)
        except (DataError, RefusedError) as error:
            msg = f"{why}; and its look-up: {error}"
        raise TransientError(msg)

    def _check_clock(self) -> None:
        """Orders go out in a window of time, so somebody must know what time it is."""
        if self._session.skew is None:
            self._ask("/clock", {})
        skew = self._session.skew
        if skew is None:
            msg = "Alpaca does not say what time it is, so nobody can tell whether orders may go out"
            raise ConfigurationError(msg)
        if abs(skew) > MOST_SKEW:
            ahead = "ahead of" if skew > timedelta(0) else "behind"
            msg = (
                f"Alpaca's clock is {abs(skew).total_seconds() / 60:.0f} minutes {ahead} this machine's; orders go out"
                f" in a window of time, so nothing is sent: set the clock"
            )
            raise ConfigurationError(msg)

    def settle(self, known_at: datetime) -> None:
        """Nothing to do: the account catches up by itself."""

    def fills(self, client_order_ids: Iterable[str]) -> tuple[Fill, ...]:
        """Executions of those orders: order by order as asked, oldest first, one for each part that was filled.

        The cost of each is zero: Alpaca's paper accounts pay no commission.

        Raises:
            TransientError: Alpaca does not list all executions of an order yet.
        """
        asked = list(client_order_ids)
        known = self._known(asked)
        filled = [known[identity] for identity in asked if identity in known and known[identity].filled]
        if not filled:
            return ()
        parts: dict[str, list[Execution]] = defaultdict(list)
        for execution in alpaca_lists.executions(self._ask, min(order.moment for order in filled)):
            parts[execution.order_id].append(execution)
        return tuple(fill for order in filled for fill in _whole(order, parts[order.record.broker_order_id]))

    def _known(self, asked: Sequence[str]) -> dict[str, AlpacaOrder]:
        """Those of the asked orders that Alpaca has: mostly two questions, however many they are."""
        known: dict[str, AlpacaOrder] = {}
        for identity in asked:
            if identity in known or (found := self._look_up(identity)) is None:
                continue
            known[identity] = found
            if len(known) == 1:  # orders that are asked for together were sent together
                around = alpaca_lists.orders(self._ask, "all", found.moment - timedelta(days=7))
                known |= {order.record.order.client_order_id: order for order in around}
        return known

    def _ask(self, path: str, parameters: Mapping[str, Any]) -> Any:
        try:
            return self._client.ask(path, parameters)
        except Declined as answer:
            error = answer.as_error()
        raise error

    @cached_property
    def _client(self) -> "PatientTradingClient":
        from resources.brokers.alpaca_client import PatientTradingClient

        return PatientTradingClient(self._key, self._secret, self._url, self._session)


def _check_address(url: str, *, real_money: bool) -> None:
    if url == PAPER and real_money:
        msg = f"{PAPER} is the paper address; an account with real money needs the address of its own"
        raise ConfigurationError(msg)
    if url == PAPER or LOOPBACK.fullmatch(url) or (real_money and SECURE.fullmatch(url)):
        return
    if real_money:
        msg = "an address for real money is https:// and a host, nothing else"
        raise ConfigurationError(msg)
    msg = (
        f"orders go to {PAPER} and nowhere else. An account that trades real money must be named, with its address, in"
        " LEARNFINANCE_REAL_MONEY"
    )
    raise ConfigurationError(msg)


def _same_id(client_order_id: str, found: AlpacaOrder) -> AlpacaOrder:
    told = found.record.order.client_order_id
    if told != client_order_id:
        msg = f"Alpaca answers with order {told} where {client_order_id} was meant"
        raise DataError(msg)
    return found


def _same_order(order: Order, found: AlpacaOrder) -> OrderRecord:
    """What Alpaca has of an order, if it is that order."""
    there = found.record.order
    if (there.symbol, there.side, there.qty, there.limit_price) != (
        order.symbol,
        order.side,
        order.qty,
        order.limit_price,
    ):
        msg = (
            f"Alpaca has another order with the id {order.client_order_id}: {there.side} {there.qty} {there.symbol} at"
            f" {there.limit_price}; does somebody else trade this account?"
        )
        raise DataError(msg)
    return replace(found.record, order=order)


def _whole(order: AlpacaOrder, parts: Sequence[Execution]) -> list[Fill]:
    listed = sum(part.qty for part in parts)
    if listed != order.filled:
        identity = order.record.order.client_order_id
        msg = f"Alpaca lists executions of {listed} shares of {identity}, of which {order.filled} are filled"
        raise TransientError(msg)
    return [part.of(order.record.order) for part in parts]
