"""Every row of the table that decides what a run may do."""

from datetime import date
from decimal import Decimal

import pytest

from learnfinance_dagster.calendar import week_of
from learnfinance_dagster.ports import Attempt
from learnfinance_dagster.trading.attempts import Memory, decide
from learnfinance_dagster.values import Mode, Order, OrderPlan, OrderRecord, OrderStatus, Portfolio, Side

BEFORE, WEEK, AFTER = (week_of(date(2025, 12, day)) for day in (8, 15, 22))
NO = "back-fills never trade"
DEAD = (OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED)


def attempt(*statuses: OrderStatus, number: int = 1, reason: str = "") -> Attempt:
    orders = tuple(
        Order(f"{WEEK.run_id}:attempt-{number}:N{n}:BUY", f"N{n}", Side.BUY, *[Decimal(1)] * 3, 0.0, 0.1)
        for n in range(len(statuses))
    )
    plan = OrderPlan("hrp", WEEK.run_id, number, Mode.LIVE, reason, Decimal(9), Decimal(9), orders, ())
    portfolio = Portfolio("hrp", WEEK.run_id, Decimal(9), (), 0, Mode.LIVE)
    records = tuple(OrderRecord(order, status) for order, status in zip(orders, statuses, strict=True))
    return Attempt(number, portfolio, plan, records)


def decided(latest: Attempt | None = None, refusal: str = "", *, newest=None, over: bool = False):
    return decide(WEEK, Memory(newest.monday if newest else None, over, latest), refusal)


@pytest.mark.parametrize("newest", [None, BEFORE, WEEK])
def test_a_week_never_traded_is_traded(newest):
    found = decided(newest=newest)
    assert (found.mode, found.reason, found.attempt, found.recorded, found.is_past) == (Mode.LIVE, "", 1, None, False)


def test_a_week_never_traded_is_a_dry_run_when_the_guard_objects():
    found = decided(refusal=NO)
    assert (found.mode, found.reason, found.recorded, found.is_past) == (Mode.DRY_RUN, NO, None, False)


@pytest.mark.parametrize("refusal", ["", NO])
@pytest.mark.parametrize("status", [s for s in OrderStatus if s not in DEAD])
def test_an_attempt_with_an_order_that_lives_or_filled_is_shown_again(status, refusal):
    latest = attempt(*DEAD, status, reason="attempt 1 left nothing filled or open")
    found = decided(latest, refusal, newest=WEEK)
    assert (found.mode, found.recorded, found.attempt) == (Mode.LIVE, latest, 1)
    assert found.reason == latest.plan.mode_reason, "as it was, not as this run would be"


def test_an_attempt_without_orders_is_shown_again():
    latest = attempt()
    assert decided(latest, newest=WEEK).recorded is latest


@pytest.mark.parametrize("number", [1, 2, 7])
def test_an_attempt_whose_orders_are_all_dead_is_followed_by_another(number):
    found = decided(attempt(*DEAD, number=number), newest=WEEK)
    assert (found.mode, found.attempt, found.recorded) == (Mode.LIVE, number + 1, None)
    assert found.reason == f"attempt {number} left nothing filled or open"


def test_a_dead_attempt_is_shown_again_when_the_guard_objects_to_another():
    latest = attempt(*DEAD)
    assert decided(latest, NO, newest=WEEK).recorded is latest


def test_a_dead_attempt_is_shown_again_once_the_week_is_over():
    latest = attempt(*DEAD)
    assert decided(latest, newest=WEEK, over=True).recorded is latest


@pytest.mark.parametrize("over", [True, False])
def test_a_dead_attempt_is_shown_again_once_a_later_week_was_traded(over):
    latest = attempt(*DEAD)
    assert decided(latest, newest=AFTER, over=over).recorded is latest


def test_a_week_that_ended_without_an_attempt_is_not_traded_afterwards():
    found = decided(newest=WEEK, over=True)
    assert (found.mode, found.reason, found.is_past) == (Mode.DRY_RUN, "the week is over for this account", True)


@pytest.mark.parametrize("refusal", ["", NO])
def test_a_week_before_the_newest_never_trades(refusal):
    found = decided(refusal=refusal, newest=AFTER)
    assert (found.mode, found.is_past) == (Mode.DRY_RUN, True)
    assert found.reason == "2025-12-22 has been traded since, and time runs one way"


def test_the_guards_words_are_kept_when_the_week_is_over_too():
    assert decided(refusal=NO, newest=WEEK, over=True).reason == NO
