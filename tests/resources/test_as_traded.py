"""Prices of a vendor as they were traded, whatever splits came later."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from live_scene import FIRST, World, chart

from learnfinance_dagster.errors import DataError
from resources.live_market.as_traded import as_traded, mended

API = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "api"
DAYS = [date(2025, 10, day) for day in (6, 7, 8, 9, 10)]
THROUGH = date(2025, 10, 10)


def table(close, split=(0, 0, 0, 0, 0), dividend=(0, 0, 0, 0, 0), index=None, **columns):
    """Five days in yfinance's terms."""
    close = np.asarray(close, dtype=float)
    plain = {"Open": close, "High": close * 1.01, "Low": close * 0.99, "Close": close, "Volume": 1000.0}
    index = pd.DatetimeIndex(pd.to_datetime(DAYS)).tz_localize("America/New_York") if index is None else index
    return pd.DataFrame({**plain, "Dividends": dividend, "Stock Splits": split, **columns}, index=index)


def test_a_split_in_the_answer_is_undone_for_the_days_before_it():
    found = as_traded("NVDA", table([100, 101, 102, 103, 104], split=(0, 0, 4.0, 0, 0)), THROUGH)
    assert found.bars["close"].tolist() == [400, 404, 102, 103, 104]
    assert found.bars["volume"].tolist() == [250, 250, 1000, 1000, 1000]
    assert found.actions == [("NVDA", DAYS[2], "split", 4.0)]


def test_a_dividend_is_what_was_paid_on_a_share_of_its_day():
    found = as_traded("NVDA", table([100] * 5, split=(0, 0, 0, 4.0, 0), dividend=(0, 0.1, 0, 0.2, 0)), THROUGH)
    assert sorted(found.actions) == [
        ("NVDA", DAYS[1], "dividend", 0.4),
        ("NVDA", DAYS[3], "dividend", 0.2),
        ("NVDA", DAYS[3], "split", 4.0),
    ]


def test_two_splits_and_a_reverse_one_multiply():
    found = as_traded("X", table([100] * 5, split=(0, 2.0, 0, 0.1, 0)), THROUGH)
    assert found.bars["close"].tolist() == [20, 10, 10, 100, 100]


def test_what_comes_later_than_wanted_is_left_out_and_its_split_is_still_undone():
    found = as_traded("X", table([100] * 5, split=(0, 0, 0, 0, 2.0)), DAYS[3])
    assert found.bars["close"].tolist() == [200] * 4
    assert found.actions == []


def test_a_split_that_the_prices_do_not_contain_yet_is_refused():
    """For a day or two Yahoo tells of a split and has not divided the prices before it."""
    with pytest.raises(DataError, match=r"X 2025-10-08: a split of 4, and the prices before it are not divided"):
        as_traded("X", table([400, 404, 102, 103, 104], split=(0, 0, 4.0, 0, 0)), THROUGH)


def test_d23_days_with_and_without_a_time_zone_are_the_same_days():
    aware, naive = pd.to_datetime(DAYS).tz_localize("America/New_York"), pd.DatetimeIndex(pd.to_datetime(DAYS))
    utc = pd.DatetimeIndex(pd.to_datetime(DAYS)).tz_localize("America/New_York").tz_convert("UTC")
    answers = [as_traded("X", table([100] * 5, index=index), THROUGH).bars for index in (aware, naive, utc)]
    for other in answers[1:]:
        pd.testing.assert_frame_equal(other, answers[0])


def test_d23_a_mixture_of_both_is_refused():
    mixed = pd.Index([pd.Timestamp(DAYS[0], tz="America/New_York"), *map(pd.Timestamp, DAYS[1:])], dtype=object)
    with pytest.raises(DataError, match="X: days with and without a time zone"):
        as_traded("X", table([100] * 5, index=mixed), THROUGH)


def test_a_day_that_comes_twice_is_refused():
    twice = pd.DatetimeIndex(pd.to_datetime([*DAYS[:4], DAYS[3]])).tz_localize("America/New_York")
    with pytest.raises(DataError, match="X 2025-10-09: two rows for the same day"):
        as_traded("X", table([100] * 5, index=twice), THROUGH)


def test_rows_that_cannot_be_stored_are_left_out_and_told():
    wild = table([100, 100, 100, 100, 100])
    wild.iloc[0, wild.columns.get_loc("Close")] = np.nan
    wild.iloc[1, wild.columns.get_loc("Low")] = 0.0
    wild.iloc[2, wild.columns.get_loc("High")] = 50.0
    found = as_traded("X", wild, THROUGH)
    assert found.bars["date"].tolist() == DAYS[3:]
    assert found.odd == [
        "X 2025-10-06: a row without all four prices",
        "X 2025-10-07: a row without all four prices",
        "X 2025-10-08: open or close far outside of low and high",
    ]


def test_a_weekend_is_no_session():
    index = pd.DatetimeIndex(pd.to_datetime([*DAYS[:4], date(2025, 10, 11)])).tz_localize("America/New_York")
    found = as_traded("X", table([100] * 5, index=index), date(2025, 10, 13))
    assert found.odd == ["X 2025-10-11: no session of the New York Stock Exchange"]


def test_a_hair_outside_of_low_and_high_is_mended_and_told():
    wild = table([100] * 5)
    wild.iloc[2, wild.columns.get_loc("High")] = 99.9
    found = as_traded("X", wild, THROUGH)
    assert (found.bars["high"] >= found.bars[["open", "close"]].max(axis=1)).all()
    assert found.odd == ["X: high or low widened to open and close on 1 days"]


def test_the_dividend_of_a_row_that_is_left_out_stands_at_the_next_one():
    bars = pd.DataFrame({"date": DAYS, "open": 10.0, "high": 10.0, "low": 10.0, "close": 10.0, "volume": 5.0})
    bars["dividend"], bars["split"] = [0, 0.5, 0, 0, 0], 1.0
    bars.loc[1, "close"] = np.nan
    assert mended("X", bars, THROUGH).actions == [("X", DAYS[2], "dividend", 0.5)]


def test_later_splits_change_nothing_of_what_a_chart_says_of_before():
    """The same past, asked for before and after two splits and a dividend."""
    plain, later = World(), World(splits={("AAPL", date(2025, 9, 3)): 4.0, ("AAPL", date(2025, 10, 15)): 0.5})
    before = plain.bars("AAPL")[lambda bars: bars["date"] < date(2025, 9, 3)]
    told = read_chart(chart("AAPL", later.bars("AAPL"), FIRST))
    found = as_traded("AAPL", told, date(2025, 9, 2)).bars
    for name in ("open", "high", "low", "close"):
        assert found[name].tolist() == pytest.approx(before[name].tolist(), abs=1e-4)
    assert found["volume"].tolist() == before["volume"].tolist()


def test_the_recorded_chart_is_read_as_it_was_traded():
    path = API / "yahoo_chart_AAPL_trimmed_reconstructed.json"
    if not path.exists():
        pytest.skip("the recorded chart is not beside the repository")
    found = as_traded("AAPL", read_chart(json.loads(path.read_text())), date(2023, 2, 28))
    assert (len(found.bars), found.odd) == (39, [])
    assert found.bars.iloc[0][["date", "open", "close", "volume"]].tolist() == [
        date(2023, 1, 3),
        130.28,
        125.07,
        112117500,
    ]
    assert found.actions == [("AAPL", date(2023, 2, 10), "dividend", 0.23)]


def read_chart(answer):
    """As yfinance lays it out."""
    (result,) = answer["chart"]["result"]
    quote = {name.capitalize(): values for name, values in result["indicators"]["quote"][0].items()}
    index = pd.to_datetime(result["timestamp"], unit="s", utc=True).tz_convert("America/New_York")
    out = pd.DataFrame(quote, index=index).assign(Dividends=0.0, **{"Stock Splits": 0.0})
    for event in result["events"].get("dividends", {}).values():
        out.loc[pd.Timestamp(event["date"], unit="s", tz="UTC"), "Dividends"] = event["amount"]
    for event in result["events"].get("splits", {}).values():
        out.loc[pd.Timestamp(event["date"], unit="s", tz="UTC"), "Stock Splits"] = (
            event["numerator"] / event["denominator"]
        )
    return out
