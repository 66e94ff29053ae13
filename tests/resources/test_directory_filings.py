"""The statements of a market directory: usable from the day after they became public, and not a day before."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnfinance_dagster.calendar import decision_time, week_of
from learnfinance_dagster.ports import FilingsSource
from learnfinance_dagster.schemas.market import Fundamentals
from resources.market_directory.filings import DirectoryFilings

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "market" / "fundamentals.parquet"
COLUMNS = Fundamentals.to_schema().columns
NUMBERS = [name for name, column in COLUMNS.items() if str(column.dtype) == "float64"]
LATE = datetime(2030, 1, 1, tzinfo=UTC)
KEY = ["symbol", "fiscal_date_ending", "available_on"]


def filings(*rows):
    """Rows of (symbol, fiscal_date_ending, available_on[, revenue])."""
    frame = pd.DataFrame([row[:3] for row in rows], columns=KEY)
    for name in NUMBERS:
        frame[name] = [float(row[3]) if len(row) > 3 else 1.0 for row in rows]
    frame = frame.assign(source="test")[list(COLUMNS)]
    return frame.astype(
        dict.fromkeys(NUMBERS, "float64") | {"symbol": "str", "source": "str"} | dict.fromkeys(KEY[1:], "object")
    )


def source(frame) -> FilingsSource:
    return DirectoryFilings("mine", frame)


QUARTER, PUBLIC = date(2021, 3, 27), date(2021, 4, 29)
ONE = filings(("AAPL", QUARTER, PUBLIC))


def assert_same(answer, other):
    pd.testing.assert_frame_equal(answer.filings, other.filings)
    assert answer.missing == other.missing


@pytest.mark.parametrize("frame", [None, filings(), ONE])
@pytest.mark.parametrize("symbols", [(), ("AAPL", "MSFT")])
def test_answers_have_the_columns_and_dtypes_of_the_port_even_when_empty(frame, symbols):
    answer = source(frame).filings(symbols, LATE)
    Fundamentals.validate(answer.filings)
    assert list(answer.filings.columns) == list(COLUMNS)
    assert answer.filings.dtypes.equals(ONE.dtypes)


def test_the_source_is_named_after_its_market():
    assert source(None).name == "mine"


def test_d8_a_statement_is_not_usable_from_the_end_of_its_quarter():
    """Symptom: the ratios of a quarter were known on its last day, a month before anybody could read them."""
    wire = source(ONE)
    for day in (QUARTER, QUARTER + timedelta(days=1), PUBLIC):
        answer = wire.filings(["AAPL"], decision_time(day))
        assert answer.filings.empty
        assert answer.missing == {"AAPL": "no public filing is known"}
    assert len(wire.filings(["AAPL"], decision_time(PUBLIC + timedelta(days=1))).filings) == 1


def test_d2_a_filing_of_the_decisions_own_day_is_not_known_yet():
    """Symptom: the state of a Monday held the statements of the week that it was to trade."""
    monday = week_of(date(2021, 5, 3))
    rows = [("AAPL", QUARTER, monday.monday + timedelta(days=n)) for n in range(-2, 7)]
    known = source(filings(*rows)).filings(["AAPL"], monday.as_of).filings
    assert known["available_on"].tolist() == [date(2021, 5, 1), date(2021, 5, 2)]


def test_the_day_is_the_one_in_new_york():
    midnight = datetime(2021, 4, 30, 4, tzinfo=UTC)
    assert source(ONE).filings(["AAPL"], midnight - timedelta(seconds=1)).filings.empty
    assert len(source(ONE).filings(["AAPL"], midnight).filings) == 1


def test_a_name_without_filings_is_missing_with_the_reason_and_others_are_not():
    answer = source(ONE).filings(["ZZZ", "AAPL"], datetime(2021, 6, 14, 12, tzinfo=UTC))
    assert answer.missing == {"ZZZ": "no public filing is known"}
    assert answer.filings["symbol"].tolist() == ["AAPL"]


@pytest.mark.parametrize("asked", [["META"], ["FB"], ["fb", " Meta"]])
def test_the_statements_of_a_name_that_the_file_knows_by_its_old_ticker_are_not_missing(asked):
    """Symptom: the universe says META, the file FB, and the name had "no public filing is known"."""
    newer, newest = QUARTER + timedelta(days=91), PUBLIC + timedelta(days=91)
    wire = source(filings(("META", newer, newest), ("GOOG", QUARTER, PUBLIC), ("FB", QUARTER, PUBLIC)))
    answer = wire.filings(asked, LATE)
    assert answer.missing == {}
    assert answer.filings[KEY].to_numpy().tolist() == [["META", QUARTER, PUBLIC], ["META", newer, newest]]
    assert answer.filings.dtypes.equals(ONE.dtypes)
    assert wire.filings(asked, decision_time(PUBLIC)).missing == {"META": "no public filing is known"}


def test_a_name_asked_in_lower_case_is_not_a_name_without_statements():
    """Symptom: `aapl` was missing while AAPL was there."""
    assert_same(source(ONE).filings(["aapl"], LATE), source(ONE).filings(["AAPL"], LATE))
    assert len(source(ONE).filings(["aapl"], LATE).filings) == 1


def test_a_market_without_a_file_of_statements_says_so_of_every_name():
    answer = source(None).filings(["AAPL", "MSFT"], LATE)
    assert answer.missing == dict.fromkeys(["AAPL", "MSFT"], "this market has no filings")


def test_filings_come_by_symbol_quarter_and_day_whatever_the_order_of_the_file():
    rows = [
        (name, date(2020, month, 28), date(2020, month, 28) + timedelta(days=lag), lag)
        for name in ("MSFT", "AAPL", "NVDA")
        for month in (9, 3, 6)
        for lag in (60, 20)
    ]
    answer = source(filings(*rows)).filings(["NVDA", "AAPL", "NVDA"], LATE)
    assert len(answer.filings) == 12
    pd.testing.assert_frame_equal(answer.filings, answer.filings.sort_values(KEY, ignore_index=True))
    assert_same(answer, source(filings(*reversed(rows))).filings(["AAPL", "NVDA"], LATE))


def test_a_restated_quarter_is_there_as_it_was_first_told_and_as_it_was_told_again():
    wire = source(filings(("AAPL", QUARTER, PUBLIC, 5), ("AAPL", QUARTER, date(2021, 9, 1), 4)))
    before, after = (wire.filings(["AAPL"], decision_time(day)) for day in (date(2021, 9, 1), date(2021, 9, 2)))
    assert before.filings["total_revenue"].tolist() == [5.0]
    assert after.filings["total_revenue"].tolist() == [5.0, 4.0]


def test_a_moment_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="no time zone"):
        source(ONE).filings(["AAPL"], datetime(2021, 6, 14))  # noqa: DTZ001 - the fault under test


DAYS = st.integers(0, 700).map(lambda n: date(2020, 1, 1) + timedelta(days=n))
ROWS = st.lists(
    st.tuples(st.sampled_from(["AAPL", "MSFT", "NVDA"]), DAYS, DAYS, st.integers(0, 9)),
    max_size=20,
    unique_by=lambda row: row[:3],
)


@settings(max_examples=30, deadline=None)
@given(rows=ROWS, day=DAYS, garbage=ROWS)
def test_statements_that_come_later_may_be_missing_or_garbled_or_others(rows, day, garbage):
    known_at, symbols = decision_time(day), ["AAPL", "MSFT", "ZZZ"]
    past = [row for row in rows if row[2] < day]
    later = [(row[0], row[1], day + timedelta(days=n), -1e9) for n, row in enumerate(garbage)]
    truth = source(filings(*rows)).filings(symbols, known_at)
    assert all(public < day for public in truth.filings["available_on"])
    assert set(truth.missing) | set(truth.filings["symbol"]) == set(symbols)
    assert_same(truth, source(filings(*past)).filings(symbols, known_at))
    assert_same(truth, source(filings(*later, *past)).filings(symbols, known_at))


@pytest.fixture(scope="module")
def real():
    if not REAL.is_file():
        pytest.skip("../shared/data is not here")
    return pd.read_parquet(REAL)


def test_no_monday_of_the_real_statements_sees_one_before_its_day(real):
    wire, names = source(real), sorted(set(real["symbol"]))
    for monday in (date(2012, 1, 9), date(2018, 12, 10), date(2021, 5, 3), date(2025, 11, 3)):
        answer = wire.filings(names, week_of(monday).as_of)
        assert answer.filings["available_on"].max() < monday
        assert len(answer.filings) == sum(day < monday for day in real["available_on"])
        assert set(answer.missing) == set(names) - set(answer.filings["symbol"])
