"""What a simulated account does with orders, splits, dividends and delistings."""

import copy
from datetime import date
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trading_scene import COSTS, FREE, bar, flat, frame

from learnfinance_dagster.calendar import sessions_between
from learnfinance_dagster.costs import CostModel
from learnfinance_dagster.errors import RefusedError
from learnfinance_dagster.trading.market_days import DayBar, MarketDays
from learnfinance_dagster.trading.simulation import SimulatedAccount, fill_price
from learnfinance_dagster.values import Order, OrderStatus, Side

FRI, MON, TUE, WED = date(2025, 3, 7), date(2025, 3, 10), date(2025, 3, 11), date(2025, 3, 12)
BUY, SELL = Side.BUY, Side.SELL
CENT = Decimal("0.01")


def order(symbol: str, side: Side, qty, limit, tag: str = "1") -> Order:
    identity = f"{symbol}-{side.value}-{tag}"
    return Order(identity, symbol, side, Decimal(str(qty)), Decimal(str(limit)), Decimal(str(limit)), 0.0, 0.1)


def account(cash=10_000, settled: date | None = FRI, **held) -> SimulatedAccount:
    return SimulatedAccount(Decimal(str(cash)), {name: Decimal(str(qty)) for name, qty in held.items()}, settled)


def lived(state: SimulatedAccount, rows: list[tuple], *orders: Order, until: date = MON, costs=FREE):
    """The account after its orders' session; its orders by id."""
    for one in orders:
        state.submit(one, MON)
    state.advance(MarketDays(frame(rows)), until, costs)
    return state


def status(state: SimulatedAccount, one: Order) -> tuple[OrderStatus, str]:
    record = state.orders[one.client_order_id]
    return record.status, record.reason


# ---- fills ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "limit", "price"),
    [
        (BUY, 102, 100),  # the open is better than the limit: filled there
        (BUY, 100, 100),
        (BUY, 99, 99),  # opened above, came down to it
        (BUY, 95, 95),  # at the low, to the cent
        (BUY, 94.99, None),
        (SELL, 98, 100),
        (SELL, 100, 100),
        (SELL, 101, 101),
        (SELL, 105, 105),
        (SELL, 105.01, None),
    ],
)
def test_an_order_fills_at_the_open_or_at_its_limit_within_the_range_or_not(side, limit, price):
    found = fill_price(order("A", side, 1, limit), DayBar(open=100, high=105, low=95, close=101))
    assert found == (None if price is None else Decimal(str(price)))


def test_a_buy_and_a_sale_move_shares_and_cash_less_costs():
    buy, sell = order("A", BUY, "10.5", 102), order("B", SELL, 4, 49)
    state = lived(account(B=6), [bar("A", MON, 100.0), bar("B", MON, 50.0)], buy, sell, costs=COSTS)

    assert state.positions == {"A": Decimal("10.5"), "B": Decimal(2)}
    assert state.cash == Decimal(10_000) - Decimal("1050.53") + Decimal(200) - Decimal("0.10"), "5 bps a side, cents"
    filled = state.fills[buy.client_order_id]
    assert (filled.price, filled.cost, filled.session, filled.qty) == (100, Decimal("0.53"), MON, Decimal("10.5"))
    assert status(state, buy) == (OrderStatus.FILLED, "")


def test_costs_come_from_the_one_cost_model():
    costs = CostModel(37.0)
    state = lived(account(), [bar("A", MON, 100.0)], order("A", BUY, 10, 102), costs=costs)
    assert state.cash == 10_000 - 1000 - costs.of_trade(Decimal(1000)) == Decimal("8996.30")


def test_an_order_that_the_day_never_reached_expires_and_says_by_what():
    buy, sell = order("A", BUY, 1, 90), order("A", SELL, 1, 110)
    state = lived(account(A=1), [bar("A", MON, 100.0, h=105.0, l=95.0)], buy, sell)
    assert status(state, buy) == (OrderStatus.EXPIRED, "the day's low of 95.00 stayed above the limit")
    assert status(state, sell) == (OrderStatus.EXPIRED, "the day's high of 105.00 stayed below the limit")
    assert (state.waiting, state.cash, state.fills) == ({}, 10_000, {})


def test_a_day_order_does_not_trade_the_day_after():
    buy = order("A", BUY, 1, 90)
    state = lived(account(), [bar("A", MON, 100.0), bar("A", TUE, 80.0)], buy, until=TUE)
    assert (status(state, buy)[0], state.positions) == (OrderStatus.EXPIRED, {})


def test_in_a_halt_the_order_expires_and_the_shares_stay():
    sell = order("A", SELL, 5, 98)
    state = lived(account(A=5), [bar("A", FRI, 100.0), bar("A", TUE, 100.0)], sell, until=TUE)
    assert status(state, sell) == (OrderStatus.EXPIRED, "no trade in this name that day")
    assert state.positions == {"A": 5}


def test_sales_come_before_purchases_so_they_pay_for_them():
    buy, sell = order("A", BUY, 10, 102), order("B", SELL, 10, 98)
    state = lived(account(0, B=10), [bar("A", MON, 100.0), bar("B", MON, 100.0)], buy, sell)
    assert (state.positions, state.cash) == ({"A": Decimal(10)}, 0)


def test_a_purchase_beyond_the_cash_is_rejected_and_a_smaller_one_after_it_fills():
    large, small = order("A", BUY, 10, 102), order("B", BUY, 5, 102)
    state = lived(account("999.99"), [bar("A", MON, 100.0), bar("B", MON, 100.0)], large, small)
    assert status(state, large) == (OrderStatus.REJECTED, "insufficient cash: 1000.00 USD needed, 999.99 there")
    assert status(state, small)[0] is OrderStatus.FILLED


def test_a_purchase_that_only_its_cost_makes_too_dear_is_rejected():
    buy = order("A", BUY, 10, 102)
    assert status(lived(account("1000.49"), [bar("A", MON, 100.0)], buy, costs=COSTS), buy)[0] is OrderStatus.REJECTED
    assert status(lived(account("1000.50"), [bar("A", MON, 100.0)], buy, costs=COSTS), buy)[0] is OrderStatus.FILLED


def test_nobody_sells_what_he_has_not():
    sell = order("A", SELL, "5.0001", 98)
    state = lived(account(A=5), [bar("A", MON, 100.0)], sell)
    assert status(state, sell) == (OrderStatus.REJECTED, "5.0001 shares to sell, 5 held")


def test_a_sale_of_everything_leaves_no_position():
    assert lived(account(A=5), [bar("A", MON, 100.0)], order("A", SELL, 5, 98)).positions == {}


# ---- corporate actions ---------------------------------------------------------------------------------------------


def test_a_split_multiplies_the_shares_and_moves_no_cash():
    rows = [bar("A", MON, 50.0, split=2.0), bar("B", MON, 300.0, split=1 / 3)]
    state = lived(account(A="1.5", B=10), rows)
    assert state.positions == {"A": Decimal(3), "B": Decimal("3.333333")}
    assert state.cash == 10_000


def test_a_split_between_decision_and_open_cancels_the_order():
    buy, sell = order("A", BUY, 1, 102), order("A", SELL, 1, 49)
    state = lived(account(A=4), [bar("A", MON, 50.0, split=2.0)], buy, sell)
    assert status(state, buy) == (OrderStatus.CANCELLED, "split on 2025-03-10, between decision and open")
    assert status(state, sell)[0] is OrderStatus.CANCELLED
    assert (state.positions, state.cash) == ({"A": 8}, 10_000)


def test_a_reverse_split_that_leaves_nothing_leaves_no_position():
    assert lived(account(A="0.0001"), [bar("A", MON, 9.0, split=0.001)]).positions == {}


def test_a_dividend_is_paid_on_its_ex_date_to_the_shares_of_the_evening_before():
    buy, sell = order("A", BUY, 10, 102), order("B", SELL, 10, 98)
    rows = [bar("A", MON, 100.0, dividend=0.255), bar("B", MON, 100.0, dividend=0.5)]
    state = lived(account(A=3, B=10), rows, buy, sell)
    assert state.cash == Decimal(10_000) - 1000 + 1000 + Decimal("0.77") + 5, "3 times 0.255 for A, and B's though sold"


def test_a_dividend_on_the_day_of_a_split_is_for_the_new_shares():
    state = lived(account(A=10), [bar("A", MON, 50.0, split=2.0, dividend=0.25)])
    assert state.cash == 10_005


def test_a_dividend_on_another_day_or_of_another_name_pays_nothing():
    rows = [bar("A", FRI, 100.0, dividend=1.0), bar("A", MON, 100.0), bar("B", MON, 100.0, dividend=1.0)]
    assert lived(account(A=10), rows).cash == 10_000


def test_a_delisting_pays_cash_and_takes_the_shares():
    state = lived(account(A=10), [bar("A", MON, 42.5, delisting=42.5)])
    assert (state.positions, state.cash) == ({}, 10_425)


def test_nothing_trades_in_a_name_on_the_day_of_its_delisting():
    """The bar of that day may be made up of the price paid: a buy there would hold a share that exists no more."""
    buy, sell = order("A", BUY, 1, 50), order("A", SELL, 10, 40)
    state = lived(account(A=10), [bar("A", MON, 42.5, delisting=42.5)], buy, sell)
    assert status(state, buy) == status(state, sell) == (OrderStatus.EXPIRED, "delisted on 2025-03-10")
    assert (state.positions, state.cash) == ({}, 10_425)


# ---- time ----------------------------------------------------------------------------------------------------------


def test_an_id_is_used_once():
    state = account()
    state.submit(order("A", BUY, 1, 100), MON)
    with pytest.raises(RefusedError, match="client_order_id A-buy-1 was used before"):
        state.submit(order("A", BUY, 2, 100), TUE)
    assert state.orders["A-buy-1"].order.qty == 1


@pytest.mark.parametrize("session", [FRI, MON])
def test_a_session_that_is_over_takes_no_orders(session):
    state = account(settled=MON)
    with pytest.raises(RefusedError, match=f"{session} is over for this account, it has lived through 2025-03-10"):
        state.submit(order("A", BUY, 1, 100), session)
    assert (state.orders, state.waiting) == ({}, {})


def test_a_fresh_account_begins_where_it_is_first_asked_and_collects_nothing_from_before():
    state = account(settled=None)
    state.advance(MarketDays(frame([bar("A", MON, 100.0)])), MON, FREE)
    assert state.settled == MON


def test_a_fresh_account_with_an_order_begins_with_that_orders_session():
    state, buy = account(settled=None), order("A", BUY, 1, 100)
    state.submit(buy, MON)
    days = MarketDays(frame([bar("A", MON, 100.0)]))
    state.advance(days, FRI, FREE)
    assert state.settled is None
    state.advance(days, WED, FREE)
    assert (state.settled, status(state, buy)[0]) == (WED, OrderStatus.FILLED)


def test_an_account_does_not_go_back():
    state = account(settled=TUE, A=1)
    state.advance(MarketDays(frame([bar("A", MON, 50.0, split=2.0)])), MON, FREE)
    assert (state.settled, state.positions) == (TUE, {"A": 1})


# ---- whatever happens ----------------------------------------------------------------------------------------------

NAMES = "ABCD"
SESSIONS = sessions_between(date(2025, 3, 3), date(2025, 3, 14))
PRICES = st.decimals("1", "500", places=2).map(float)


@st.composite
def histories(draw) -> pd.DataFrame:
    """Two weeks of four names, with halts, splits, dividends and a delisting."""
    rows = []
    for name in NAMES:
        gone = draw(st.one_of(st.none(), st.sampled_from(SESSIONS[1:])))
        for day in SESSIONS:
            if day == gone:
                rows.append(bar(name, day, 30.0, delisting=30.0))
                break
            if draw(st.integers(0, 9)) == 0:
                continue
            low, opening, close, high = sorted(draw(st.lists(PRICES, min_size=4, max_size=4)))
            split = draw(st.sampled_from([1.0] * 9 + [2.0, 0.25]))
            dividend = draw(st.sampled_from([0.0] * 5 + [0.37]))
            rows.append(bar(name, day, o=opening, h=high, l=low, c=close, split=split, dividend=dividend))
    return frame(rows)


@st.composite
def order_books(draw) -> list[tuple[Order, date]]:
    count = draw(st.integers(0, 12))
    return [
        (
            order(
                draw(st.sampled_from(NAMES)),
                draw(st.sampled_from([BUY, SELL])),
                draw(st.decimals("0.0001", "40", places=4)),
                draw(PRICES),
                str(n),
            ),
            draw(st.sampled_from(SESSIONS[1:])),
        )
        for n in range(count)
    ]


def opened(book) -> SimulatedAccount:
    state = account(20_000, settled=SESSIONS[0], A=10, B="3.5")
    for one, session in book:
        state.submit(one, session)
    return state


@settings(max_examples=40, deadline=None)
@given(histories(), order_books())
def test_wealth_changes_only_by_prices_dividends_delistings_and_costs(history, book):
    """Cash is followed by hand: it moves by fills, their costs, and what shares pay; shares by fills and splits."""
    state, days = opened(book), MarketDays(history)
    for session in SESSIONS[1:]:
        cash, shares, known = state.cash, dict(state.positions), set(state.fills)
        state.advance(days, session, COSTS)
        for action in days.actions(session):
            if action.symbol in shares:
                shares[action.symbol] *= Decimal(str(action.split_ratio))
                cash += shares[action.symbol] * Decimal(str(action.dividend))
                if action.delisting:
                    cash += shares.pop(action.symbol) * Decimal(str(action.delisting))
        new = [fill for identity, fill in state.fills.items() if identity not in known]
        for fill in new:
            sign = 1 if fill.side is BUY else -1
            cash -= sign * fill.qty * fill.price + fill.cost
            shares[fill.symbol] = shares.get(fill.symbol, Decimal(0)) + sign * fill.qty
            assert fill.session == session
            assert fill.cost == COSTS.of_trade((fill.qty * fill.price).quantize(CENT))
        roundings = len(new) + 2 * len(days.actions(session))
        assert abs(state.cash - cash) <= CENT * roundings / 2, "cash came from nowhere"
        assert state.cash >= 0
        assert {name: qty for name, qty in shares.items() if abs(qty) > Decimal("1e-6")} == pytest.approx(
            state.positions, abs=Decimal("1e-5")
        )
        assert all(qty > 0 for qty in state.positions.values())


@settings(max_examples=40, deadline=None)
@given(histories(), order_books())
def test_one_jump_is_as_good_as_day_by_day(history, book):
    days = MarketDays(history)
    jumped, walked = opened(book), opened(book)
    jumped.advance(days, SESSIONS[-1], COSTS)
    for session in SESSIONS[1:]:
        walked.advance(days, session, COSTS)
    assert jumped == walked
    assert not jumped.waiting, "each order met its end"

    again = copy.deepcopy(jumped)
    again.advance(days, SESSIONS[-1], COSTS)
    assert again == jumped


@settings(max_examples=40, deadline=None)
@given(histories(), order_books())
def test_no_order_trades_beyond_its_limit_or_outside_the_days_range(history, book):
    state = opened(book)
    days = MarketDays(history)
    state.advance(days, SESSIONS[-1], COSTS)
    sessions = {one.client_order_id: session for one, session in book}
    for identity, fill in state.fills.items():
        limit, traded = state.orders[identity].order.limit_price, days.bar(fill.symbol, sessions[identity])
        assert fill.price <= limit if fill.side is BUY else fill.price >= limit
        assert traded.low <= float(fill.price) <= traded.high
        assert fill.session == sessions[identity]


def test_flat_prices_cost_only_the_costs():
    rows = flat({"A": 100, "B": 50}, FRI, WED)
    state = lived(account(1000, A=10), rows, order("A", SELL, 10, 98), order("B", BUY, 20, 51), until=WED, costs=COSTS)
    assert state.cash + 50 * state.positions["B"] == 2000 - Decimal("0.50") - Decimal("0.50")
