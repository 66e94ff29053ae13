"""Ledger and broker side by side: every difference is named, and neither side is touched."""

import copy
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from trading_scene import CASH, COSTS, days_of, desk_on, flat, frame, memory_store, monday, target
from wall_scene import CLOSE, DECISION, MINUTE, NEXT, OPEN, SELLS, WEEK, Account, split_bars

from learnfinance_dagster.calendar import last_closed_session, week_of
from learnfinance_dagster.trading.memory_ledger import MemoryLedger
from learnfinance_dagster.trading.reconciliation import Compared, Difference, Reconciliation, Sides, compare
from learnfinance_dagster.values import Order, OrderStatus, Side


def look(account: Account, now, week=WEEK):
    """What was compared, and the differences in words."""
    before = copy.deepcopy(account.broker), account.remembered()
    sides = Sides(account.broker, account.ledger, "hrp", Decimal(100_000), COSTS)
    found = compare(sides, week, days_of(account.bars, last_closed_session(now)), now)
    assert (replace(account.broker, asked=before[0].asked), account.remembered()) == before, "it only looks"
    return found.told, [(each.what, each.ledger, each.broker) for each in found.differences]


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def whole(account) -> Account:
    """A Monday that went well, marked."""
    account.monday()
    account.broker.fill(*SELLS)
    account.follow(OPEN + MINUTE)
    account.broker.fill_all()
    account.settle(CLOSE)
    return account


def test_nothing_differs_at_any_moment_of_a_monday_that_goes_well(account):
    account.monday()
    assert look(account, DECISION)[1] == []
    account.broker.part("A", "100")
    assert look(account, OPEN)[1] == [], "the ledger has not caught up yet, and that is no difference"
    account.broker.fill("A", "B")
    account.follow(OPEN + MINUTE)
    assert look(account, OPEN + MINUTE)[1] == []
    account.broker.fill_all()
    assert look(account, OPEN + 2 * MINUTE) == (
        "orders, and cash and positions with the recorded decision and the fills since",
        [],
    )
    account.settle(CLOSE)
    assert look(account, CLOSE) == ("orders, and cash and positions with the equity mark (positions)", [])


def test_cash_that_nobody_can_explain_is_named(account):
    account.monday()
    account.broker.cash += 5
    assert look(account, DECISION)[1] == [("cash", "20,000.00 USD", "20,005.00 USD")]


def test_a_position_that_somebody_else_bought_is_named(account):
    account.monday()
    account.broker.positions["Z"] = Decimal("1.50")
    assert look(account, DECISION)[1] == [("position Z", "0 shares", "1.5 shares")]


def test_a_position_that_is_gone_is_named(whole):
    del whole.broker.positions["B"]
    (found,) = look(whole, CLOSE)[1]
    assert found[0] == "position B"
    assert found[2] == "0 shares"


def test_an_order_that_the_ledger_does_not_know_is_named(account):
    account.monday()
    account.broker.take(Order("by-hand", "Z", Side.BUY, Decimal(3), Decimal(9), Decimal(0), 0.0, 0.0), WEEK.monday)
    assert look(account, DECISION)[1] == [("order by-hand", "unknown", "buy 3 Z, accepted")]


def test_an_id_that_only_looks_like_ours_is_named(account):
    account.monday()
    for forged in (
        f"{WEEK.run_id}:attempt-1:Z:BUY",
        f"{WEEK.run_id}:attempt-7:A:SELL",
        "paper:1999-01-04:attempt-1:A:BUY",
    ):
        account.broker.take(Order(forged, "Z", Side.BUY, Decimal(3), Decimal(9), Decimal(0), 0.0, 0.0), WEEK.monday)
    assert len(look(account, DECISION)[1]) == 3


def test_an_order_that_the_broker_lost_is_named(account):
    account.monday()
    name = account.broker.sent[0]
    del account.broker.records[name]
    assert look(account, DECISION)[1] == [(f"order {name}", "accepted", "unknown")]


def test_an_order_that_was_changed_at_the_broker_is_named(account):
    account.monday()
    name = account.broker.sent[0]
    record = account.broker.records[name]
    account.broker.records[name] = replace(record, order=replace(record.order, qty=Decimal(7)))
    assert look(account, DECISION)[1] == [(f"order {name}", "sell 400 A at 98", "sell 7 A at 98")]


def test_an_order_that_is_final_here_and_open_there_is_named(whole):
    name = whole.broker.sent[0]
    whole.broker.records[name] = replace(whole.broker.records[name], status=OrderStatus.EXPIRED)
    assert look(whole, CLOSE)[1] == [(f"order {name}", "filled", "expired")]


def test_a_split_after_the_mark_is_no_difference(whole):
    day = WEEK.sessions[2]
    whole.bars = split_bars("B", 4, day)
    whole.broker.split("B", 4)
    assert look(whole, CLOSE + timedelta(days=3))[1] == []
    whole.broker.split("B", 2)
    assert look(whole, CLOSE + timedelta(days=3))[1][0][0] == "position B"


def test_of_a_past_week_only_orders_are_compared(whole):
    whole.broker.today = NEXT.monday
    whole.monday(NEXT.as_of, NEXT)
    compared, found = look(whole, NEXT.as_of, WEEK)
    assert (compared, found) == ("orders; the account has lived on since, 2025-03-17 was traded", [])


def test_an_untraded_week_is_compared_with_the_mark_before_it(whole):
    assert look(whole, NEXT.as_of, NEXT) == ("orders, and cash and positions with the equity mark of 2025-03-10", [])
    whole.broker.positions["Z"] = Decimal(1)
    assert look(whole, NEXT.as_of, NEXT)[1] == [("position Z", "0 shares", "1 shares")]


def test_an_account_of_which_the_ledger_knows_nothing_says_so(account):
    assert look(account, DECISION) == ("orders; the ledger knows no earlier week of this account", [])


# ---- simulated accounts --------------------------------------------------------------------------------------------

ONE, TWO = week_of(date(2025, 3, 3)), week_of(date(2025, 3, 10))


def simulated(now, week, tamper=None, *, reveal=True, weeks=(ONE,)):
    bars = frame(flat({"A": 100, "B": 50}, date(2025, 2, 3), date(2025, 3, 21)))
    store, ledger = memory_store(), MemoryLedger()
    desk = desk_on(bars, store, ledger)
    for each in weeks:
        monday(desk, bars, each, target(each, A=0.2, B=0.1), reveal=reveal)
    if tamper:
        tamper(store.load())
    sides = Sides(desk.broker, ledger, "hrp", CASH, COSTS)
    found = compare(sides, week, days_of(bars, last_closed_session(now)), now)
    return found.told, [each.told for each in found.differences]


def test_a_simulated_account_agrees_to_the_cent():
    assert simulated(ONE.first_close, ONE) == ("orders, and cash and positions with the equity mark", [])
    assert simulated(TWO.first_close, TWO, weeks=(ONE, TWO))[1] == []
    assert simulated(TWO.as_of, TWO)[1] == [], "and so it does before the next Monday"
    assert simulated(ONE.as_of, ONE, weeks=()) == ("orders, and cash and positions with the initial cash", [])


def test_a_simulated_account_whose_file_was_edited_does_not():
    def tamper(state):
        state.cash += Decimal("0.01")
        state.positions["A"] += 1

    assert [each.split(":")[0] for each in simulated(ONE.first_close, ONE, tamper)[1]] == [
        "hrp, cash",
        "hrp, position A",
    ]


def test_simulated_orders_whose_session_is_to_come_are_compared_as_orders():
    assert simulated(ONE.as_of, ONE, reveal=False) == ("orders; their session is still to come", [])


def test_what_was_found_while_a_week_could_still_be_compared_stays():
    cash, order = Difference("hrp", "cash", "1", "2"), Difference("hrp", "order x", "unknown", "buy")
    stored = Reconciliation("2025-03-10", {"hrp": "everything"}, (cash, replace(cash, account="other")))
    past = Compared("orders", (order,), is_past=True)
    assert past.after("hrp", stored) == Compared("everything", (cash, order), is_past=True)
    assert past.after("hrp", None) == past.after("new", stored) == past
    assert replace(past, is_past=False).after("hrp", stored) == replace(past, is_past=False)


def test_all_that_a_reader_must_know_is_told():
    found = Reconciliation("2025-03-10", {"hrp": "orders"}, (), {"sac_lstm": "no answer"})
    assert found.told == ("sac_lstm could not be compared: no answer",)
