"""The promise that a second run does no harm, tried at every moment at which a first one may end."""

import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import crash_scene
import pytest
from crash_scene import BARS, DIED, FIRST, SECOND, THIRD, WANTED, open_desk, play
from dying import ForgetfulBroker, Fuse, Killed, fused
from trading_scene import days_of, monday

from learnfinance_dagster.errors import RefusedError, TransientError
from learnfinance_dagster.values import OrderStatus

ORDERS = 4
"""Of the second Monday: an exit of AAA, a trim of BBB, and two buys."""
MOMENTS = 2 * (2 + 1 + 2 * ORDERS + ORDERS + 1)
"""Before and after: two settlements of the account, the intent, each order sent and noted, its fate noted, the end."""


def both(moments, on_a_server):
    """Every moment on SQLite, and some on Postgres, where each act is a connection and takes its time."""
    places = [("sqlite", moment) for moment in moments] + [("postgres", moment) for moment in on_a_server]
    return pytest.mark.parametrize(("folder", "moment"), places, indirect=["folder"])


@pytest.fixture(scope="module")
def opened(tmp_path_factory) -> Path:
    """An account that has traded its first Monday."""
    folder = tmp_path_factory.mktemp("opened")
    play(folder, FIRST)
    return folder


@pytest.fixture(params=["sqlite", "postgres"])
def folder(request, opened, tmp_path) -> Path:
    """A copy of that account; on a server's ledger it trades its first Monday again."""
    if request.param == "sqlite":
        return Path(copytree(opened, tmp_path / "account"))
    (tmp_path / "ledger.txt").write_text(request.getfixturevalue("postgres_ledger"))
    play(tmp_path, FIRST)
    return tmp_path


@pytest.fixture(scope="module")
def undisturbed(opened, tmp_path_factory):
    """The second Monday's four values, and what is on disk after the third, when nothing dies."""
    folder = Path(copytree(opened, tmp_path_factory.mktemp("undisturbed") / "account"))
    values = play(folder, SECOND)
    play(folder, THIRD)
    return values, on_disk(folder)


def on_disk(folder: Path):
    desk = open_desk(folder)
    remembered = [
        (
            desk.ledger.latest_attempt("hrp", week.run_id),
            desk.ledger.fills("hrp", week.run_id),
            desk.ledger.positions("hrp", week.run_id),
        )
        for week in (FIRST, SECOND, THIRD)
    ]
    return (folder / "account.json").read_text(), remembered, desk.ledger.marks("hrp", THIRD.monday)


def sent(fuse: Fuse) -> int:
    return fuse.moments.count("after submit")


def test_the_moments_are_all_there_are(folder):
    fuse = Fuse()
    _, plan, submission, fate = play(folder, SECOND, fuse)
    assert len(plan.orders) == ORDERS == len(submission.accepted)
    assert {order.side.value for order in plan.orders} == {"buy", "sell"}
    assert len(fate.fills) >= 3, "most of them filled"
    assert fate.mark is not None
    assert len(fuse.moments) == MOMENTS
    assert set(fuse.moments) == {
        f"{when} {act}"
        for when in ("before", "after")
        for act in ("settle", "submit", "record_intent", "record_order", "record_outcome")
    }


@both(range(MOMENTS), on_a_server=(3, 5, 15, 31))
def test_a_monday_that_dies_at_any_moment_and_runs_again_is_as_if_it_had_not(folder, undisturbed, moment):
    first, second = Fuse(moment), Fuse()
    with pytest.raises(Killed):
        play(folder, SECOND, first)

    values = play(folder, SECOND, second)

    assert values == undisturbed[0]
    assert sent(first) + sent(second) == ORDERS, "each order was brought to the broker exactly once"
    play(folder, THIRD)
    assert on_disk(folder) == undisturbed[1]


@both(range(0, MOMENTS, 4), on_a_server=(12,))
def test_a_monday_that_dies_twice_is_none_the_worse(folder, undisturbed, moment):
    fuses = [Fuse(moment), Fuse(2), Fuse()]
    for fuse in fuses:
        with suppress(Killed):
            values = play(folder, SECOND, fuse)
    assert values == undisturbed[0]
    assert sum(map(sent, fuses)) == ORDERS


@both(range(1, MOMENTS, 3), on_a_server=(10,))
def test_a_monday_that_died_and_was_never_run_again_leaves_no_order_behind_to_trade_later(folder, moment):
    """The next Monday finds what did arrive, and trades on from there."""
    first, next_week = Fuse(moment), Fuse()
    with pytest.raises(Killed):
        play(folder, SECOND, first)
    play(folder, THIRD, next_week)
    late = Fuse()
    play(folder, SECOND, late)

    assert sent(late) == 0, "the session is over: nothing is accepted"
    desk = open_desk(folder)
    book = desk.broker._store.load()
    assert not book.waiting
    assert sum(identity.startswith(SECOND.run_id) for identity in book.orders) == sent(first)
    attempt = desk.ledger.latest_attempt("hrp", SECOND.run_id)
    if attempt:
        at_the_broker = [record for record in attempt.orders if record.broker_order_id]
        assert at_the_broker == [book.orders[record.order.client_order_id] for record in at_the_broker]
        assert len(at_the_broker) == sent(first)
        assert not any(record.status.is_open for record in attempt.orders)
        assert len(desk.ledger.fills("hrp", SECOND.run_id)) == len(
            [identity for identity in book.fills if identity.startswith(SECOND.run_id)]
        )


@both([5, 10], on_a_server=[10])
def test_a_process_that_ends_without_goodbye_in_the_middle_of_sending_is_run_again(folder, undisturbed, moment):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, str(Path(crash_scene.__file__)), str(folder), str(moment)]

    died = subprocess.run(command, env=environment, check=False)

    assert died.returncode == DIED
    attempt = open_desk(folder).ledger.latest_attempt("hrp", SECOND.run_id)
    statuses = [record.status for record in attempt.orders]
    assert OrderStatus.INTENDED in statuses, "it had not finished"
    assert play(folder, SECOND) == undisturbed[0]
    play(folder, THIRD)
    assert on_disk(folder) == undisturbed[1]


# ---- when the guard has changed its mind in between ----------------------------------------------------------------


def test_orders_that_were_only_intended_are_cancelled_when_their_window_has_closed(folder):
    fuse = Fuse(9)  # the intent is written, one order is sent and noted, the second is sent and not noted
    with pytest.raises(Killed):
        play(folder, SECOND, fuse)
    assert sent(fuse) == 2

    desk, again = open_desk(folder), Fuse()
    _, plan, submission, _ = monday(fused(desk, again), BARS, SECOND, WANTED[SECOND], "the submission window closed")

    assert sent(again) == 0
    ids = [order.client_order_id for order in plan.orders]
    assert submission.accepted == tuple(ids[:2])
    assert submission.refused == dict.fromkeys(ids[2:], "never sent: the submission window closed")


# ---- lost answers --------------------------------------------------------------------------------------------------


def steps(desk, week=SECOND):
    days = days_of(BARS, week.last_session)
    portfolio = desk.portfolio(week, days, "")
    plan = desk.plan(week, portfolio, WANTED[week], days, "")
    return desk.submit(week, portfolio, plan, "")


def test_an_order_whose_answer_was_lost_is_found_at_once_and_not_sent_twice(folder):
    desk = open_desk(folder)
    broker = ForgetfulBroker(desk.broker, lost=2)
    submission = steps(replace(desk, broker=broker))
    assert broker.sent == list(submission.accepted)
    assert len(set(broker.sent)) == ORDERS


def test_an_order_of_which_nothing_can_be_learnt_is_looked_up_by_the_next_run_and_not_sent_twice(folder):
    desk = open_desk(folder)
    broker = ForgetfulBroker(desk.broker, lost=1, deaf=True)
    with pytest.raises(TransientError, match=r"they will be looked up on the next run: .*attempt-1:AAA:SELL: "):
        steps(replace(desk, broker=broker))
    assert len(broker.sent) == 1, "nothing more is sent to a broker that cannot be asked"
    attempt = desk.ledger.latest_attempt("hrp", SECOND.run_id)
    assert {record.status for record in attempt.orders} == {OrderStatus.INTENDED}

    broker.deaf = False
    submission = steps(replace(open_desk(folder), broker=broker))

    assert broker.sent == list(submission.accepted)
    assert len(set(broker.sent)) == ORDERS


class Unreachable:
    """No order ever arrives while `down`."""

    def __init__(self, inner) -> None:
        self._inner, self.down = inner, True

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def submit(self, order, week):
        if self.down and "AAA" in order.client_order_id:
            raise TransientError("connection reset")
        return self._inner.submit(order, week)


def test_an_order_that_did_not_arrive_is_sent_by_the_next_run(folder):
    desk = open_desk(folder)
    broker = Unreachable(desk.broker)
    desk = replace(desk, broker=broker)
    with pytest.raises(TransientError, match="AAA:SELL: connection reset"):
        steps(desk)
    statuses = [record.status for record in desk.ledger.latest_attempt("hrp", SECOND.run_id).orders]
    assert statuses == [OrderStatus.INTENDED, *[OrderStatus.ACCEPTED] * (ORDERS - 1)], "the others were sent"

    broker.down = False
    assert len(steps(desk).accepted) == ORDERS


# ---- two at once ---------------------------------------------------------------------------------------------------


class Interrupting:
    """While the first order is on its way, somebody else runs the same Monday."""

    def __init__(self, inner, meanwhile) -> None:
        self._inner, self._meanwhile, self.sent = inner, meanwhile, []

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def submit(self, order, week):
        if not self.sent:
            self._meanwhile()
        self.sent.append(order.client_order_id)
        return self._inner.submit(order, week)


def test_of_two_runs_at_once_the_second_is_refused_and_sends_nothing(folder):
    outcome = []

    def second_run():
        try:
            outcome.append(steps(open_desk(folder)))
        except RefusedError as error:
            outcome.append(str(error))

    desk = open_desk(folder)
    broker = Interrupting(desk.broker, second_run)
    submission = steps(replace(desk, broker=broker))

    assert outcome == ["account hrp, week paper:2025-03-10: another run is trading it now"]
    assert broker.sent == list(submission.accepted)
    assert len(broker.sent) == ORDERS


def test_a_second_run_that_planned_before_the_first_had_sent_sends_nothing(folder):
    slow, quick = open_desk(folder), open_desk(folder)
    days = days_of(BARS, SECOND.last_session)
    portfolio = slow.portfolio(SECOND, days, "")
    plan = slow.plan(SECOND, portfolio, WANTED[SECOND], days, "")
    done = steps(quick)
    fuse = Fuse()

    assert fused(slow, fuse).submit(SECOND, portfolio, plan, "") == done
    assert fuse.moments == []
