"""Mondays out of the ordinary: one before the last that was traded, and one in a week without a session."""

from datetime import date, timedelta

import pytest
from tiny_forecasts import PLAIN

from learnfinance_dagster import calendar
from learnfinance_dagster.values import Mode

ACCOUNTS = list(PLAIN)
EARLIER = "2021-05-24"


@pytest.fixture(scope="module")
def turned_back(traded, build_house):
    """The Monday job for a week before the two that were traded."""
    house = build_house(traded.house)
    before = house.money(), house.files(*(f"artifacts/{name}" for name in ("daily_bars", "hrp_fills", "weekly_report")))
    return house, before, house.run("monday", EARLIER)


def test_an_earlier_monday_never_trades(turned_back):
    house, (money, _), went = turned_back
    assert went.success, went.errors
    for account in ACCOUNTS:
        plan = house.read(f"{account}_order_plan", EARLIER)
        assert plan.mode is Mode.DRY_RUN
        assert "time runs one way" in plan.mode_reason
        assert plan.orders, "it is computed, all the same"
        assert house.read(f"{account}_submission", EARLIER).accepted == ()
    assert house.money() == money


def test_an_earlier_monday_has_a_report_that_knows_nothing_of_later_weeks(turned_back, traded):
    house, _, _ = turned_back
    page = (house.root / "outbox" / f"weekly-{EARLIER}.html").read_text(encoding="utf-8")
    assert EARLIER in page
    assert "time runs one way" in page
    for section in house.read("weekly_report", EARLIER).accounts:
        assert section.marks == ()
        assert section.portfolio.nav == traded.house.settings.initial_cash


def test_an_earlier_monday_leaves_what_later_weeks_have_stored(turned_back):
    house, (_, files), _ = turned_back
    now = house.files("artifacts")
    assert [name for name, content in files.items() if now[name] != content] == []


@pytest.fixture(scope="module")
def closed(traded, build_house):
    """The Monday job in a week in which the exchange stays closed."""
    monday = date.fromisoformat(traded.next_week)
    true_sessions = calendar.sessions_between

    def without_that_week(first, last):
        return tuple(day for day in true_sessions(first, last) if not monday <= day < monday + timedelta(days=7))

    house = build_house(traded.house)
    before = house.money()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calendar, "sessions_between", without_that_week)
        calendar.week_of.cache_clear()
        try:
            went = house.run("monday", traded.next_week)
        finally:
            calendar.week_of.cache_clear()
    return house, before, went


def test_a_closed_week_is_computed_and_orders_nothing(closed, traded):
    house, _, went = closed
    assert went.success, went.errors
    assert all(passed for passed, _ in went.checks.values())
    for account in ACCOUNTS:
        plan = house.read(f"{account}_order_plan", traded.next_week)
        assert plan.mode is Mode.DRY_RUN
        assert "closed all week" in plan.mode_reason
        assert house.read(f"{account}_submission", traded.next_week).accepted == ()


def test_a_closed_week_leaves_ledger_and_accounts_alone(closed):
    house, before, _ = closed
    assert house.money() == before


def test_the_report_of_a_closed_week_says_so(closed, traded):
    house, _, _ = closed
    assert house.read("weekly_report", traded.next_week).is_closed_week
    for form in ("html", "eml"):
        text = (house.root / "outbox" / f"weekly-{traded.next_week}.{form}").read_text(encoding="utf-8")
        assert "closed all week" in " ".join(text.replace("=\n", "").split())


def test_the_calendar_is_itself_again(closed, traded):
    assert len(calendar.week_from_key(traded.next_week).sessions) == 5
