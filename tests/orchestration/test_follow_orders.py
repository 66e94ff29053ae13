"""Looking at accounts: all at once, none in another's way; and the round that `make monday` goes without a daemon."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Event
from types import SimpleNamespace

import pytest
from wall_scene import DEADLINE, DECISION, MINUTE, OPEN, SELLS, WEEK, Account

from learnfinance_dagster.commands.following import World, follow_until_sent
from learnfinance_dagster.errors import ConfigurationError, TransientError
from learnfinance_dagster.orchestration.follow import LONGEST_WAIT, BackOff, Seen, followed, look
from learnfinance_dagster.ports import BrokerClock
from learnfinance_dagster.trading.following import Moment, standing
from learnfinance_dagster.trading.guard import GRACE
from learnfinance_dagster.values import OrderStatus

MARKET = SimpleNamespace(open=lambda: SimpleNamespace(info=SimpleNamespace(last_session=WEEK.sessions[0])))


@dataclass(frozen=True)
class Floor:
    """As much of a trading floor as a look needs."""

    brokers: dict
    ledgers: Account
    now: object = OPEN

    @property
    def accounts(self):
        return tuple(self.brokers)

    def clock(self):
        return self.now

    @property
    def parameters(self):
        return SimpleNamespace(orders=self.ledgers.parameters)

    @property
    def ledger(self):
        return SimpleNamespace(open=lambda: self.ledgers.ledger)


def floor_of(**brokers):
    first = Account()
    first.monday()
    floor = Floor({"hrp": first.broker, **brokers}, first)
    return replace(floor, brokers=Doors(floor.brokers))


class Doors(dict):
    def open(self, account):
        broker = self[account]
        if isinstance(broker, Exception):
            raise broker
        return broker


def test_accounts_on_the_markets_clock_are_not_followed_and_a_missing_key_is_told():
    floor = floor_of(simulated=SimpleNamespace(clock=BrokerClock.MARKET), sac=ConfigurationError("no ALPACA_SAC_KEY"))
    assert followed(floor) == (["hrp"], {"sac": "no ALPACA_SAC_KEY"})


def test_a_slow_account_and_a_failing_one_do_not_keep_the_third_from_being_seen():
    answered = Event()

    class Slow:
        def orders_since(self, _day):
            answered.wait(30)
            return ()

    class Failing:
        def orders_since(self, _day):
            raise TransientError("connection reset")

    slow = Account()
    slow.monday()
    floor = floor_of(slow=Slow(), failing=Failing())
    books = floor.ledgers.ledger._accounts
    books["slow"] = books["failing"] = books["hrp"]
    seen = look(floor, MARKET, WEEK, ["slow", "failing", "hrp"], patience=0.2)
    answered.set()
    assert [each.account for each in seen.standings] == ["hrp"]
    assert seen.failures == {"slow": "no answer within 0.2 s", "failing": "TransientError: connection reset"}


def test_a_bug_is_no_failure_of_a_vendor():
    class Broken:
        def orders_since(self, _day):
            raise KeyError("oops")

    floor = floor_of(broken=Broken())
    floor.ledgers.ledger._accounts["broken"] = floor.ledgers.ledger._accounts["hrp"]
    with pytest.raises(KeyError):
        look(floor, MARKET, WEEK, ["broken"])


def test_who_fails_is_asked_less_and_less_often_and_forgiven_when_he_answers():
    cursor, asked = None, []
    for minute in range(60):
        now = OPEN + minute * MINUTE
        back_off = BackOff(cursor, WEEK.key)
        assert back_off.is_due("other", now)
        if back_off.is_due("hrp", now):
            asked.append(minute)
            back_off.note("hrp", now, failed=True)
        cursor = str(back_off)
    assert asked == [0, 1, 3, 7, 15, 30, 45]
    assert timedelta(minutes=15) == LONGEST_WAIT
    back_off.note("hrp", now, failed=False)
    assert BackOff(str(back_off), WEEK.key).is_due("hrp", now)
    assert BackOff(cursor, "2025-03-17").is_due("hrp", now), "a new week begins anew"


# ---- make monday ---------------------------------------------------------------------------------------------------


@dataclass
class Clock:
    """Time passes when somebody sleeps; things happen when their time has come."""

    now: object = DECISION
    events: dict = field(default_factory=dict)
    slept: list = field(default_factory=list)

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)
        for moment in sorted(each for each in self.events if each <= self.now):
            self.events.pop(moment)()


def world_of(clock, accounts, said, failing=()):
    def see(names):
        moment = Moment(clock.now, DEADLINE, lambda: WEEK.last_session)
        found, failures = [], {}
        for name in names:
            try:
                found.append(standing("hrp", accounts[name].broker, accounts[name].ledger, WEEK, moment))
                found[-1] = replace(found[-1], account=name)
            except TransientError as error:
                failures[name] = str(error)
        return Seen(tuple(found), failures)

    def act(each):
        late = clock.now > OPEN + GRACE
        try:
            accounts[each.account].follow(clock.now, refusal="the submission window closed" if late else "")
        except TransientError:
            return False
        return True

    return World(lambda: clock.now, clock.sleep, said.append, see, act)


def test_it_waits_for_the_open_in_long_steps_and_for_the_sells_in_short_ones():
    account, clock, said = Account(), Clock(), []
    account.monday()
    clock.events[OPEN + 3 * MINUTE] = lambda: account.broker.fill(*SELLS)
    assert follow_until_sent(world_of(clock, {"hrp": account}, said), WEEK, ["hrp"])
    assert len(account.broker.sent) == 4
    assert clock.slept[:6] == [600.0] * 6, "an hour, in which nothing can be filled"
    assert max(clock.slept[6:]) <= 60
    assert clock.now < OPEN + 6 * MINUTE
    assert said[0].endswith("hrp: 0 of 4 orders final, 2 open, 2 to be sent")
    assert any("the sells are done: buys may go" in line for line in said)
    assert len(said) == len(set(said)), "it speaks when something has changed"


def test_one_account_that_does_not_answer_holds_up_no_other():
    good, dead, clock, said = Account(), Account(), Clock(OPEN), []
    for account in (good, dead):
        account.monday()
    dead.broker.dead = True
    sent_at = []
    clock.events[OPEN + MINUTE] = lambda: good.broker.fill(*SELLS)
    world = world_of(clock, {"dead": dead, "good": good}, said)

    def act(each):
        sent_at.append(clock.now)
        return world.act(each)

    assert not follow_until_sent(replace(world, act=act), WEEK, ["dead", "good"])
    assert len(good.broker.sent) == 4
    assert sent_at[0] < OPEN + 3 * MINUTE
    assert any(line.startswith("  dead: not everything could be sent") for line in said)
    assert clock.now < OPEN + GRACE + 10 * MINUTE, "and it does not wait for ever"


def test_at_the_deadline_it_sends_what_the_money_pays_for_and_ends():
    account, clock, said = Account(), Clock(OPEN), []
    account.monday()
    account.broker.fill("B")
    assert follow_until_sent(world_of(clock, {"hrp": account}, said), WEEK, ["hrp"])
    assert DEADLINE <= clock.now < DEADLINE + 3 * MINUTE
    assert account.status()["D"] is OrderStatus.CANCELLED
    assert OrderStatus.INTENDED not in account.status().values()


def test_a_week_that_is_long_over_ends_at_once():
    account, clock, said = Account(), Clock(OPEN + timedelta(days=3)), []
    account.monday()
    assert follow_until_sent(world_of(clock, {"hrp": account}, said), WEEK, ["hrp"])
    assert sum(clock.slept) < 60
    assert len(account.broker.sent) == 2


def test_a_step_that_failed_is_tried_again_and_one_that_was_done_is_not():
    account, clock, said, acts = Account(), Clock(OPEN), [], []
    account.monday()
    account.broker.fill(*SELLS)
    world = world_of(clock, {"hrp": account}, said)

    def act(each):
        acts.append(each.step)
        return len(acts) > 2 and world.act(each)

    assert follow_until_sent(replace(world, act=act), WEEK, ["hrp"])
    assert len(acts) == 3
    assert len(set(acts)) == 1
