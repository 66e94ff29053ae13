"""What every `ports.FilingsSource` must do, whoever answers."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest
from filing_vendors import AGENT, KEY, Clock, a_year, quarterly, serve_alpha_vantage, serve_sec, usual
from vendor_server import Reply, VendorServer

from learnfinance_dagster.calendar import NEW_YORK
from learnfinance_dagster.ports import FilingsSource, MarketInfo, PriceBasis
from learnfinance_dagster.schemas.market import Fundamentals
from resources.filings.alpha_vantage import AlphaVantageFilings
from resources.filings.answer import KEY as ORDER
from resources.filings.answer import as_frame
from resources.filings.edgar import EdgarFilings
from resources.http import PatientSession
from resources.market_directory.load import MarketFrames
from resources.market_directory.market import DirectoryMarket

ASKED = ["MSFT", "AAPL", "ZZZZ", "BRK.B"]
"""The first two have filings everywhere; nobody knows ZZZZ, and BRK.B fails where there is something to fail."""
MOMENTS = [
    datetime(2024, 1, 1, 12, 30, tzinfo=UTC),
    datetime(2024, 10, 31, 12, 30, tzinfo=UTC),
    datetime(2024, 11, 1, 3, 30, tzinfo=UTC),
    datetime(2024, 11, 4, 13, 30, tzinfo=UTC),
    datetime(2025, 12, 29, 12, 30, tzinfo=UTC),
]

PRICE = {"open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "adj_close": 1.0, "volume": 1}
FIRST, LAST = date(2024, 1, 2), date(2025, 12, 31)
BARS = pd.DataFrame([{"date": FIRST, "symbol": "AAPL", **PRICE}])


def edgar(vendor, folder):
    amended = quarterly(1, (12,), number="q1a", filed="2024-06-20", form="10-Q/A")
    document = a_year()
    for (taxonomy, tag, unit), facts in amended.items():
        document["facts"][taxonomy][tag]["units"][unit].extend(facts)
    serve_sec(vendor, {320193: document, 789019: a_year(), 1067983: Reply(status=500)})
    session = PatientSession(per_second=10_000, attempts=2, sleep=lambda _seconds: None)
    return EdgarFilings(AGENT, folder, Clock(), session=session, base=vendor.url, files=vendor.url)


def alpha_vantage(vendor, folder):
    def say(symbol, function):
        strange = {"ZZZZ": {}, "BRK-B": Reply(status=500)}
        return strange.get(symbol, usual(symbol, function, ("2024-09-30", "2024-06-30")))

    serve_alpha_vantage(vendor, say)
    no_wait = {"sleep": lambda _seconds: None, "knobs": {"per_second": 10_000}}
    return AlphaVantageFilings(KEY, folder / "answers.sqlite", Clock(), base=vendor.url, **no_wait)


def directory(_vendor, _folder):
    rows = [
        {"symbol": symbol, "fiscal_date_ending": end, "available_on": public, "net_income": 1.0, "source": "test"}
        for symbol in ("MSFT", "AAPL")
        for end, public in [
            (date(2024, 6, 30), date(2024, 8, 1)),
            (date(2024, 3, 31), date(2024, 5, 2)),
            (date(2024, 3, 31), date(2024, 9, 20)),
            (date(2024, 9, 30), date(2024, 10, 31)),
        ]
    ]
    info = MarketInfo(
        "test", is_practice=True, price_basis=PriceBasis.AS_TRADED, first_session=FIRST, last_session=LAST
    )
    return DirectoryMarket.from_frames(MarketFrames(info, BARS, fundamentals=as_frame(rows))).statements


@pytest.fixture(params=[edgar, alpha_vantage, directory], ids=lambda make: make.__name__)
def source(request, tmp_path) -> Iterator[FilingsSource]:
    with VendorServer() as vendor:
        yield request.param(vendor, tmp_path)


@pytest.mark.parametrize("known_at", MOMENTS, ids=str)
def test_an_answer_has_the_columns_the_dtypes_and_the_order_of_the_port(source, known_at):
    frame = source.filings(ASKED, known_at).filings
    Fundamentals.validate(frame)
    pd.testing.assert_frame_equal(frame.dtypes.to_frame(), as_frame([]).dtypes.to_frame())
    assert list(frame.columns) == list(as_frame([]).columns)
    pd.testing.assert_frame_equal(frame, frame.sort_values(ORDER).reset_index(drop=True))
    assert not frame.duplicated(ORDER).any()


@pytest.mark.parametrize("known_at", MOMENTS, ids=str)
def test_nothing_was_made_available_on_the_day_or_later_and_nothing_before_its_quarter_was_over(source, known_at):
    frame = source.filings(ASKED, known_at).filings
    today = known_at.astimezone(NEW_YORK).date()
    assert all(day < today for day in frame["available_on"])
    assert (frame["fiscal_date_ending"] < frame["available_on"]).all()


def test_a_day_later_the_filings_of_the_day_are_there(source):
    frame = source.filings(ASKED, MOMENTS[-1]).filings
    for day in frame["available_on"].unique():
        noon = datetime(day.year, day.month, day.day, 17, tzinfo=UTC)
        before, after = (source.filings(ASKED, noon + timedelta(days=n)).filings for n in (0, 1))
        assert day not in set(before["available_on"])
        assert day in set(after["available_on"])


@pytest.mark.parametrize("known_at", MOMENTS, ids=str)
def test_every_name_has_filings_or_a_reason_and_none_has_both(source, known_at):
    answer = source.filings(ASKED, known_at)
    have = set(answer.filings["symbol"])
    assert have | set(answer.missing) == set(ASKED)
    assert not have & set(answer.missing)
    assert all(answer.missing.values())


def test_the_names_of_the_last_moment_are_as_they_should_be(source):
    answer = source.filings(ASKED, MOMENTS[-1])
    assert set(answer.filings["symbol"]) == {"AAPL", "MSFT"}
    assert set(answer.missing) == {"ZZZZ", "BRK.B"}


@pytest.mark.parametrize("known_at", MOMENTS, ids=str)
def test_the_same_question_has_the_same_answer_in_any_order(source, known_at):
    first, again = source.filings(ASKED, known_at), source.filings(ASKED[::-1], known_at)
    pd.testing.assert_frame_equal(first.filings, again.filings)
    assert set(first.missing) == set(again.missing)


def test_what_was_public_stays_public_and_unchanged(source):
    early, late = (source.filings(ASKED, known_at).filings for known_at in (MOMENTS[3], MOMENTS[4]))
    merged = early.merge(late, how="left", on=list(early.columns), indicator=True)
    assert (merged["_merge"] == "both").all()


def test_no_names_are_no_filings(source):
    answer = source.filings([], MOMENTS[-1])
    assert answer.filings.empty
    assert answer.missing == {}


def test_a_source_has_a_name(source):
    assert source.name
