"""Sell, wait, buy, killed at every moment: afterwards exactly the intended orders exist, each once."""

from contextlib import suppress
from copy import deepcopy

import pytest
from dying import ForgetfulBroker, Fuse, Killed
from wall_scene import BUYS, CLOSE, MINUTE, NEXT, OPEN, SELLS, WEEK, Account, fresh_broker, symbols

from learnfinance_dagster.errors import RefusedError, TransientError
from learnfinance_dagster.values import OrderStatus

ORDERS = [*SELLS, *BUYS]


def monday_job(account: Account) -> None:
    account.monday()
    account.settle(WEEK.as_of)


def after_the_sells(account: Account) -> None:
    account.follow(OPEN + MINUTE)
    account.settle(OPEN + MINUTE)


def after_the_close(account: Account) -> None:
    account.follow(CLOSE, refusal="the submission window closed")
    account.settle(CLOSE)


RUNS = (monday_job, after_the_sells, after_the_close)
"""The three runs of a Monday; between them the market does its part."""


def play(account: Account, fuse: Fuse | None = None) -> Account:
    """The whole Monday; a run that dies is run again."""
    account.fuse = fuse
    for run in RUNS:
        try:
            run(account)
        except Killed:
            run(account)
        account.broker.fill_all()
    return account


def left(account: Account):
    return account.broker.records, account.broker.positions, account.broker.cash, account.remembered()


@pytest.fixture(scope="module")
def undisturbed():
    fuse = Fuse()
    return left(play(Account(), fuse)), fuse.moments


MOMENTS = 2 * (2 + 1 + 4 + 10 + 1)
"""Before and after: two settlements, the intent, four orders sent, ten notes about them, the outcome."""


def test_the_moments_are_covered(undisturbed):
    (records, _, _, _), moments = undisturbed
    assert symbols(records) == ORDERS
    assert {moment.split()[1] for moment in moments} == {
        "settle",
        "submit",
        "record_intent",
        "record_order",
        "record_outcome",
    }
    assert len(moments) == MOMENTS


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_killed_at_any_moment_and_run_again_it_is_as_if_nothing_had_happened(undisturbed, moment):
    wanted, _ = undisturbed
    account = play(Account(), Fuse(moment))
    assert left(account) == wanted
    assert symbols(account.broker.sent) == ORDERS, "each was brought exactly once, sells first"


@pytest.mark.parametrize("moment", range(0, MOMENTS, 3))
def test_killed_and_never_run_again_it_leaves_nothing_behind_that_trades_later(undisturbed, moment):
    """The next Monday finds what arrived, gives up what did not, and trades on from there."""
    account = Account()
    account.fuse = Fuse(moment)
    for run in RUNS:
        with suppress(Killed):
            run(account)
            account.broker.fill_all()
            continue
        break
    account.fuse = None
    account.broker.fill_all()
    sent = list(account.broker.sent)
    account.broker.today = NEXT.monday
    account.monday(NEXT.as_of, NEXT)
    attempt = account.ledger.latest_attempt("hrp", WEEK.run_id)
    if attempt is None:
        assert sent == []
        return
    at_the_broker = {name for name, record in account.broker.records.items() if name.startswith(WEEK.run_id)}
    assert at_the_broker == set(sent)
    assert {r.order.client_order_id for r in attempt.orders if r.status is OrderStatus.FILLED} == at_the_broker
    assert all(r.status is OrderStatus.CANCELLED for r in attempt.orders if r.order.client_order_id not in sent)
    assert len(account.marks()) == 1


@pytest.mark.parametrize("lost", range(1, 4))
@pytest.mark.parametrize("deaf", [False, True])
def test_lost_answers_of_sells_and_buys_are_looked_up_and_never_sent_again(lost, deaf):
    account = Account()
    for run in RUNS:
        real = account.broker
        account.broker = ForgetfulBroker(real, lost, deaf=deaf)
        with suppress(TransientError):
            run(account)
        account.broker = real
        if run is monday_job:
            account.monday()
        else:
            account.follow(OPEN + MINUTE)
        account.broker.fill_all()
    account.settle(CLOSE)
    assert symbols(account.broker.sent) == ORDERS
    assert set(account.status().values()) == {OrderStatus.FILLED}


def test_two_followers_at_once_send_each_buy_once():
    account = Account()
    account.monday()
    account.broker.fill(*SELLS)
    inner, outcomes = account.broker.take, []

    def take(order, day):
        if not outcomes:
            outcomes.append("asked")
            with pytest.raises(RefusedError, match="another run is trading it now"):
                account.follow(OPEN + MINUTE)
        return inner(order, day)

    account.broker.take = take
    account.follow(OPEN + MINUTE)
    assert symbols(account.broker.sent) == ORDERS


def test_a_second_attempt_after_a_whole_refusal_passes_through_the_same_phases():
    account = Account(fresh_broker(refuses=dict.fromkeys("ABCD", "account is restricted")))
    account.monday()
    account.broker.refuses = {}
    first = deepcopy(account.attempt())
    play(account)
    assert account.attempt().number == 2
    assert symbols(account.broker.sent) == ORDERS
    assert all(":attempt-2:" in name for name in account.broker.sent)
    assert all(record.status.is_dead for record in first.orders)
