from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from types import SimpleNamespace

import pytest

from learnfinance_dagster.calendar import CLOSED, week_of
from learnfinance_dagster.orchestration.handles import TradingFloor
from learnfinance_dagster.ports import BrokerClock
from learnfinance_dagster.trading.guard import GRACE, RunFacts, refusal

WEEK = week_of(date(2025, 12, 29))
CLOSED_WEEK = replace(WEEK, sessions=(), first_open=None, first_close=None)
HOLIDAY_MONDAY = week_of(date(2025, 9, 1))
DECISION = datetime(2025, 12, 29, 12, 30, tzinfo=UTC)
OPEN = datetime(2025, 12, 29, 14, 30, tzinfo=UTC)
THURSDAY = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
YEARS_LATER = datetime(2031, 1, 1, tzinfo=UTC)
WALL, MARKET = BrokerClock.WALL, BrokerClock.MARKET


def facts(now=DECISION, *, live_job=True, backfill=False) -> RunFacts:
    return RunFacts(live_job=live_job, backfill=backfill, now=now)


@pytest.mark.parametrize(
    ("run", "week", "clock", "armed", "words"),
    [
        pytest.param(facts(), WEEK, WALL, False, "trading is switched off (LEARNFINANCE_TRADING=off)", id="disarmed"),
        pytest.param(
            facts(), WEEK, MARKET, False, "trading is switched off (LEARNFINANCE_TRADING=off)", id="disarmed, simulated"
        ),
        pytest.param(
            facts(live_job=False), WEEK, WALL, True, "only the job 'monday' trades; this run is research", id="research"
        ),
        pytest.param(
            facts(live_job=False), WEEK, MARKET, True, "only the job 'monday' trades;", id="research, simulated"
        ),
        pytest.param(facts(backfill=True), WEEK, WALL, True, "back-fills never trade", id="back-fill"),
        pytest.param(facts(backfill=True), WEEK, MARKET, True, "back-fills never trade", id="back-fill, simulated"),
        pytest.param(facts(), CLOSED_WEEK, WALL, True, CLOSED, id="closed week"),
        pytest.param(facts(), CLOSED_WEEK, MARKET, True, CLOSED, id="closed week, simulated"),
        pytest.param(
            facts(DECISION - timedelta(seconds=1)),
            WEEK,
            WALL,
            True,
            "2025-12-29 12:30 UTC has not",
            id="a second early",
        ),
        pytest.param(facts(DECISION), WEEK, WALL, True, "", id="on time"),
        pytest.param(facts(OPEN), WEEK, WALL, True, "", id="at the open"),
        pytest.param(facts(OPEN + GRACE), WEEK, WALL, True, "", id="a late daemon on Monday"),
        pytest.param(
            facts(OPEN + GRACE + timedelta(seconds=1)),
            WEEK,
            WALL,
            True,
            "closed at 2025-12-29 17",
            id="too late on Monday",
        ),
        pytest.param(
            facts(THURSDAY),
            WEEK,
            WALL,
            True,
            "the submission window closed at 2025-12-29",
            id="a late daemon on Thursday",
        ),
        pytest.param(
            facts(HOLIDAY_MONDAY.first_open), HOLIDAY_MONDAY, WALL, True, "", id="Tuesday of a holiday Monday"
        ),
        pytest.param(facts(YEARS_LATER), WEEK, MARKET, True, "", id="market clock, years later"),
        pytest.param(facts(DECISION - timedelta(days=300)), WEEK, MARKET, True, "", id="market clock, before its time"),
    ],
)
def test_each_objection_of_the_guard_is_told_and_nothing_else_stops_a_run(run, week, clock, armed, words):
    found = refusal(run, week, clock, armed=armed)
    assert words in found
    assert bool(found) == bool(words)


def test_a_back_fill_tag_forbids_whatever_else_is_true():
    moments = (DECISION - timedelta(days=1), DECISION, THURSDAY)
    for live_job, now, week, clock, armed in product(
        (True, False), moments, (WEEK, CLOSED_WEEK), (WALL, MARKET), (True, False)
    ):
        run = facts(now, live_job=live_job, backfill=True)
        assert refusal(run, week, clock, armed=armed), f"a back-fill passed: {run}"


@pytest.mark.parametrize(
    "forged",
    [
        {},
        {"dagster/job_name": "monday"},
        {"dagster/schedule_name": "monday", "live": "true", "job": "monday", "LEARNFINANCE_TRADING": "on"},
        {"dagster/backfill": ""},
    ],
)
def test_no_forged_tag_makes_a_research_run_live(forged):
    floor = TradingFloor(None, None, lambda: DECISION, None, ())
    run = SimpleNamespace(job_name="research", tags=forged)
    read = floor.facts(SimpleNamespace(run=run))
    assert refusal(read, WEEK, MARKET, armed=True) == "only the job 'monday' trades; this run is research"


@pytest.mark.parametrize("value", ["abc", "", "false", "0"])
def test_a_backfill_tag_forbids_whatever_it_says(value):
    floor = TradingFloor(None, None, lambda: DECISION, None, ())
    run = SimpleNamespace(job_name="monday", tags={"dagster/backfill": value})
    assert refusal(floor.facts(SimpleNamespace(run=run)), WEEK, MARKET, armed=True) == "back-fills never trade"


def test_the_guard_hears_nothing_but_these_facts():
    """A new fact that could allow something would have to be read from somewhere that a launcher cannot set."""
    assert {field.name for field in fields(RunFacts)} == {"live_job", "backfill", "now"}
