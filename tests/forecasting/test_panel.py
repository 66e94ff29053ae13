# ruff: noqa: PD011 - a panel is no pandas object, and its values are numpy's
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.panel import CLOSE, OHLCV, panel_of
from learnfinance_dagster.returns import adjusted

MARKET = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "market"


def three_names(make_bars, days):
    """One ordinary name, one listed late and halted, one that ends with a payment of 30 USD a share."""
    gone = make_bars("GONE", days[:21], paid_out={20: 30.0})
    gone.loc[20, list(OHLCV)] = [30.0, 30.0, 30.0, 30.0, 0.0]
    late = make_bars("LATE", days[10:40], without=(5, 6, 7))
    return pd.concat([make_bars("AAA", days[:40], splits={12: 4.0}, dividends={25: 0.3}), gone, late])


def same(one, other):
    assert one.symbols == other.symbols
    assert one.channels == other.channels
    for block in ("sessions", "values", "traded", "over"):
        np.testing.assert_array_equal(getattr(one, block), getattr(other, block))


def test_a_panel_holds_every_name_on_every_session(make_bars, days):
    panel = panel_of(three_names(make_bars, days))
    assert panel.symbols == ("AAA", "GONE", "LATE")
    assert panel.channels == OHLCV
    assert panel.sessions.tolist() == list(days[:40])
    assert panel.values.shape == (3, 40, 5)
    assert panel.values.dtype == np.float32
    assert panel.traded.shape == panel.over.shape == (3, 40)


def test_closes_change_as_the_house_defines_returns(make_bars, days):
    bars = three_names(make_bars, days)
    panel = panel_of(bars)
    total = adjusted(bars[bars["symbol"] == "AAA"])["total_close"].to_numpy()
    np.testing.assert_allclose(panel.values[0, 1:, CLOSE], np.diff(np.log(total)), rtol=1e-5, atol=1e-7)


def test_a_name_begins_to_trade_with_its_second_bar(make_bars, days):
    panel = panel_of(three_names(make_bars, days))
    assert not panel.traded[2, :11].any()
    assert panel.traded[2, 11]
    assert not panel.values[2, :11].any()


def test_a_halt_has_no_change_and_the_next_one_spans_it(make_bars, days):
    bars = three_names(make_bars, days)
    panel, closes = panel_of(bars), make_bars("LATE", days[10:40])["close"].to_numpy()
    assert panel.traded[2, 11:20].tolist() == [True] * 4 + [False] * 3 + [True] * 2
    assert not panel.values[2, 15:18].any()
    assert panel.values[2, 18, CLOSE] == pytest.approx(np.log(closes[8] / closes[4]), rel=1e-5)


def test_a_listing_that_was_paid_out_is_over_and_changes_no_more(make_bars, days):
    bars = three_names(make_bars, days)
    panel, before = panel_of(bars), bars[bars["symbol"] == "GONE"]["close"].iloc[19]
    assert panel.over[1].tolist() == [False] * 20 + [True] * 20
    assert panel.values[1, 20, CLOSE] == pytest.approx(np.log(30 / before), rel=1e-5)
    assert panel.values[1, 20, OHLCV.index("volume")] == 0
    assert not panel.values[1, 21:].any()
    assert not panel.over[[0, 2]].any()


def test_a_name_whose_bars_just_end_is_not_over(make_bars, days):
    panel = panel_of(pd.concat([make_bars("A", days[:30]), make_bars("B", days[:20])]))
    assert not panel.over.any()
    assert not panel.traded[1, 20:].any()


def test_a_session_on_which_nobody_traded_is_in_the_panel(make_bars, days):
    panel = panel_of(make_bars("A", days[:10], without=(4,)))
    assert panel.sessions.tolist() == list(days[:10])


def test_the_order_of_the_rows_and_the_kind_of_text_do_not_matter(make_bars, days):
    bars = three_names(make_bars, days)
    mixed = bars.sample(frac=1, random_state=3)
    same(panel_of(mixed.assign(symbol=mixed["symbol"].astype(object))), panel_of(bars))
    assert mixed["date"].iloc[0] != bars["date"].iloc[0]


def test_only_the_names_that_are_asked_for_are_kept_and_unknown_ones_never_traded(make_bars, days):
    bars = three_names(make_bars, days)
    panel = panel_of(bars, ["LATE", "NOBODY"])
    assert panel.symbols == ("LATE", "NOBODY")
    np.testing.assert_array_equal(panel.values[0], panel_of(bars).values[2])
    assert not panel.traded[1].any()
    assert panel_of(bars, []).values.shape == (0, 40, 5)


def test_bars_that_were_stored_and_read_again_are_the_same_panel(make_bars, days, tmp_path):
    """D23: `date` columns hold days without a clock, in memory and in files."""
    bars = three_names(make_bars, days).reset_index(drop=True)
    bars.to_parquet(tmp_path / "bars.parquet")
    stored = pd.read_parquet(tmp_path / "bars.parquet")
    assert {type(day) for day in stored["date"]} == {date}
    same(panel_of(stored), panel_of(bars))


@pytest.mark.parametrize(
    "moments",
    [
        pd.to_datetime,
        lambda dates: pd.to_datetime(dates).dt.tz_localize("America/New_York"),
        lambda dates: dates.astype(str),
        lambda dates: [datetime(2018, 6, 1, tzinfo=UTC), *dates[1:]],
        lambda dates: [datetime(2018, 6, 1), *dates[1:]],  # noqa: DTZ001 - a moment without a zone is the fault
        lambda dates: [None, *dates[1:]],
    ],
)
def test_dates_with_clocks_and_zones_are_refused_and_not_guessed(make_bars, days, moments):
    """D23: mixed zones crashed deep inside the predecessor."""
    bars = make_bars("A", days[:10])
    with pytest.raises(DataError, match=r"dates of bars must be datetime\.date, and these are"):
        panel_of(bars.assign(date=pd.Series(moments(bars["date"]))))


def test_a_bar_on_a_day_that_is_no_session_is_refused(make_bars, days):
    bars = make_bars("A", days[:10])
    bars.loc[2, "date"] = date(2018, 6, 3)
    with pytest.raises(DataError, match="A 2018-06-03: a bar on a day that is no session"):
        panel_of(bars)
    with pytest.raises(DataError, match="no session"):
        panel_of(bars.iloc[[2]])


def test_two_bars_of_a_name_on_a_day_are_refused(make_bars, days):
    bars = make_bars("A", days[:10])
    with pytest.raises(DataError, match=f"A {days[4]}: more than one bar"):
        panel_of(pd.concat([make_bars("B", days[:10]), bars, bars.iloc[[4]]]))


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("column", ["open", "close", "split_ratio", "volume", "dividend"])
def test_a_number_that_is_no_price_never_becomes_a_change(make_bars, days, column, wrong):
    bars = make_bars("A", days[:10])
    bars.loc[4, column] = wrong
    if wrong == 0 and column in ("volume", "dividend"):
        assert panel_of(bars).traded.any()
        return
    with pytest.raises(DataError, match=f"A {days[4]}: a bar that is not made of positive numbers"):
        panel_of(bars)


def test_no_bars_at_all_are_refused(make_bars):
    with pytest.raises(DataError, match="no bars to learn from"):
        panel_of(make_bars().head(0))


def test_a_session_is_found_or_refused(make_bars, days):
    panel = panel_of(make_bars("A", days[:10]))
    assert panel.position(days[7]) == 7
    for other in (days[10], date(2018, 6, 3), date(2017, 1, 3)):
        with pytest.raises(DataError, match=f"no bars of the session {other}: they reach from {days[0]} to {days[9]}"):
            panel.position(other)
    with pytest.raises(DataError, match="there are none"):
        panel.until(date(2017, 1, 3)).position(days[0])


def test_a_panel_until_the_cut_off_holds_the_session_of_the_cut_off(make_bars, days):
    """D28: the predecessor dropped the Friday on which the data were cut."""
    panel = panel_of(make_bars("A", days))
    friday = date(2019, 6, 28)
    assert panel.until(friday).sessions[-1] == np.datetime64(friday)
    assert panel.until(date(2019, 6, 30)).sessions[-1] == np.datetime64(friday), "a Sunday ends with its Friday"


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 39), st.integers(0, 30))
def test_what_comes_later_or_was_not_loaded_changes_no_number(make_bars, days, last, first):
    bars = three_names(make_bars, days)
    known = panel_of(bars).until(days[last])
    same(known, panel_of(bars[bars["date"] <= days[last]], known.symbols))
    if first < last:
        part = panel_of(bars[bars["date"].between(days[first], days[last])], known.symbols)
        both = part.traded
        np.testing.assert_array_equal(part.values[both], known.values[:, first:][both])
        lost = known.traded[:, first:] & ~both
        assert (lost.sum(axis=1) <= 1).all(), "a name loses the change of its first bar, and nothing else"


def test_in_the_real_market_closes_change_as_the_vendors_adjusted_closes_do():
    if not MARKET.exists():
        pytest.skip("no real market beside the repository (../shared/data/market)")
    from resources.market_directory import DirectoryMarket, load

    first, last = date(2018, 1, 2), date(2020, 12, 31)
    market = DirectoryMarket(load(MARKET))
    panel = panel_of(market.bars(first, last, datetime(2021, 1, 4, 12, 30, tzinfo=UTC)))
    vendor = pd.read_parquet(MARKET / "bars.parquet", columns=["date", "symbol", "adj_close"])
    vendor = vendor[vendor["date"].between(first, last)]
    table = vendor.pivot_table(index="symbol", columns="date", values="adj_close").reindex(list(panel.symbols))
    changes = np.diff(np.log(table.to_numpy()), axis=1)
    np.testing.assert_array_equal(panel.traded[:, 1:], np.isfinite(changes))
    np.testing.assert_allclose(panel.values[:, 1:, CLOSE], np.nan_to_num(changes), atol=2e-6)
