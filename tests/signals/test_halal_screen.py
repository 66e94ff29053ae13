from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnfinance_dagster.parameters import SignalParameters
from learnfinance_dagster.schemas.signals import Filings, HalalScreen
from learnfinance_dagster.signals.filings import ITEMS, newest_filings
from learnfinance_dagster.signals.halal_screen import halal_screen

MARKET = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "market"
COLUMNS = list(Filings.to_schema().columns)
TODAY = date(2021, 6, 7)
END = date(2021, 3, 31)
GOOD = {
    "total_assets": 1000.0,
    "total_debt": 100.0,
    "cash_and_equivalents": 50.0,
    "net_receivables": 80.0,
    "shares_outstanding": 10.0,
}
BY_ASSETS = SignalParameters(halal_basis="total_assets")
BY_VALUE = SignalParameters(halal_basis="market_value")
NAN = float("nan")


def filing(symbol="AAPL", end=END, public=date(2021, 5, 5), **items):
    dates = {"fiscal_date_ending": end, "available_on": public}
    return {"symbol": symbol, **dates, **GOOD, **items, "source": "edgar", "missing": ""}


def no_filing(symbol, why):
    return {"symbol": symbol, "fiscal_date_ending": None, "available_on": None, "source": "", "missing": why}


def frame(*rows):
    table = pd.DataFrame(list(rows), columns=COLUMNS).astype(dict.fromkeys(ITEMS, "float64"))
    return table.assign(week="2021-06-07").astype(dict.fromkeys(["symbol", "source", "missing"], "str"))


def screen(*rows, prices=None, parameters=BY_ASSETS, today=TODAY):
    table = halal_screen(frame(*rows), today, prices, parameters)
    HalalScreen.validate(table.assign(week="2021-06-07"))
    return table


def judged(parameters=BY_ASSETS, prices=None, **items):
    return screen(filing(**items), parameters=parameters, prices=prices).iloc[0]


def test_a_company_below_every_limit_passes_without_a_reason():
    row = judged()
    assert (row["verdict"], row["reason"], row["basis"], row["denominator"]) == ("pass", "", "total_assets", 1000.0)
    assert row[["debt_ratio", "cash_ratio", "receivables_ratio"]].tolist() == [0.1, 0.05, 0.08]
    assert (row["fiscal_date_ending"], row["available_on"]) == (END, date(2021, 5, 5))


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ({"total_debt": 412.0}, "debt 41.2 % of total assets, limit 33.3 %"),
        ({"cash_and_equivalents": 350.0}, "cash 35.0 % of total assets, limit 33.3 %"),
        (
            {"cash_and_equivalents": 200.0, "net_receivables": 310.0},
            "receivables and cash 51.0 % of total assets, limit 50.0 %",
        ),
    ],
)
def test_each_ratio_at_its_own_limit_fails_the_company(items, reason):
    row = judged(**items)
    assert (row["verdict"], row["reason"]) == ("fail", reason)


@pytest.mark.parametrize(
    ("items", "verdict"),
    [
        ({"total_debt": 33_332.0}, "pass"),
        ({"total_debt": 33_333.0}, "fail"),
        ({"cash_and_equivalents": 33_332.0}, "pass"),
        ({"cash_and_equivalents": 33_333.0}, "fail"),
        ({"cash_and_equivalents": 10_000.0, "net_receivables": 39_999.0}, "pass"),
        ({"cash_and_equivalents": 10_000.0, "net_receivables": 40_000.0}, "fail"),
    ],
)
def test_a_ratio_fails_from_the_limit_on(items, verdict):
    assert judged(total_assets=100_000.0, **items)["verdict"] == verdict


def test_all_that_fails_is_told():
    reason = judged(total_debt=500.0, cash_and_equivalents=400.0)["reason"]
    assert reason == "debt 50.0 % of total assets, limit 33.3 %; cash 40.0 % of total assets, limit 33.3 %"


@pytest.mark.parametrize("item", ["total_debt", "cash_and_equivalents", "net_receivables", "total_assets"])
def test_a_missing_item_is_unknown_and_never_a_zero(item):
    row = judged(**{item: NAN})
    assert (row["verdict"], row["reason"]) == ("unknown", f"{item} of 2021-03-31 is missing")


def test_a_ratio_that_fails_is_enough_whatever_else_is_missing():
    row = judged(total_debt=400.0, net_receivables=NAN)
    assert row["verdict"] == "fail"
    assert row["reason"] == "debt 40.0 % of total assets, limit 33.3 %; net_receivables of 2021-03-31 is missing"
    assert np.isnan(row["receivables_ratio"])


def test_receivables_that_reach_the_limit_alone_fail_although_cash_is_missing():
    assert judged(net_receivables=500.0, cash_and_equivalents=NAN)["verdict"] == "fail"
    assert judged(net_receivables=499.0, cash_and_equivalents=NAN)["verdict"] == "unknown"


def test_no_debt_at_all_passes():
    row = judged(total_debt=0.0)
    assert (row["verdict"], row["debt_ratio"]) == ("pass", 0.0)


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ({"total_assets": 0.0}, "total_assets of 2021-03-31 is zero"),
        ({"total_assets": -5.0}, "total_assets of 2021-03-31 is negative"),
        ({"total_debt": -1.0}, "total_debt of 2021-03-31 is negative"),
    ],
)
def test_an_impossible_amount_is_unknown(items, reason):
    row = judged(**items)
    assert (row["verdict"], row["reason"]) == ("unknown", reason)


# Market value.


def test_on_market_value_the_same_company_is_judged_by_other_limits():
    prices = pd.Series({"AAPL": 33.0})
    row = judged(BY_VALUE, prices)
    assert (row["denominator"], row["basis"]) == (330.0, "market_value")
    assert (row["verdict"], row["reason"]) == ("fail", "debt 30.3 % of market value, limit 30.0 %")
    assert judged(BY_ASSETS, prices)["verdict"] == "pass"


@pytest.mark.parametrize(
    ("items", "verdict"),
    [
        ({"total_debt": 299.9}, "pass"),
        ({"total_debt": 300.0}, "fail"),
        ({"cash_and_equivalents": 300.0}, "fail"),
        ({"net_receivables": 489.9, "cash_and_equivalents": 200.0}, "pass"),
        ({"net_receivables": 490.0}, "fail"),
    ],
)
def test_the_limits_on_market_value(items, verdict):
    assert judged(BY_VALUE, pd.Series({"AAPL": 100.0}), **items)["verdict"] == verdict


@pytest.mark.parametrize(
    ("items", "prices", "reason"),
    [
        ({}, pd.Series({"MSFT": 100.0}), "no price on the filing's share basis"),
        ({}, pd.Series({"AAPL": NAN}), "no price on the filing's share basis"),
        ({"shares_outstanding": NAN}, pd.Series({"AAPL": 1.0}), "shares_outstanding of 2021-03-31 is missing"),
        ({"shares_outstanding": -3e9}, pd.Series({"AAPL": 1.0}), "shares_outstanding of 2021-03-31 is negative"),
        ({"shares_outstanding": 0.0}, pd.Series({"AAPL": 1.0}), "shares_outstanding of 2021-03-31 is zero"),
    ],
)
def test_without_shares_or_a_price_the_market_value_is_unknown(items, prices, reason):
    row = judged(BY_VALUE, prices, **items)
    assert (row["verdict"], row["reason"]) == ("unknown", reason)
    assert np.isnan(row["denominator"])


def test_split_adjusted_levels_know_the_future_so_nothing_is_judged_by_them():
    table = screen(filing(total_debt=900.0), no_filing("ZZZ", "edgar: no such company"), parameters=BY_VALUE)
    assert table["verdict"].tolist() == ["unknown", "unknown"]
    assert "split-adjusted" in table["reason"][0]
    assert table["reason"][1] == "edgar: no such company"


# Which filing, and who is held.


def test_every_name_asked_for_has_a_row_with_the_reason_why_it_has_no_filing():
    table = screen(filing("MSFT"), no_filing("AAPL", "edgar: 503"))
    assert table[["symbol", "verdict", "reason"]].to_numpy().tolist() == [
        ["AAPL", "unknown", "edgar: 503"],
        ["MSFT", "pass", ""],
    ]


def test_a_week_in_which_nothing_was_asked_is_an_empty_screen():
    assert len(screen()) == 0


def test_the_newest_quarter_is_screened_and_its_newest_version():
    old = filing(end=date(2020, 12, 31), public=date(2021, 2, 1), total_debt=900.0)
    first, again = filing(total_debt=900.0), filing(public=date(2021, 6, 1), total_debt=200.0)
    assert screen(again, first, old)["debt_ratio"].tolist() == [0.2]


def test_d8_a_filing_is_screened_from_the_day_after_it_became_public():
    old = filing(end=date(2020, 12, 31), public=date(2021, 2, 1))
    new = filing(public=TODAY, total_debt=900.0)
    assert screen(old, new)["verdict"].tolist() == ["pass"]
    assert screen(old, new, today=TODAY + timedelta(days=1))["verdict"].tolist() == ["fail"]


amounts = st.sampled_from([NAN, -1.0, 0.0, 1.0, 100.0, 333.33, 490.0, 1000.0])


@settings(max_examples=40, deadline=None)
@given(
    items=st.fixed_dictionaries(dict.fromkeys(GOOD, amounts)),
    price=st.sampled_from([NAN, 0.0, 1.0, 100.0]),
    parameters=st.sampled_from([BY_ASSETS, BY_VALUE]),
)
def test_a_pass_knows_all_three_ratios_and_every_other_verdict_says_why(items, price, parameters):
    row = judged(parameters, pd.Series({"AAPL": price}), **items)
    ratios = row[["debt_ratio", "cash_ratio", "receivables_ratio"]].astype(float)
    assert (row["reason"] == "") == (row["verdict"] == "pass")
    if row["verdict"] == "pass":
        assert ratios.between(0, 0.5, inclusive="left").all()
    if row["verdict"] == "fail":
        assert ratios.max() >= 0.3 or ratios.sum() >= 0.5
    if row["verdict"] == "unknown":
        assert ratios.isna().any()


def test_of_real_names_that_halal_funds_held_most_of_the_known_pass():
    if not MARKET.exists():
        pytest.skip("no real market beside the repository (../shared/data/market)")
    day = date(2021, 11, 29)
    holdings = pd.read_parquet(MARKET / "holdings.parquet")
    held = set(holdings.loc[holdings["date"] < day, "symbol"])
    filings = pd.read_parquet(MARKET / "fundamentals.parquet")
    newest = newest_filings(filings, sorted(filings["symbol"].unique()), day, {})
    table = halal_screen(newest, day, None, BY_ASSETS)
    HalalScreen.validate(table.assign(week="2021-11-29"))
    known = table[table["symbol"].isin(held) & (table["verdict"] != "unknown")]
    assert len(known) > 60
    assert (known["verdict"] == "pass").mean() > 0.6
    assert table[["debt_ratio", "cash_ratio", "receivables_ratio"]].max().max() < 1
