from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from types import SimpleNamespace

import pytest

from learnfinance_dagster.calendar import CLOSED, week_of
from learnfinance_dagster.orchestration.floor import TradingFloor
from learnfinance_dagster.ports import BrokerClock, MarketInfo, PriceBasis
from learnfinance_dagster.trading.guard import GRACE, RunFacts, mail_refusal, read_only, refusal

WEEK = week_of(date(2025, 12, 29))
CLOSED_WEEK = replace(WEEK, sessions=(), first_open=None, first_close=None)
HOLIDAY_MONDAY = week_of(date(2025, 9, 1))
DECISION = datetime(2025, 12, 29, 12, 30, tzinfo=UTC)
OPEN = datetime(2025, 12, 29, 14, 30, tzinfo=UTC)
OFF = "trading is switched off (LEARNFINANCE_TRADING=off)"
THURSDAY = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
YEARS_LATER = datetime(2031, 1, 1, tzinfo=UTC)
REAL = MarketInfo("us", False, PriceBasis.AS_TRADED, date(2010, 1, 4), date(2025, 12, 31))  # noqa: FBT003
WALL, MARKET = BrokerClock.WALL, BrokerClock.MARKET


def facts(now=DECISION, *, live_job=True, backfill=False, **other) -> RunFacts:
    return RunFacts(live_job=live_job, backfill=backfill, now=now, **other)


@pytest.mark.parametrize(
    ("run", "week", "clock", "off", "words"),
    [
        pytest.param(facts(), WEEK, WALL, OFF, OFF, id="disarmed"),
        pytest.param(facts(), WEEK, MARKET, OFF, OFF, id="disarmed, simulated"),
        pytest.param(
            facts(live_job=False), WEEK, WALL, "", "only the job 'monday' trades; this run is research", id="research"
        ),
        pytest.param(
            facts(live_job=False), WEEK, MARKET, "", "only the job 'monday' trades;", id="research, simulated"
        ),
        pytest.param(facts(backfill=True), WEEK, WALL, "", "back-fills never trade", id="back-fill"),
        pytest.param(facts(backfill=True), WEEK, MARKET, "", "back-fills never trade", id="back-fill, simulated"),
        pytest.param(facts(), CLOSED_WEEK, WALL, "", CLOSED, id="closed week"),
        pytest.param(facts(), CLOSED_WEEK, MARKET, "", CLOSED, id="closed week, simulated"),
        pytest.param(
            facts(DECISION - timedelta(seconds=1)),
            WEEK,
            WALL,
            "",
            "2025-12-29 12:30 UTC has not",
            id="a second early",
        ),
        pytest.param(facts(DECISION), WEEK, WALL, "", "", id="on time"),
        pytest.param(facts(OPEN), WEEK, WALL, "", "", id="at the open"),
        pytest.param(facts(OPEN + GRACE), WEEK, WALL, "", "", id="a late daemon on Monday"),
        pytest.param(
            facts(OPEN + GRACE + timedelta(seconds=1)),
            WEEK,
            WALL,
            "",
            "closed at 2025-12-29 17",
            id="too late on Monday",
        ),
        pytest.param(
            facts(THURSDAY),
            WEEK,
            WALL,
            "",
            "the submission window closed at 2025-12-29",
            id="a late daemon on Thursday",
        ),
        pytest.param(facts(HOLIDAY_MONDAY.first_open), HOLIDAY_MONDAY, WALL, "", "", id="Tuesday of a holiday Monday"),
        pytest.param(facts(YEARS_LATER), WEEK, MARKET, "", "", id="market clock, years later"),
        pytest.param(facts(DECISION - timedelta(days=300)), WEEK, MARKET, "", "", id="market clock, before its time"),
    ],
)
def test_each_objection_of_the_guard_is_told_and_nothing_else_stops_a_run(run, week, clock, off, words):
    found = refusal(run, week, clock, off=off)
    assert words in found
    assert bool(found) == bool(words)


def test_a_back_fill_tag_forbids_whatever_else_is_true():
    moments = (DECISION - timedelta(days=1), DECISION, THURSDAY)
    yes_or_no = (True, False)
    for live_job, follows, now, week, clock, off, real in product(
        yes_or_no, yes_or_no, moments, (WEEK, CLOSED_WEEK), (WALL, MARKET), (OFF, ""), yes_or_no
    ):
        run = facts(now, live_job=live_job, backfill=True, follows=follows, mails=True, confirmed=week.key)
        assert refusal(run, week, clock, off=off, real_money=real), f"a back-fill passed: {run}"
        assert mail_refusal(run, week, REAL), f"a back-fill mailed: {run}"


# ---- real money ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("confirmed", "words"),
    [
        pytest.param("", "nobody did", id="nobody"),
        pytest.param("2025-12-22", "it says '2025-12-22'", id="last week's configuration, launched again"),
        pytest.param("yes", "it says 'yes'", id="a word that fits every week"),
        pytest.param("2025-12-29", "", id="this week"),
    ],
)
def test_real_money_is_spent_only_by_a_run_that_names_the_week(confirmed, words):
    found = refusal(facts(confirmed=confirmed), WEEK, WALL, off="", real_money=True)
    assert words in found
    assert bool(found) == bool(words)
    assert refusal(facts(confirmed=confirmed), WEEK, WALL, off="", real_money=False) == ""


@pytest.mark.parametrize("run", [facts(THURSDAY), facts(DECISION - timedelta(days=7)), facts(YEARS_LATER)])
def test_a_confirmation_opens_no_other_week(run):
    assert refusal(replace(run, confirmed=WEEK.key), WEEK, WALL, off="", real_money=True)


def test_what_follows_needs_no_confirmation_for_it_sends_only_what_a_confirmed_run_recorded():
    run = facts(OPEN, live_job=False, follows=True)
    assert refusal(run, WEEK, WALL, off="", real_money=True) == ""
    assert refusal(replace(run, now=OPEN + GRACE + timedelta(seconds=1)), WEEK, WALL, off="", real_money=True)


# ---- what a run is asked to be -------------------------------------------------------------------------------------


@pytest.mark.parametrize("follows", [False, True])
def test_a_dry_run_sends_nothing_writes_nothing_and_mails_nothing(follows):
    run = facts(live_job=not follows, follows=follows, mails=True, dry_run=True, confirmed=WEEK.key)
    for clock in (WALL, MARKET):
        assert "dry run" in refusal(run, WEEK, clock, off="")
    assert "dry run" in read_only(run)
    assert "dry run" in mail_refusal(run, WEEK, REAL)


def floor_at(now):
    return TradingFloor(None, None, lambda: now, None, (), lambda: "")


def context_of(job, tags=None, config=None):
    said = {"resources": {"trading": {"config": config}}} if config is not None else {}
    return SimpleNamespace(run=SimpleNamespace(job_name=job, tags=tags or {}, run_config=said))


@pytest.mark.parametrize("value", [True, "true", "false", "", 0, None, {"env": "DRY_RUN"}, []])
def test_whatever_is_not_a_plain_false_is_a_dry_run(value):
    assert floor_at(DECISION).facts(context_of("monday", config={"dry_run": value})).dry_run


def test_a_plain_false_and_silence_are_none():
    for config in ({"dry_run": False}, {}, None):
        assert not floor_at(DECISION).facts(context_of("monday", config=config)).dry_run


def test_a_confirmation_by_reference_is_none():
    context = context_of("monday", config={"confirm_real_money": {"env": "WEEK"}})
    assert floor_at(DECISION).facts(context).confirmed == ""


# ---- tags ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "forged",
    [
        {},
        {"dagster/job_name": "monday"},
        {"dagster/schedule_name": "monday", "live": "true", "job": "monday", "LEARNFINANCE_TRADING": "on"},
        {"dagster/backfill": ""},
        {"trading.confirm_real_money": "2025-12-29", "follow": "true"},
    ],
)
def test_no_forged_tag_makes_a_research_run_live(forged):
    read = floor_at(DECISION).facts(context_of("research", forged))
    assert refusal(read, WEEK, MARKET, off="") == "only the job 'monday' trades; this run is research"
    assert (read.confirmed, read.follows, read.mails) == ("", False, False)


@pytest.mark.parametrize("value", ["abc", "", "false", "0"])
def test_a_backfill_tag_forbids_whatever_it_says(value):
    for job in ("monday", "follow"):
        read = floor_at(DECISION).facts(context_of(job, {"dagster/backfill": value}))
        assert refusal(read, WEEK, MARKET, off="") == "back-fills never trade"


def test_the_guard_hears_nothing_but_these_facts():
    """A new fact that could allow something would have to be read from somewhere that a launcher cannot set."""
    jobs, forbids, names_the_week = {"live_job", "follows", "mails"}, {"backfill", "dry_run"}, {"confirmed"}
    assert {field.name for field in fields(RunFacts)} == {"now", *jobs, *forbids, *names_the_week}
