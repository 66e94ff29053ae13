"""The Monday job on real prices, where they lie beside the repository: four Mondays of different kinds, in order."""

from datetime import date
from itertools import pairwise

import pytest
from tiny_forecasts import PLAIN

from learnfinance_dagster.parameters import OrderParameters, UniverseParameters
from learnfinance_dagster.values import Mode, OrderStatus

ACCOUNTS = list(PLAIN)
FIRST_SESSIONS = {
    "2022-03-14": date(2022, 3, 14),
    "2023-05-29": date(2023, 5, 30),  # Memorial Day
    "2024-01-15": date(2024, 1, 16),  # Martin Luther King Day
    "2025-12-29": date(2025, 12, 29),
}
MONDAYS = list(FIRST_SESSIONS)


@pytest.fixture(scope="module")
def real(build_house, shared_market):
    """The real parameters, and what each Monday came to."""
    house = build_house(market=shared_market)
    house = house.with_settings(universe=UniverseParameters(), orders=OrderParameters())
    return house, {week: house.run("monday", week) for week in MONDAYS}


@pytest.mark.parametrize("week", MONDAYS)
def test_a_real_monday_succeeds_with_every_check_green(real, week):
    _, went = real
    assert went[week].success, went[week].errors
    assert {name: said for name, (passed, said) in went[week].checks.items() if not passed} == {}


@pytest.mark.parametrize("week", MONDAYS)
def test_a_real_monday_has_names_to_choose_from(real, week):
    screened = real[0].read("screened_universe", week)
    assert screened["kept"].sum() >= 15
    ranked = screened[screened["rank"] > 0]
    assert (ranked["price_date"] < date.fromisoformat(week)).all()


@pytest.mark.parametrize("week", MONDAYS)
@pytest.mark.parametrize("account", ACCOUNTS)
def test_real_orders_fill_on_the_first_session_of_the_week(real, week, account):
    report = real[0].read(f"{account}_fills", week)
    assert report.mode is Mode.LIVE
    assert OrderStatus.FILLED in {record.status for record in report.orders}
    assert {fill.session for fill in report.fills} == {FIRST_SESSIONS[week]}
    assert report.mark.session == FIRST_SESSIONS[week]


@pytest.mark.parametrize("week", MONDAYS)
@pytest.mark.parametrize("account", ACCOUNTS)
def test_no_real_money_appears_or_disappears(real, week, account):
    house, _ = real
    portfolio, report = house.read(f"{account}_portfolio", week), house.read(f"{account}_fills", week)
    assert report.mark.nav == report.cash + sum(position.market_value for position in report.positions)
    signed = sum((1 if fill.side == "buy" else -1) * fill.qty * fill.price + fill.cost for fill in report.fills)
    dividends = float(report.cash - (portfolio.cash - signed))  # of the first session's ex-dates, and rounding to cents
    assert -0.01 * len(report.fills) <= dividends <= 0.01 * float(portfolio.nav)
    assert report.cash >= 0


def test_real_accounts_live_from_monday_to_monday(real):
    for account in ACCOUNTS:
        for before, after in pairwise(MONDAYS):
            held = {position.symbol for position in real[0].read(f"{account}_fills", before).positions}
            assert {position.symbol for position in real[0].read(f"{account}_portfolio", after).positions} == held


def test_a_held_name_whose_bars_ended_keeps_its_last_price(real):
    for account in ACCOUNTS:
        assert all(position.price > 0 for position in real[0].read(f"{account}_fills", MONDAYS[-1]).positions)


def test_the_report_warns_of_old_holdings_only_where_they_are_old(real):
    house, _ = real
    warned = {week: [t for t in house.read("weekly_report", week).warnings if "days old" in t] for week in MONDAYS}
    assert warned["2022-03-14"] == []
    assert len(warned["2025-12-29"]) == 1


@pytest.mark.parametrize("week", MONDAYS)
def test_every_real_report_repeats_that_the_losers_are_missing(real, week):
    house, _ = real
    page = (house.root / "outbox" / f"weekly-{week}.html").read_text(encoding="utf-8")
    assert "survivorship" in page.lower()
    assert any(text.startswith("survivorship") for text in house.read("weekly_report", week).caveats)
    assert "practice market" not in page.lower()
