"""What every broker account must do, whoever keeps it.

A venue sets the stage that all cases share: the account has `CASH` and nothing else; on `WEEK`'s first session A and B
open at 100 and 50 and trade within 2 % of that, and H is halted. To hold another broker to this contract, write a venue
for it (for a vendor: against its recorded or faked server) and add its fixture's name to `VENUES`.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import pytest
from alpaca_paper import AlpacaPaper, broker_at
from trading_scene import COSTS, bar, broker_on, flat, frame

from learnfinance_dagster.calendar import week_of
from learnfinance_dagster.errors import DataError, RefusedError
from learnfinance_dagster.ports import Broker, BrokerClock
from learnfinance_dagster.trading.simulated_broker import AccountStore, MemoryAccountStore
from learnfinance_dagster.trading.simulation import SimulatedAccount
from learnfinance_dagster.values import Order, OrderRecord, OrderStatus, Side, Week

VENUES = ["simulated_in_memory", "simulated_in_a_file", "alpaca_on_paper"]
CASH = Decimal(10_000)
WEEK, NEXT = week_of(date(2025, 3, 10)), week_of(date(2025, 3, 17))


class Venue(Protocol):
    """A broker's world, in which time passes when the test says so."""

    def open(self) -> Broker:
        """The same account again, through another connection where there is such a thing."""
        ...

    def after_the_session(self) -> Broker:
        """The account after the close of `WEEK`'s first session."""
        ...


class SimulatedVenue:
    """The simulated broker: the market's clock moves when it is settled."""

    def __init__(self, store: Callable[[], AccountStore]) -> None:
        rows = flat({"A": 100.0, "B": 50.0}, date(2025, 3, 3), date(2025, 3, 21))
        rows += [bar("H", WEEK.last_session, 10.0), bar("H", date(2025, 3, 11), 10.0)]
        self._bars, self._store = frame(rows), store

    def open(self) -> Broker:
        return broker_on(self._bars, self._store(), COSTS)

    def after_the_session(self) -> Broker:
        broker = self.open()
        broker.settle(WEEK.first_close)
        return self.open()


@pytest.fixture
def simulated_in_memory() -> Venue:
    store = MemoryAccountStore(SimulatedAccount(CASH))
    return SimulatedVenue(lambda: store)


@pytest.fixture
def simulated_in_a_file(tmp_path: Path) -> Venue:
    from resources.brokers.simulated import FileAccountStore

    return SimulatedVenue(lambda: FileAccountStore(tmp_path / "accounts" / "hrp.json", CASH))


class AlpacaVenue:
    """Alpaca's paper API on this machine; time passes there when the session is played."""

    def __init__(self, alpaca: AlpacaPaper) -> None:
        self._alpaca = alpaca
        alpaca.open_account(cash=float(CASH), multiplier=1)
        alpaca.now = WEEK.as_of

    def open(self) -> Broker:
        return broker_at(self._alpaca)

    def after_the_session(self) -> Broker:
        self._alpaca.session(WEEK.sessions[0], {"A": (100, 98, 102), "B": (50, 49, 51)})
        return self.open()


@pytest.fixture
def alpaca_on_paper() -> Iterator[Venue]:
    with AlpacaPaper() as alpaca:
        yield AlpacaVenue(alpaca)


@pytest.fixture(params=VENUES)
def venue(request) -> Venue:
    return request.getfixturevalue(request.param)


def order(symbol: str, side: Side = Side.BUY, qty: str = "10", limit: str = "102", attempt: int = 1) -> Order:
    identity = f"{WEEK.run_id}:attempt-{attempt}:{symbol}:{side.name}"
    return Order(identity, symbol, side, Decimal(qty), Decimal(limit), Decimal(100), 0.0, 0.1)


def as_sent(record: OrderRecord) -> tuple[object, ...]:
    """What a broker can know of an order: why it was sent is not among it."""
    sent = record.order
    return sent.client_order_id, sent.symbol, sent.side, sent.qty, sent.limit_price, record.broker_order_id


def again(broker: Broker, week: Week) -> OrderRecord | None:
    """Send order A once more: what is there already, or None where it is refused."""
    try:
        return broker.submit(order("A"), week)
    except RefusedError:
        return None


def test_a_broker_says_which_clock_binds_it(venue):
    assert venue.open().clock in set(BrokerClock)


def test_a_broker_says_whether_its_money_is_real(venue):
    assert venue.open().is_real_money is False, "no venue of the tests has any"


def test_a_new_account_holds_its_cash_and_nothing_else(venue):
    account = venue.open().account(WEEK.as_of)
    assert (account.cash, account.positions, account.open_orders) == (CASH, {}, ())


def test_an_order_that_was_never_sent_is_not_found(venue):
    broker = venue.open()
    assert broker.find(order("A").client_order_id) is None
    assert broker.fills([order("A").client_order_id]) == ()


def test_a_sent_order_is_accepted_and_found_as_it_was_sent(venue):
    record = venue.open().submit(order("A"), WEEK)
    assert (record.order, record.status) == (order("A"), OrderStatus.ACCEPTED)
    assert record.broker_order_id
    assert as_sent(venue.open().find(order("A").client_order_id)) == as_sent(record)


def test_broker_order_ids_differ(venue):
    broker = venue.open()
    first, second = broker.submit(order("A"), WEEK), broker.submit(order("B"), WEEK)
    assert first.broker_order_id != second.broker_order_id


def test_a_sent_order_is_open_until_its_session_and_moves_no_cash(venue):
    venue.open().submit(order("A"), WEEK)
    account = venue.open().account(WEEK.as_of)
    assert account.open_orders == (order("A").client_order_id,)
    assert (account.cash, account.positions) == (CASH, {})


def test_the_same_id_makes_no_second_order(venue):
    venue.open().submit(order("A"), WEEK)
    sent = venue.open().find(order("A").client_order_id)
    known = again(venue.open(), WEEK)
    assert known is None or as_sent(known) == as_sent(sent)
    with pytest.raises((RefusedError, DataError)):
        venue.open().submit(replace(order("A"), qty=Decimal(99)), WEEK)
    assert venue.open().find(order("A").client_order_id) == sent
    assert len(venue.open().orders_since(WEEK.monday)) == 1
    assert venue.after_the_session().account(WEEK.first_close).positions == {"A": 10}


def test_the_id_of_a_filled_order_stays_used(venue):
    venue.open().submit(order("A"), WEEK)
    broker = venue.after_the_session()
    known = again(broker, NEXT)
    assert known is None or known.status is OrderStatus.FILLED
    assert len(broker.orders_since(WEEK.monday)) == 1


def test_the_orders_since_a_day_are_all_that_were_sent_since_in_that_order(venue):
    assert venue.open().orders_since(WEEK.monday) == ()
    for name in ("B", "A"):
        venue.open().submit(order(name, limit="90"), WEEK)
    sent = [venue.open().find(order(name, limit="90").client_order_id) for name in ("B", "A")]
    assert [as_sent(record) for record in venue.open().orders_since(WEEK.monday)] == list(map(as_sent, sent))

    broker = venue.after_the_session()
    records = broker.orders_since(WEEK.monday)
    assert records == tuple(broker.find(record.order.client_order_id) for record in records)
    assert [record.status.is_dead for record in records] == [False, True], "filled, and expired"
    assert broker.orders_since(NEXT.monday) == ()


def test_asking_for_the_account_changes_nothing(venue):
    venue.open().submit(order("A"), WEEK)
    broker = venue.open()
    assert [broker.account(WEEK.as_of) for _ in range(3)] == [venue.open().account(WEEK.as_of)] * 3
    assert broker.find(order("A").client_order_id).status is OrderStatus.ACCEPTED


def test_a_fill_moves_cash_and_shares_and_closes_the_order(venue):
    venue.open().submit(order("A"), WEEK)
    broker = venue.after_the_session()
    account = broker.account(WEEK.first_close)
    (fill,) = broker.fills([order("A").client_order_id])

    assert (fill.symbol, fill.side, fill.qty, fill.session) == ("A", Side.BUY, 10, WEEK.sessions[0])
    assert 0 < fill.price <= order("A").limit_price
    assert account.cash == CASH - fill.qty * fill.price - fill.cost
    assert (account.positions, account.open_orders) == ({"A": 10}, ())
    assert broker.find(order("A").client_order_id).status is OrderStatus.FILLED


def test_settling_again_changes_nothing(venue):
    venue.open().submit(order("A"), WEEK)
    before = venue.after_the_session().account(WEEK.first_close)
    assert venue.after_the_session().account(WEEK.first_close) == before


def test_where_the_cash_does_not_suffice_the_order_that_was_sent_first_has_it(venue):
    """Once, an account that was kept in a file came back with its orders in alphabetical order."""
    refusals = []
    for name, limit in (("B", "51"), ("A", "102")):
        try:
            venue.open().submit(order(name, qty=str(int(CASH / Decimal(limit))), limit=limit), WEEK)
        except RefusedError as error:
            refusals.append(str(error))
    broker = venue.after_the_session()
    assert list(broker.account(WEEK.first_close).positions) == ["B"]
    late = broker.find(order("A").client_order_id)
    assert refusals or (late.status, bool(late.reason)) == (OrderStatus.REJECTED, True)
    assert len(refusals) + (late is not None) == 1


def test_an_order_that_cannot_trade_dies_and_says_why(venue):
    venue.open().submit(order("A", limit="90"), WEEK)
    venue.open().submit(order("H", limit="10"), WEEK)
    broker = venue.after_the_session()
    for name in ("A", "H"):
        record = broker.find(order(name).client_order_id)
        assert record.status.is_dead
        assert record.reason
    assert broker.account(WEEK.first_close).cash == CASH
    assert broker.fills([order("A").client_order_id, order("H").client_order_id]) == ()


def test_fills_come_only_of_the_orders_asked_for_and_in_that_order(venue):
    broker = venue.open()
    for name in ("A", "B"):
        broker.submit(order(name), WEEK)
    broker = venue.after_the_session()
    identities = [order("B").client_order_id, "never sent", order("A").client_order_id]
    assert [fill.symbol for fill in broker.fills(identities)] == ["B", "A"]
    assert [fill.symbol for fill in broker.fills(iter(identities[2:]))] == ["A"]
    assert broker.fills([]) == ()


def test_the_first_session_of_a_past_week_takes_no_orders(venue):
    venue.open().submit(order("A"), WEEK)
    broker = venue.after_the_session()
    if broker.clock is BrokerClock.WALL:
        pytest.skip("a vendor queues a day order for the next session; the guard keeps late ones away")
    with pytest.raises(RefusedError):
        broker.submit(order("B"), WEEK)
    assert broker.find(order("B").client_order_id) is None
