"""Who may mail, what becomes of a letter, and which failures are news."""

from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from learnfinance_dagster.calendar import week_of
from learnfinance_dagster.errors import TransientError
from learnfinance_dagster.orchestration.failures import in_one_line
from learnfinance_dagster.orchestration.mail_sensors import mail_sensors, not_news, send_mail
from learnfinance_dagster.orchestration.mailing import PostOffice
from learnfinance_dagster.parameters import MailParameters
from learnfinance_dagster.ports import MailReceipt, MarketInfo, PriceBasis
from learnfinance_dagster.reporting.post import MailState, Posted
from learnfinance_dagster.trading.guard import RunFacts, mail_refusal

WEEK = week_of(date(2025, 12, 29))
NOW = WEEK.as_of + timedelta(minutes=20)
REAL, PRACTICE = (
    MarketInfo(
        name=name,
        is_practice=name == "practice",
        price_basis=PriceBasis.AS_TRADED,
        first_session=date(2010, 1, 4),
        last_session=date(2025, 12, 31),
    )
    for name in ("us", "practice")
)
BOB, CAROL = "bob@localhost", "carol@localhost"
LATER = NOW + timedelta(days=8)


def facts(*, mails=True, backfill=False, now=NOW):
    return RunFacts(live_job=False, mails=mails, backfill=backfill, now=now)


@pytest.mark.parametrize("after", [timedelta(days=-1), timedelta(0), timedelta(days=6, hours=23)])
def test_a_live_run_of_the_current_week_may_mail(after):
    """The Sunday before its Monday, the Monday itself, and until the next one."""
    assert mail_refusal(facts(now=WEEK.as_of + after), WEEK, REAL) == ""


@pytest.mark.parametrize(
    ("known", "why"),
    [
        (facts(mails=False), "only the jobs"),
        (facts(backfill=True), "back-fills never mail"),
        (facts(now=WEEK.as_of + timedelta(days=7)), "past weeks are never mailed"),
        (facts(now=WEEK.as_of + timedelta(days=400)), "past weeks are never mailed"),
        (facts(now=WEEK.as_of - timedelta(days=4)), "has not come"),
    ],
)
def test_nothing_else_mails(known, why):
    assert why in mail_refusal(known, WEEK, REAL)


def test_the_practice_markets_last_weeks_count_by_its_own_clock():
    now = datetime(2026, 11, 28, tzinfo=UTC)
    demo = week_of(date(2025, 12, 15))
    assert mail_refusal(facts(now=now), demo, PRACTICE) == ""
    assert "last weeks" in mail_refusal(facts(now=now), week_of(date(2025, 6, 2)), PRACTICE)
    assert "only the jobs" in mail_refusal(facts(now=now, mails=False), demo, PRACTICE)
    assert "back-fills" in mail_refusal(facts(now=now, backfill=True), demo, PRACTICE)


class MemoryQueue:
    def __init__(self):
        self.kept, self.envelopes, self.marks = {}, {}, {}

    def put(self, envelope, content):
        self.envelopes[envelope.name], self.kept[envelope.name] = envelope, content

    def letters(self):
        return tuple(self.envelopes.values())

    def content(self, name):
        return self.kept[name]

    def posted(self, name):
        return self.marks.get(name, Posted())

    def mark(self, name, posted):
        self.marks[name] = posted

    def turn(self):
        return nullcontext()


class MemoryMailer:
    """Takes letters, unless a trouble is planted for the next one."""

    def __init__(self):
        self.sent, self.troubles = [], []

    def open(self):
        return self

    def send(self, letter, recipients):
        if self.troubles and isinstance(trouble := self.troubles.pop(0), Exception):
            raise trouble
        self.sent.append((letter, tuple(recipients)))
        return MailReceipt(tuple(recipients), {}, {})


class House:
    def __init__(self, **told):
        self.queue, self.mailer, self.now = MemoryQueue(), MemoryMailer(), NOW
        parameters = MailParameters(**{"send": "smtp", "to": (BOB,), "cc": (CAROL, BOB), **told})
        self.post = PostOffice(self.queue, self.mailer, parameters, lambda: self.now, "practice")

    def posts(self, name="weekly", refusal=""):
        return self.post.posted(name, name.encode, refusal, LATER)


def test_by_default_nothing_is_even_queued():
    house = House(send="outbox")
    assert house.posts().state is MailState.NOT_MAILED
    assert (house.queue.letters(), house.mailer.sent) == ((), [])


def test_a_run_that_must_not_mail_queues_nothing():
    house = House()
    assert house.posts(refusal="back-fills never mail").told == "not mailed: back-fills never mail"
    assert (house.queue.letters(), house.mailer.sent) == ((), [])


def test_everybody_gets_one_letter_however_often_the_week_is_run():
    house = House()
    assert [house.posts().state for _ in range(3)] == [MailState.SENT] * 3
    assert house.mailer.sent == [(b"weekly", (BOB, CAROL))]


def test_nobody_named_is_told_and_not_raised():
    outcome = House(to=()).posts()
    assert (outcome.state, outcome.is_well) == (MailState.WAITING, False)
    assert "EMAIL_TO" in outcome.told


def test_an_outage_leaves_the_letter_in_the_queue_and_the_next_try_sends_it():
    house = House()
    house.mailer.troubles = [TransientError("no route")]
    outcome = house.posts()
    assert (outcome.state, outcome.is_well) == (MailState.WAITING, False)
    assert [each.name for each in house.post.waiting()] == ["weekly"]
    assert [trouble for _, trouble in house.post.deliver_waiting()] == [""]
    assert house.post.waiting() == ()


def test_what_is_no_news_any_more_is_not_sent():
    house = House()
    house.mailer.troubles = [TransientError("no route")]
    house.posts()
    house.now = LATER
    assert house.post.waiting() == ()


def tick(house, instance):
    sensor = mail_sensors(dg.DefaultSensorStatus.STOPPED)[0]
    return sensor(dg.build_sensor_context(instance=instance, resources={"post": house.post}))


def test_the_sensor_asks_for_a_run_while_letters_wait_less_and_less_often():
    house = House()
    with dg.DagsterInstance.ephemeral() as instance:
        assert "no letter waits" in tick(house, instance).skip_message
        house.mailer.troubles = [TransientError("no route")]
        house.posts()
        keys = []
        for minutes in (*range(0, 1440, 10), *range(1440, 8 * 1440, 120)):
            house.now = NOW + timedelta(minutes=minutes)
            keys.append(tick(house, instance).run_key)
        assert len(set(keys[:6])) == 6, "every ten minutes in the first hour"
        assert len(set(keys[6:144])) == 24, "then every hour"
        assert len(set(keys)) < 65
        house.now = LATER
        assert "no letter waits" in tick(house, instance).skip_message
        assert "stay in the outbox" in tick(House(send="outbox"), instance).skip_message


def run_send_job(house):
    return send_mail.execute_in_process(resources={"post": house.post}, raise_on_error=False)


def test_the_job_sends_what_waits_and_is_red_where_something_still_does():
    house = House()
    house.mailer.troubles = [TransientError("no route"), TransientError("still no route")]
    house.posts()
    went = run_send_job(house)
    assert not went.success
    (step,) = [event for event in went.all_events if event.event_type is dg.DagsterEventType.STEP_FAILURE]
    assert in_one_line(step) == "weekly: still no route"
    assert run_send_job(house).success
    assert house.mailer.sent == [(b"weekly", (BOB, CAROL))]


@pytest.mark.parametrize(
    ("job", "tags", "why"),
    [
        ("monday", {"dagster/partition": "2025-12-29"}, ""),
        ("sunday", {"dagster/partition": "2026-01-05"}, "not the current week"),
        ("monday", {"dagster/partition": "2025-12-22"}, "not the current week"),
        ("monday", {"dagster/partition": "2025-12-29", "dagster/will_retry": "true"}, "tried again"),
        ("monday", {"dagster/partition": "2025-12-29", "dagster/will_retry": "false"}, ""),
        ("monday", {"dagster/partition": "2025-12-29", "dagster/backfill": "abc"}, "back-fills"),
        ("research", {"dagster/partition": "2025-12-29"}, "not told"),
        ("send_mail", {}, "not told"),
        ("__ASSET_JOB", {}, "not told"),
        ("rewards", {"dagster/partition": "2025-12-15"}, ""),
    ],
)
def test_which_failures_are_news(job, tags, why):
    found = not_news(job, tags, NOW)
    assert why in found
    assert bool(why) == bool(found)


@dg.op
def breaks():
    msg = "the vendor's answer ends\nin the middle"
    raise ValueError(msg)


@dg.job(name="monday")
def monday():
    breaks()


def failure_of(went):
    return next(event for event in went.all_events if event.event_type is dg.DagsterEventType.RUN_FAILURE)


def failure_tick(house, instance, went):
    sensor = mail_sensors(dg.DefaultSensorStatus.STOPPED)[1]
    context = dg.build_run_status_sensor_context(
        sensor_name="tell_failures",
        dagster_instance=instance,
        dagster_run=went.dagster_run,
        dagster_event=failure_of(went),
        resources={"post": house.post},
    ).for_run_failure()
    return sensor(context)


def test_a_run_that_failed_for_good_is_told_once_with_step_error_and_link():
    house = House(ui="https://dagster.example/")
    with dg.DagsterInstance.ephemeral() as instance:
        went = monday.execute_in_process(
            instance=instance, raise_on_error=False, tags={"dagster/partition": "2025-12-29"}
        )
        for _ in range(2):
            failure_tick(house, instance, went)
    ((letter, recipients),) = house.mailer.sent
    text, run_id = letter.decode().replace("=\r\n", ""), went.run_id
    assert recipients == (BOB, CAROL)
    assert "Subject: LearnFinance: monday 2025-12-29 failed" in text
    assert "breaks: in the middle" in text
    assert f"https://dagster.example/runs/{run_id}" in text
    assert f"<failure.{run_id}.1." in text
    assert "Traceback" not in text


def test_failures_are_not_mailed_where_settings_say_so():
    house = House(failures=False)
    with dg.DagsterInstance.ephemeral() as instance:
        went = monday.execute_in_process(instance=instance, raise_on_error=False)
        assert "web UI only" in failure_tick(house, instance, went).skip_message
    assert house.mailer.sent == []
