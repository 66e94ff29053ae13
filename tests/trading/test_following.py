"""What is to be done for a recorded week, and when: looked at every minute, acted on once."""

from datetime import date, timedelta

import pytest
from wall_scene import CLOSE, DEADLINE, DECISION, MINUTE, NEXT, OPEN, SELLS, WEEK, Account

from learnfinance_dagster.errors import TransientError
from learnfinance_dagster.trading.following import Moment, standing
from learnfinance_dagster.trading.guard import GRACE
from learnfinance_dagster.values import OrderStatus


@pytest.fixture
def account() -> Account:
    return Account()


def stands(account, now, week=WEEK, known=date(2025, 3, 28)):
    return standing("hrp", account.broker, account.ledger, week, Moment(now, DEADLINE, lambda: known))


def test_a_week_of_which_nothing_was_recorded_is_over(account):
    found = stands(account, OPEN)
    assert (found.is_over, found.due, account.broker.asked) == (True, "", 0)


def test_while_sells_are_open_there_is_nothing_to_do(account):
    account.monday()
    for now in (DECISION, OPEN, OPEN + MINUTE):
        found = stands(account, now)
        assert (found.due, found.step, found.told) == ("", "", "0 of 4 orders final, 2 open, 2 to be sent")


def test_one_look_costs_one_question(account):
    account.monday()
    before = account.broker.asked
    stands(account, OPEN)
    assert account.broker.asked == before + 1


def test_each_thing_that_happens_is_one_step_and_its_sight_is_stable(account):
    account.monday()
    steps = []

    def see(now, words):
        found = stands(account, now)
        assert words in found.due
        assert stands(account, now + timedelta(seconds=1)).step == found.step, "the same sight, the same step"
        steps.append(found.step)

    account.broker.fill("A")
    see(OPEN + MINUTE, "1 orders have moved on")
    account.follow(OPEN + MINUTE)
    assert stands(account, OPEN + 2 * MINUTE).due == ""
    account.broker.fill("B")
    see(OPEN + 2 * MINUTE, "the sells are done: buys may go")
    account.follow(OPEN + 2 * MINUTE)
    account.broker.fill("C", "D")
    see(OPEN + 3 * MINUTE, "2 orders have moved on")
    account.settle(OPEN + 3 * MINUTE)
    assert stands(account, OPEN + 4 * MINUTE).due == ""
    see(CLOSE, "the account is marked")
    account.settle(CLOSE)
    assert stands(account, CLOSE + MINUTE).is_over
    assert len(set(steps)) == 4
    assert all(step.startswith("2025-03-10:hrp:") for step in steps)


def test_the_mark_waits_for_the_market_source(account):
    account.monday()
    account.broker.fill(*SELLS)
    account.follow(OPEN + MINUTE)
    account.broker.fill_all()
    account.settle(OPEN + MINUTE)
    assert stands(account, CLOSE, known=WEEK.last_session).due == ""
    assert stands(account, CLOSE, known=WEEK.sessions[0]).due


def test_the_deadline_and_the_end_of_the_window_are_steps(account):
    account.monday()
    account.broker.fill("B")
    account.follow(OPEN + MINUTE)
    assert stands(account, DEADLINE - MINUTE).due == ""
    assert stands(account, DEADLINE).due == "the deadline for buys has passed"
    assert "the submission window closed" in stands(account, OPEN + GRACE + MINUTE).due


def test_sells_that_a_dead_run_never_sent_are_seen(account):
    account.ledger.record_intent(*account.decide())
    assert stands(account, DECISION).due == "sells were recorded and not sent"


def test_an_order_that_arrived_and_was_not_noted_has_moved_on(account):
    account.ledger.record_intent(*account.decide())
    for record in account.attempt().orders[:2]:
        account.broker.submit(record.order, WEEK)
    assert stands(account, DECISION).due == "2 orders have moved on"


def test_an_order_that_died_is_seen(account):
    account.monday()
    account.broker.die("A", OrderStatus.REJECTED)
    assert stands(account, OPEN).due == "1 orders have moved on"


def test_a_broker_that_does_not_answer_raises_and_nothing_is_concluded(account):
    account.monday()
    account.broker.dead = True
    with pytest.raises(TransientError):
        stands(account, OPEN)


def test_another_week_is_none_of_its_business(account):
    account.monday()
    assert stands(account, NEXT.as_of, NEXT).is_over
