"""The Monday job on the practice market, two weeks in a row."""

import email
import email.policy
import re

import pytest
from tiny_forecasts import PLAIN

from assets import stored_values
from learnfinance_dagster.definitions import build
from learnfinance_dagster.schemas.artifacts import FRAMES
from learnfinance_dagster.settings import Settings
from learnfinance_dagster.values import Mode, OrderStatus
from resources.doors import SqlLedgerDoor

JOB = build(Settings(allocators=PLAIN)).resolve_job_def("monday")
ASSETS = sorted(key.path[-1] for key in JOB.asset_layer.selected_asset_keys)
ACCOUNTS = list(PLAIN)
WORDED = ("weekly_summary",)
READING = (
    *("news_coverage", "news_sentiment", "filings", "fundamentals", "halal_screen"),
    *("lstm_forecast", "patchtst_forecast"),
)
"""Evidence that may fail without failing the Monday."""


def first_visible_line(html):
    """What a reader sees first: no head, no style, no tags."""
    body = re.sub(r"(?s)<head.*?</head>|<style.*?</style>|<!--.*?-->", "", html)
    lines = re.sub(r"<[^>]+>", "\n", body).splitlines()
    return next(line.strip() for line in lines if line.strip())


def ledger_of(house):
    return SqlLedgerDoor(f"sqlite:///{house.root / 'ledger.sqlite'}").open()


def test_both_mondays_succeed_and_every_check_is_green(traded):
    for went in traded.went:
        assert went.success, went.errors
        assert len(went.checks) == 5 * len(ACCOUNTS) + len(READING) + len(WORDED) + 1, "and the forward record"
        assert went.red == {}


@pytest.mark.parametrize("asset", ASSETS)
def test_every_asset_is_stored_for_both_mondays_and_is_what_it_should_be(traded, asset):
    for week in traded.weeks:
        stored = traded.house.read(asset, week)
        assert len(stored) > 0 if asset in FRAMES else isinstance(stored, stored_values()[asset])


@pytest.mark.parametrize("asset", sorted(set(FRAMES) & set(ASSETS)))
def test_the_row_count_of_a_frame_is_in_its_metadata(traded, asset):
    for week, went in zip(traded.weeks, traded.went, strict=True):
        assert went.metadata[asset]["dagster/row_count"].value == len(traded.house.read(asset, week))


def test_the_screen_keeps_some_names_and_drops_others(traded):
    screened = traded.house.read("screened_universe", traded.weeks[0])
    assert 0 < screened["kept"].sum() < len(screened)


def test_the_report_lies_in_the_outbox_and_says_first_that_the_market_is_practice(traded):
    for week in traded.weeks:
        outbox = traded.house.root / "outbox"
        page = (outbox / f"weekly-{week}.html").read_text(encoding="utf-8")
        letter = email.message_from_bytes((outbox / f"weekly-{week}.eml").read_bytes(), policy=email.policy.default)
        text, html = letter.get_body(("plain",)).get_content(), letter.get_body(("html",)).get_content()
        for first in (first_visible_line(page), first_visible_line(html), text.splitlines()[0]):
            assert "practice market" in first.lower()


def test_the_ledger_holds_one_attempt_for_each_account_and_monday(traded):
    ledger = ledger_of(traded.house)
    for account in ACCOUNTS:
        for week in traded.weeks:
            attempt = ledger.latest_attempt(account, f"paper:{week}")
            assert attempt.number == 1
            assert attempt.plan.mode is Mode.LIVE
            assert attempt.orders
            assert all(not record.status.is_open for record in attempt.orders)


def test_the_second_monday_starts_from_what_the_first_one_bought(traded):
    first, second = traded.weeks
    for account in ACCOUNTS:
        fills = traded.house.read(f"{account}_fills", first)
        bought = {fill.symbol for fill in fills.fills}
        assert bought
        assert {position.symbol for position in traded.house.read(f"{account}_portfolio", second).positions} == bought


def test_cash_and_positions_add_up_to_the_net_asset_value(traded):
    for account in ACCOUNTS:
        for week in traded.weeks:
            report = traded.house.read(f"{account}_fills", week)
            assert report.mark.nav == report.cash + sum(position.market_value for position in report.positions)
            assert {record.status for record in report.orders} <= {OrderStatus.FILLED, OrderStatus.EXPIRED}


@pytest.mark.parametrize("which", [0, 1])
def test_running_a_traded_monday_again_changes_nothing(traded, build_house, which):
    house, week = build_house(traded.house), traded.weeks[which]
    files, money = house.files("artifacts", "outbox"), house.money()
    went = house.run("monday", week)
    assert went.success, went.errors
    assert house.files("artifacts", "outbox") == files
    assert house.money() == money
