from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.schemas.market import Fundamentals as Statements
from learnfinance_dagster.schemas.signals import Filings
from learnfinance_dagster.signals.filings import ITEMS, newest_filings

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "market" / "fundamentals.parquet"
COLUMNS = list(Statements.to_schema().columns)
TODAY = date(2021, 6, 7)
ENDS = [date(2020, 3, 31), date(2020, 6, 30), date(2020, 9, 30), date(2020, 12, 31), date(2021, 3, 31)]


def statement(symbol, end, public, source="edgar", **items):
    return {
        "symbol": symbol,
        "fiscal_date_ending": end,
        "available_on": public,
        **dict.fromkeys(ITEMS, np.nan),
        **items,
        "source": source,
    }


def frame(*rows):
    table = pd.DataFrame(list(rows), columns=COLUMNS).astype(dict.fromkeys(ITEMS, "float64"))
    return table.astype({"symbol": "str", "source": "str", "fiscal_date_ending": object, "available_on": object})


def newest(*rows, symbols=("AAPL",), today=TODAY, missing=None):
    return newest_filings(frame(*rows), symbols, today, missing or {})


def five_quarters(symbol="AAPL"):
    return [statement(symbol, end, end + timedelta(days=35), net_income=n) for n, end in enumerate(ENDS)]


def test_a_filing_does_not_count_on_the_day_it_became_public_but_on_the_next():
    filed = statement("AAPL", date(2021, 3, 31), TODAY)
    assert newest(filed)["missing"].tolist() == ["no public filing is known"]
    assert newest(filed, today=TODAY + timedelta(days=1))["available_on"].tolist() == [TODAY]


def test_the_newest_four_quarters_are_kept_oldest_first():
    assert newest(*reversed(five_quarters()))["fiscal_date_ending"].tolist() == ENDS[1:]


def test_names_are_sorted_and_others_than_those_asked_for_are_left_out():
    rows = [*five_quarters("MSFT"), *five_quarters("AAPL"), *five_quarters("TSLA")]
    assert newest(*rows, symbols=["MSFT", "AAPL"])["symbol"].tolist() == ["AAPL"] * 4 + ["MSFT"] * 4


def test_an_amendment_replaces_its_period_from_the_day_after_it_became_public():
    amended = statement("AAPL", ENDS[-1], date(2021, 5, 20), net_income=99.0)
    rows = [*five_quarters(), amended]
    assert newest(*rows, today=date(2021, 5, 20))["net_income"].tolist() == [1, 2, 3, 4]
    assert newest(*rows, today=date(2021, 5, 21))["net_income"].tolist() == [1, 2, 3, 99]


def test_a_late_amendment_of_an_old_period_does_not_push_out_a_newer_one():
    rows = [*five_quarters(), statement("AAPL", ENDS[0], date(2021, 6, 1), net_income=99.0)]
    assert newest(*rows)["net_income"].tolist() == [1, 2, 3, 4]


def test_two_sources_that_date_a_quarter_a_few_days_apart_do_not_make_two_quarters_of_it():
    twins = [
        statement("AAPL", end - timedelta(days=4), end + timedelta(days=28), source="other", net_income=n)
        for n, end in enumerate(ENDS)
    ]
    table = newest(*five_quarters(), *twins)
    assert table["net_income"].tolist() == [1, 1, 2, 2, 3, 3, 4, 4]


def test_a_name_without_filings_has_one_empty_row_that_says_why():
    table = newest(*five_quarters(), symbols=["ZZZ", "AAPL", "BBB"], missing={"ZZZ": "edgar: no such company"})
    empty = table[table["missing"] != ""]
    assert dict(empty[["symbol", "missing"]].to_numpy()) == {
        "BBB": "no public filing is known",
        "ZZZ": "edgar: no such company",
    }
    assert empty["fiscal_date_ending"].tolist() == empty["available_on"].tolist() == [None, None]
    assert empty[ITEMS].isna().all(axis=None)
    assert empty["source"].tolist() == ["", ""]


@pytest.mark.parametrize("nothing", [frame(), pd.DataFrame(columns=pd.Index(COLUMNS))])
def test_a_source_without_any_filings_can_be_stored(nothing):
    table = newest_filings(nothing, ["AAPL"], TODAY, {"AAPL": "the source is down"})
    assert table["missing"].tolist() == ["the source is down"]
    Filings.validate(table.assign(week="2021-06-07"))


def test_what_is_kept_can_be_stored_and_looks_the_same_when_looked_at_again():
    table = newest(*five_quarters(), symbols=["AAPL", "ZZZ"])
    stored = Filings.validate(table.assign(week="2021-06-07"))
    pd.testing.assert_frame_equal(newest_filings(stored, ["AAPL", "ZZZ"], TODAY, {}), table)


def test_a_zero_is_kept_and_is_not_the_same_as_a_missing_number():
    kept = newest(statement("AAPL", ENDS[0], date(2020, 5, 1), total_debt=0.0))
    assert kept["total_debt"].tolist() == [0.0]
    assert kept["net_income"].isna().all()


@pytest.mark.parametrize("lag", [0, -3])
def test_d8_a_filing_that_claims_to_be_public_when_its_quarter_ended_is_refused(lag):
    with pytest.raises(DataError, match=r"AAPL 2021-03-31, public 2021-03-\d\d: public before its quarter had ended"):
        newest(statement("AAPL", ENDS[-1], ENDS[-1] + timedelta(days=lag)))


def test_one_publication_with_two_numbers_is_refused():
    day = date(2021, 5, 1)
    rows = [statement("AAPL", ENDS[-1], day, net_income=amount) for amount in (1.0, 2.0)]
    with pytest.raises(DataError, match="AAPL 2021-03-31, public 2021-05-01: the same publication"):
        newest(*rows)


def test_nonsense_that_is_not_yet_public_does_not_even_stop_us():
    twice = [statement("AAPL", ENDS[-1], date(2021, 7, 1), net_income=amount) for amount in (1.0, 2.0)]
    early = statement("AAPL", date(2021, 12, 31), date(2021, 7, 1))
    assert newest(*five_quarters(), *twice, early)["net_income"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("dates", [(ENDS[-1], None), (None, date(2021, 5, 1))])
def test_a_filing_with_half_its_dates_is_refused(dates):
    with pytest.raises(DataError, match="one of its dates is missing"):
        newest(statement("AAPL", *dates))


amounts = st.sampled_from([np.nan, -3.0, 0.0, 1.0, 2.5])
wild_statements = st.lists(
    st.builds(
        lambda symbol, end, lag, income, revenue, source: statement(
            symbol,
            date(2019, 1, 1) + timedelta(days=end),
            date(2019, 1, 1) + timedelta(days=end + lag),
            source,
            net_income=income,
            total_revenue=revenue,
        ),
        st.sampled_from(["AAPL", "MSFT"]),
        st.integers(0, 700),
        st.integers(1, 200),
        amounts,
        amounts,
        st.sampled_from(["edgar", "other"]),
    ),
    max_size=14,
    unique_by=lambda row: (row["symbol"], row["fiscal_date_ending"], row["available_on"], row["source"]),
)
days = st.integers(1, 900).map(lambda n: date(2019, 1, 1) + timedelta(days=n))


@settings(max_examples=25, deadline=None)
@given(rows=wild_statements, today=days, order=st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_what_is_not_yet_public_changes_anything(rows, today, order):
    before = newest(*rows, symbols=["AAPL", "MSFT"], today=today)
    later = [row | {"net_income": 1e9, "total_revenue": np.nan} for row in rows if row["available_on"] >= today]
    known = [row for row in rows if row["available_on"] < today]
    order.shuffle(known)
    pd.testing.assert_frame_equal(newest(*later, *known, symbols=["AAPL", "MSFT"], today=today), before)
    pd.testing.assert_frame_equal(newest(*known, symbols=["AAPL", "MSFT"], today=today), before)
    assert all(day is None or day < today for day in before["available_on"])


@settings(max_examples=25, deadline=None)
@given(rows=wild_statements, today=days)
def test_every_name_has_a_row_and_stored_rows_are_chosen_again(rows, today):
    table = newest(*rows, symbols=["AAPL", "MSFT"], today=today)
    assert set(table["symbol"]) == {"AAPL", "MSFT"}
    assert (table["missing"].eq("") == table["available_on"].notna()).all()
    Filings.validate(table.assign(week="2019-01-07"))
    pd.testing.assert_frame_equal(newest_filings(table, ["AAPL", "MSFT"], today, {}), table)


def test_of_real_filings_each_name_with_a_past_has_a_year_of_them():
    if not REAL.exists():
        pytest.skip("the real filings are not on this machine")
    filings = pd.read_parquet(REAL)
    symbols = sorted(filings["symbol"].unique())
    table = newest_filings(filings, symbols, TODAY, {})
    Filings.validate(table.assign(week="2021-06-07"))
    ends = pd.to_datetime(table["fiscal_date_ending"])
    span = (ends.groupby(table["symbol"]).max() - ends.groupby(table["symbol"]).min()).dt.days
    assert span.between(240, 300).mean() > 0.85
    assert (table["missing"] != "").sum() <= 5
