"""What a share of an old filing is worth today."""

from datetime import date

import pandas as pd
import pytest

from learnfinance_dagster.signals.market_value import prices_at_filing

FILED = date(2020, 6, 30)


def bars(*rows):
    return pd.DataFrame(rows, columns=["symbol", "date", "close", "split_ratio"])


def filings(**periods):
    return pd.DataFrame({"symbol": list(periods), "available_on": list(periods.values())})


def test_a_split_since_the_filing_makes_each_of_its_shares_several():
    known = bars(("A", date(2020, 8, 28), 400.0, 1.0), ("A", date(2020, 8, 31), 101.0, 4.0))
    assert prices_at_filing(known, filings(A=FILED))["A"] == pytest.approx(404.0)


def test_a_split_before_the_filing_is_in_its_shares_already():
    known = bars(("A", date(2020, 6, 29), 100.0, 4.0), ("A", date(2020, 8, 31), 101.0, 1.0))
    assert prices_at_filing(known, filings(A=FILED))["A"] == pytest.approx(101.0)


def test_a_name_without_a_filing_or_without_a_bar_has_no_price():
    known = bars(("A", date(2020, 8, 31), 101.0, 1.0), ("B", date(2020, 8, 31), 7.0, 1.0))
    assert list(prices_at_filing(known, filings(A=FILED, B=None, C=FILED)).index) == ["A"]
