import json
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from learnfinance_dagster import calendar
from learnfinance_dagster.calendar import (
    FIRST_DAY,
    LAST_DAY,
    NEW_YORK,
    last_closed_session,
    last_whole_news_day,
    matters,
    monday_of,
    mondays_between,
    new_york_day,
    news_day,
    news_days,
    next_session,
    session_close,
    session_open,
    sessions_back,
    sessions_between,
    week_from_key,
    week_of,
)
from learnfinance_dagster.errors import DataError

CASES = Path(__file__).resolve().parents[1].parent / "shared" / "spec" / "cases.json"
MONDAYS = mondays_between(date(2016, 1, 4), date(2026, 12, 31))
WEEKS = tuple(week_of(monday) for monday in MONDAYS)
OPENING_BELL = time(9, 30)


def target_weeks():
    if not CASES.exists():
        pytest.skip("the predecessor's cases are not on this machine")
    return next(case for case in json.loads(CASES.read_text())["cases"] if case["id"].startswith("cal-02"))


def without(monkeypatch, *closed):
    """The exchange calendar with some sessions struck out, as after 11 September 2001 or a hurricane."""
    known = calendar._sessions()
    kept = [n for n, day in enumerate(known.days) if day not in closed]
    fewer = object.__new__(calendar._Sessions)
    for name in ("days", "opens", "closes"):
        setattr(fewer, name, [getattr(known, name)[n] for n in kept])
    monkeypatch.setattr(calendar, "_sessions", lambda: fewer)
    return calendar.week_of.__wrapped__  # past the cache of the undisturbed calendar


def test_every_monday_of_eleven_years_is_one_decision():
    assert len(MONDAYS) == len(set(MONDAYS)) == 574
    assert {monday.weekday() for monday in MONDAYS} == {0}
    assert [week.as_of.astimezone(calendar.KOLKATA).date() for week in WEEKS] == list(MONDAYS)
    assert {week.as_of.astimezone(calendar.KOLKATA).time() for week in WEEKS} == {time(18, 0)}
    assert len({week.key for week in WEEKS}) == len({week.run_id for week in WEEKS}) == 574


def test_decisions_follow_each_other_by_exactly_a_week_in_spite_of_daylight_saving():
    assert {later.as_of - earlier.as_of for earlier, later in pairwise(WEEKS)} == {timedelta(weeks=1)}


def test_every_decision_is_made_before_the_open_that_it_trades():
    assert all(week.as_of < week.first_open for week in WEEKS)
    assert min(week.first_open - week.as_of for week in WEEKS) == timedelta(hours=1)


def test_every_decision_knows_the_last_close_and_none_of_its_own_week():
    for week in WEEKS:
        assert session_close(week.last_session) <= week.as_of
        assert week.last_session < week.monday
        assert sessions_between(week.last_session + timedelta(days=1), week.monday - timedelta(days=1)) == ()


def test_a_monday_is_0730_in_new_york_in_winter_and_0830_in_summer():
    clocks = {week.as_of.astimezone(NEW_YORK).time() for week in WEEKS}
    assert clocks == {time(7, 30), time(8, 30)}
    assert week_from_key("2025-12-29").as_of == datetime(2025, 12, 29, 7, 30, tzinfo=NEW_YORK)
    assert week_from_key("2025-06-30").as_of == datetime(2025, 6, 30, 8, 30, tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("in_winter", "in_summer"), [("2025-03-03", "2025-03-10"), ("2024-11-04", "2024-10-28")], ids=["spring", "autumn"]
)
def test_the_clocks_change_in_new_york_and_the_decision_stays_1230_utc(in_winter, in_summer):
    winter, summer = week_from_key(in_winter).as_of, week_from_key(in_summer).as_of
    assert winter.time() == summer.time() == time(12, 30)
    assert winter.tzinfo is UTC
    assert (winter.astimezone(NEW_YORK).hour, summer.astimezone(NEW_YORK).hour) == (7, 8)


def test_on_57_holiday_mondays_the_orders_are_for_the_weeks_first_session():
    holidays = [week for week in WEEKS if week.sessions[0] != week.monday]
    assert len(holidays) == 57
    assert {week.sessions[0] - week.monday for week in holidays} == {timedelta(days=1)}
    for week in holidays:
        assert week.first_open.astimezone(NEW_YORK).date() == week.sessions[0]
        assert week.first_open.astimezone(NEW_YORK).time() == OPENING_BELL
        assert week.as_of.astimezone(NEW_YORK).date() == week.monday, "still decided on the Monday itself"


def test_the_week_of_martin_luther_king_day_trades_on_tuesday():
    week = week_from_key("2026-01-19")
    assert week.sessions[0] == date(2026, 1, 20)
    assert week.last_session == date(2026, 1, 16)


@pytest.mark.parametrize("early", [date(2024, 11, 29), date(2024, 7, 3)])
def test_a_session_that_closed_at_1300_is_known_by_the_next_monday(early):
    assert session_close(early).astimezone(NEW_YORK).time() == time(13, 0)
    monday = monday_of(early) + timedelta(days=7)
    assert early in sessions_between(early, week_of(monday).last_session)


@pytest.mark.parametrize(("early", "before"), [("2024-11-29", "2024-11-27"), ("2024-07-03", "2024-07-02")])
def test_an_early_close_is_closed_at_1300_and_not_a_minute_sooner(early, before):
    close = datetime.combine(date.fromisoformat(early), time(13, 0), tzinfo=NEW_YORK)
    assert last_closed_session(close).isoformat() == early
    assert last_closed_session(close - timedelta(minutes=1)).isoformat() == before


def test_a_usual_session_is_not_known_at_1300():
    day = date(2024, 11, 26)
    assert last_closed_session(datetime.combine(day, time(13, 0), tzinfo=NEW_YORK)) == date(2024, 11, 25)
    assert last_closed_session(datetime.combine(day, time(16, 0), tzinfo=NEW_YORK)) == day


def test_holding_weeks_tile_time_without_gap_or_overlap():
    for week, following in pairwise(WEEKS):
        assert session_open(week.next_session) == following.first_open
    every_session = [session for week in WEEKS for session in week.sessions]
    assert every_session == list(sessions_between(MONDAYS[0], MONDAYS[-1] + timedelta(days=6)))


def test_no_week_of_these_years_is_without_a_session():
    assert {len(week.sessions) for week in WEEKS} == {4, 5}


def test_a_week_without_any_session_trades_nothing_and_the_week_before_is_held_through_it(monkeypatch):
    empty, following = week_from_key("2025-06-09"), week_from_key("2025-06-16")
    week_now = without(monkeypatch, *empty.sessions)

    nothing = week_now(empty.monday)
    assert (nothing.sessions, nothing.first_open, nothing.first_close) == ((), None, None)
    assert nothing.last_session == date(2025, 6, 6)
    assert nothing.next_session == following.sessions[0]
    assert week_now(date(2025, 6, 2)).next_session == following.sessions[0]
    assert week_now(following.monday).last_session == date(2025, 6, 6)


def test_a_long_closure_makes_the_week_start_late(monkeypatch):
    week = week_from_key("2025-06-09")
    assert without(monkeypatch, *week.sessions[:3])(week.monday).first_open == session_open(week.sessions[3])


def test_target_weeks_after_a_cutoff_friday_are_the_predecessors():
    case = target_weeks()
    found = []
    for cutoff in case["input"]["cutoffs"]:
        week = week_of(date.fromisoformat(cutoff) + timedelta(days=3))
        found.append([week.sessions[0].isoformat(), week.sessions[-1].isoformat()])
    assert found == case["expected"]["weeks"]


@pytest.mark.parametrize("key", ["2025-12-30", "2025-12-28", "2025-12-26"])
def test_a_key_that_is_no_monday_is_refused_by_name(key):
    with pytest.raises(DataError, match=rf"{key} is a \w+day; weeks are named by their Monday"):
        week_from_key(key)


@pytest.mark.parametrize(
    "key", ["", "today", "2025-13-01", "2025-W52-1", "20251229", "2025-12-29T00:00:00", "29.12.2025"]
)
def test_a_week_has_one_name_only(key):
    with pytest.raises(DataError, match="is not a date like 2025-12-29"):
        week_from_key(key)


def test_a_week_knows_its_key_and_its_run():
    week = week_from_key("2025-12-29")
    assert (week.key, week.run_id) == ("2025-12-29", "paper:2025-12-29")


@pytest.mark.parametrize("monday", [date(2008, 12, 29), date(2040, 12, 31) + timedelta(days=7)])
def test_a_week_outside_of_the_exchange_calendar_is_refused(monday):
    with pytest.raises(DataError, match=f"covers {FIRST_DAY}..{LAST_DAY}"):
        week_of(monday_of(monday))


def test_the_calendar_ends_where_it_says_and_not_a_year_from_today():
    assert calendar._sessions().days[-1] == date(2040, 12, 31)
    assert week_from_key("2040-12-17").next_session == date(2040, 12, 24)


@pytest.mark.parametrize(
    ("ask", "day"),
    [(next_session, FIRST_DAY - timedelta(days=1)), (next_session, LAST_DAY + timedelta(days=1))],
)
def test_a_session_beyond_the_calendar_is_not_guessed(ask, day):
    with pytest.raises(DataError, match="no exchange calendar"):
        ask(day)


def test_a_moment_beyond_the_calendar_does_not_pass_for_its_last_day():
    with pytest.raises(DataError, match="no exchange calendar"):
        last_closed_session(datetime(2041, 6, 3, 12, tzinfo=UTC))


def test_before_the_first_close_nothing_is_known():
    with pytest.raises(DataError, match="no session closed before 2009-01-02T12:00"):
        last_closed_session(datetime(2009, 1, 2, 12, tzinfo=UTC))


def test_where_the_calendar_has_no_later_session_there_is_no_next(monkeypatch):
    without(monkeypatch, *sessions_between(date(2040, 12, 1), LAST_DAY))
    with pytest.raises(DataError, match="no session known on or after 2040-12-03"):
        next_session(date(2040, 12, 3))


@pytest.mark.parametrize("day", [date(2025, 12, 25), date(2025, 12, 27)])
def test_a_closed_day_has_no_open(day):
    with pytest.raises(DataError, match=f"{day} is no NYSE session"):
        session_open(day)


def test_the_next_session_is_the_day_itself_where_it_trades():
    assert next_session(date(2025, 12, 24)) == date(2025, 12, 24)
    assert next_session(date(2025, 12, 25)) == date(2025, 12, 26)
    assert next_session(date(2025, 12, 27)) == date(2025, 12, 29)


def test_sessions_are_counted_back_over_weekends_and_holidays():
    assert sessions_back(date(2025, 12, 29), 0) == date(2025, 12, 29)
    assert sessions_back(date(2025, 12, 29), 2) == date(2025, 12, 24)
    assert sessions_back(date(2009, 1, 5), 10) == date(2009, 1, 2)


def test_mondays_between_starts_with_the_week_of_the_first_day():
    assert mondays_between(date(2025, 12, 31), date(2026, 1, 5)) == (date(2025, 12, 29), date(2026, 1, 5))
    assert mondays_between(date(2025, 12, 31), date(2026, 1, 4)) == (date(2025, 12, 29),)
    assert mondays_between(date(2025, 12, 29), date(2025, 12, 1)) == ()


@pytest.mark.parametrize(
    ("published", "day"),
    [
        ("2025-12-29T12:30:00+00:00", date(2025, 12, 29)),
        ("2025-12-29T12:30:00.000001+00:00", date(2025, 12, 30)),
        ("2025-12-28T12:30:01+00:00", date(2025, 12, 29)),
        ("2025-07-01T03:59:00+00:00", date(2025, 7, 1)),
    ],
)
def test_a_news_day_ends_at_the_decision_time_in_winter_and_in_summer(published, day):
    assert news_day(datetime.fromisoformat(published)) == day


def test_a_news_day_is_over_at_its_decision_time_and_not_a_moment_sooner():
    over = datetime(2025, 12, 29, 12, 30, tzinfo=UTC)
    assert last_whole_news_day(over) == date(2025, 12, 29)
    assert last_whole_news_day(over.astimezone(NEW_YORK)) == date(2025, 12, 29)
    assert last_whole_news_day(over - timedelta(microseconds=1)) == date(2025, 12, 28)


def test_the_day_in_new_york_begins_when_it_does_there():
    assert new_york_day(datetime(2025, 12, 29, 4, 59, 59, tzinfo=UTC)) == date(2025, 12, 28)
    assert new_york_day(datetime(2025, 12, 29, 5, tzinfo=UTC)) == date(2025, 12, 29)


def test_a_week_learns_of_exactly_seven_news_days_and_shares_none():
    this, following = week_of(date(2025, 12, 22)), week_of(date(2025, 12, 29))
    assert news_days(this)[0] == date(2025, 12, 16)
    assert news_days(this)[-1] == this.monday
    assert news_day(this.as_of) == this.monday
    assert set(news_days(this)).isdisjoint(news_days(following))
    assert len({*news_days(this), *news_days(following)}) == 14


def test_the_news_day_between_two_closed_days_does_not_matter():
    sunday, saturday, monday = date(2025, 12, 21), date(2025, 12, 20), date(2025, 12, 22)
    assert not matters(sunday)
    assert matters(saturday), "Friday's session lies in it"
    assert matters(monday), "the market opens after it"
    assert not matters(date(2025, 5, 26)), "Memorial Day after a Sunday"
    assert matters(date(2025, 5, 27))
