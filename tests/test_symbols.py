"""Tickers and their later names."""

from datetime import date

import pytest

from learnfinance_dagster.symbols import name_at, normalise, with_aliases


def test_a_question_about_meta_also_asks_for_fb():
    assert with_aliases(["AAPL", "META"]) == ("AAPL", "META", "FB")


def test_a_question_by_the_old_ticker_is_a_question_about_the_company():
    assert with_aliases(["FB"]) == ("META", "FB")


@pytest.mark.parametrize(
    ("ticker", "day", "name"),
    [
        ("FB", date(2016, 1, 4), "META"),
        ("META", date(2022, 6, 9), "META"),
        ("META", date(2022, 6, 8), None),
        (" aapl ", date(2016, 1, 4), "AAPL"),
        ("BKNG", date(2018, 2, 26), None),
        ("PCLN", date(2018, 2, 26), "BKNG"),
    ],
)
def test_a_ticker_means_the_company_that_had_it_on_that_day(ticker, day, name):
    assert name_at(ticker, day) == name


def test_unknown_tickers_pass_unchanged():
    assert normalise(" xyz") == "XYZ"
    assert with_aliases(["XYZ"]) == ("XYZ",)
