"""What is particular to the simulated broker; what every broker owes is in the contract tests."""

import copy
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from trading_scene import CASH, FREE, bar, broker_on, flat, frame, memory_store

from learnfinance_dagster.calendar import week_of
from learnfinance_dagster.errors import DataError, RefusedError
from learnfinance_dagster.trading.market_days import MarketDays
from learnfinance_dagster.trading.simulated_broker import MemoryAccountStore, SimulatedBroker
from learnfinance_dagster.trading.simulation import SimulatedAccount
from learnfinance_dagster.values import Order, OrderStatus, Side

WEEK, NEXT = week_of(date(2025, 3, 10)), week_of(date(2025, 3, 17))
BARS = frame(flat({"A": 100.0}, date(2025, 3, 3), date(2025, 3, 21)))


def buy(name: str = "A", qty: str = "10") -> Order:
    return Order(f"{WEEK.run_id}:{name}", name, Side.BUY, Decimal(qty), Decimal(102), Decimal(100), 0.0, 0.1)


def held(settled: date, **positions: str) -> MemoryAccountStore:
    return MemoryAccountStore(SimulatedAccount(CASH, {n: Decimal(q) for n, q in positions.items()}, settled))


def test_a_fresh_account_that_is_first_settled_weeks_after_its_order_still_trades_it_on_its_day():
    """Its bars were once fetched from the day of asking on: the order's own session was missing, and it expired."""
    broker = broker_on(BARS, memory_store(), FREE)
    broker.submit(buy(), WEEK)
    broker.settle(NEXT.as_of)
    assert broker.find(buy().client_order_id).status is OrderStatus.FILLED
    assert broker.fills([buy().client_order_id])[0].session == WEEK.sessions[0]


def test_bars_are_asked_for_only_as_far_as_the_account_has_not_lived_and_may_know():
    asked = []

    def source(first, known_at, symbols):
        asked.append((first, known_at, set(symbols)))
        return MarketDays(BARS)

    broker = SimulatedBroker(held(WEEK.last_session, B="1"), source, FREE)
    broker.submit(buy(), WEEK)
    broker.settle(WEEK.as_of)
    broker.settle(WEEK.first_close)
    broker.settle(WEEK.first_close)
    assert asked == [(WEEK.last_session, WEEK.first_close, {"A", "B"})]


def test_an_account_that_is_further_on_is_shown_as_it_is_and_nothing_is_asked():
    def source(*_):
        pytest.fail("asked for bars of the past")

    store = held(date(2025, 3, 14), A="3")
    broker = SimulatedBroker(store, source, FREE)
    before = copy.deepcopy(store.load())
    broker.settle(WEEK.as_of)
    assert broker.account(WEEK.as_of).positions == {"A": 3}
    assert store.load() == before


def test_looking_ahead_at_the_account_changes_nothing():
    rows = [bar("A", WEEK.last_session, 100.0), bar("A", WEEK.sessions[0], 50.0, split=2.0, dividend=1.0)]
    store = held(WEEK.last_session, A="3")
    broker = broker_on(frame(rows), store, FREE)
    broker.submit(buy(), WEEK)
    before = copy.deepcopy(store.load())

    seen = broker.account(WEEK.first_close)

    assert (seen.positions, seen.cash, seen.open_orders) == ({"A": 6}, CASH + 6, ())
    assert store.load() == before


def test_a_week_without_a_session_takes_no_orders():
    broker = broker_on(BARS, memory_store(), FREE)
    closed = replace(WEEK, sessions=(), first_open=None, first_close=None)
    with pytest.raises(RefusedError, match="NYSE is closed in the week of 2025-03-10"):
        broker.submit(buy(), closed)
    assert broker.find(buy().client_order_id) is None


def test_a_market_that_fails_in_the_middle_leaves_a_file_account_as_it_was(tmp_path):
    from resources.brokers.simulated import FileAccountStore

    def source(*_):
        raise DataError("bars.parquet: row 7")

    broker = SimulatedBroker(FileAccountStore(tmp_path / "a.json", CASH), source, FREE)
    broker.submit(buy(), WEEK)
    before = (tmp_path / "a.json").read_bytes()
    with pytest.raises(DataError, match="row 7"):
        broker.settle(NEXT.as_of)
    assert (tmp_path / "a.json").read_bytes() == before
    assert broker.account(WEEK.as_of).open_orders == (buy().client_order_id,)


def test_a_change_that_fails_is_forgotten_by_the_store_that_tried_it(tmp_path):
    from resources.brokers.simulated import FileAccountStore

    store = FileAccountStore(tmp_path / "a.json", CASH)
    with store.change() as state:
        state.positions["A"] = Decimal(1)

    def spoil():
        with store.change() as state:
            state.cash = Decimal(-1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        spoil()
    assert (store.load().cash, store.load().positions) == (CASH, {"A": 1})


@pytest.mark.parametrize("spoilt", ["cash", "A"])
def test_an_account_with_a_number_that_is_none_is_not_saved(tmp_path, spoilt):
    from resources.brokers.simulated import FileAccountStore

    store = FileAccountStore(tmp_path / "a.json", CASH)

    def spoil():
        with store.change() as state:
            state.cash = Decimal("NaN") if spoilt == "cash" else CASH
            state.positions["A"] = Decimal("NaN") if spoilt == "A" else Decimal(1)

    with pytest.raises(DataError, match=f"a.json: {spoilt} is no finite number"):
        spoil()
    assert (store.load().cash, store.load().positions) == (CASH, {})


def test_an_account_comes_back_from_its_file_to_the_last_digit(tmp_path):
    from resources.brokers.simulated import FileAccountStore

    state = SimulatedAccount(Decimal("1E+5"), {"A": Decimal("3.3333330")}, WEEK.last_session)
    state.submit(buy(), WEEK.sessions[0])
    state.submit(buy("Größe"), WEEK.sessions[0])
    state.advance(MarketDays(BARS), WEEK.sessions[0], FREE)
    state.submit(replace(buy(), client_order_id="next"), NEXT.sessions[0])
    with FileAccountStore(tmp_path / "a.json", CASH).change() as kept:
        for name in ("cash", "positions", "settled", "waiting", "orders", "fills", "sessions"):
            setattr(kept, name, getattr(state, name))
    assert repr(FileAccountStore(tmp_path / "a.json", CASH).load()) == repr(state)


def test_an_account_file_of_before_sessions_were_kept_still_dates_its_living_and_filled_orders():
    state = SimulatedAccount(CASH)
    for name in ("A", "Größe"):
        state.submit(buy(name), WEEK.sessions[0])
    state.advance(MarketDays(BARS), WEEK.sessions[0], FREE)
    state.submit(replace(buy(), client_order_id="next"), NEXT.sessions[0])
    assert len(state.orders_since(WEEK.monday)) == 3
    state.sessions = {}
    filled = [identity for identity in state.orders if identity in state.fills]
    assert [r.order.client_order_id for r in state.orders_since(WEEK.monday)] == [*filled, "next"]


def test_one_store_sees_what_another_has_saved(tmp_path):
    from resources.brokers.simulated import FileAccountStore

    one, other = (FileAccountStore(tmp_path / "a.json", CASH) for _ in range(2))
    for cash in (1, 2, 3):
        with one.change() as state:
            state.cash = Decimal(cash)
        assert other.load().cash == one.load().cash == cash
        with other.change() as state:
            state.cash = Decimal(-cash)
        assert one.load().cash == -cash


def test_an_account_file_that_is_no_account_is_named_and_not_replaced_by_a_fresh_one(tmp_path):
    from resources.brokers.simulated import FileAccountStore

    (tmp_path / "a.json").write_text('{"money": "5"}')
    store = FileAccountStore(tmp_path / "a.json", CASH)
    with pytest.raises(DataError, match=r"SimulatedAccount\.cash"):
        store.load()
    assert (tmp_path / "a.json").read_text() == '{"money": "5"}'
