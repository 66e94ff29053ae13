from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnfinance_dagster.calendar import sessions_between, week_from_key
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.returns import History, adjusted, total_returns

DAYS = sessions_between(date(2025, 1, 2), date(2025, 3, 31))


def bars(symbol, closes, splits=None, dividends=None, days=DAYS):
    """Bars of one name; `splits` and `dividends` by position of their ex-date."""
    close = np.asarray(closes, dtype=float)
    events = pd.DataFrame({"split_ratio": np.ones(len(close)), "dividend": np.zeros(len(close))})
    for position, ratio in (splits or {}).items():
        events.loc[position, "split_ratio"] = ratio
    for position, paid in (dividends or {}).items():
        events.loc[position, "dividend"] = paid
    prices = {"open": close * 0.99, "high": close * 1.02, "low": close * 0.98, "close": close}
    return pd.DataFrame({"date": days[: len(close)], "symbol": symbol, **prices, "volume": 1000, **events})


def returns_of(frame, symbol="A"):
    return total_returns(frame, 100)[symbol].to_numpy()


def test_without_events_a_return_is_the_change_of_the_close():
    assert returns_of(bars("A", [100, 110, 99])) == pytest.approx([0.10, -0.10])


def test_a_split_is_no_loss():
    assert returns_of(bars("A", [400, 404, 101, 102.01], splits={2: 4})) == pytest.approx([0.01, 0.0, 0.01])


def test_a_reverse_split_is_no_gain():
    assert returns_of(bars("A", [1, 10.1], splits={1: 0.1})) == pytest.approx([0.01])


def test_a_dividend_is_earned_on_its_ex_date():
    # bought at 100, worth 97 and 3 in cash: nothing gained, nothing lost. 1 - D/C spreads it over the day's return.
    assert returns_of(bars("A", [100, 97, 98.94], dividends={1: 3})) == pytest.approx([0.0, 0.02])


def test_a_split_and_a_dividend_on_the_same_day_are_both_taken_out():
    # 2 for 1, and 1 USD on each new share: 100 becomes two shares of 49 and 2 USD
    assert returns_of(bars("A", [100, 49], splits={1: 2}, dividends={1: 1})) == pytest.approx([0.0])


def test_a_split_divides_the_prices_before_it_and_multiplies_their_volume():
    table = adjusted(bars("A", [400, 404, 101, 102], splits={2: 4}))
    assert table["close"].tolist() == [100, 101, 101, 102]
    assert table["open"].tolist() == pytest.approx([99, 99.99, 99.99, 100.98])
    assert table["volume"].tolist() == [4000, 4000, 1000, 1000]
    assert not {"split_ratio", "dividend"} & set(table.columns)


def test_a_dividend_lowers_total_close_only():
    table = adjusted(bars("A", [100, 97], dividends={1: 3}))
    assert table["close"].tolist() == [100, 97]
    assert table["total_close"].tolist() == pytest.approx([97, 97])


def test_the_last_session_of_the_window_is_the_basis_of_its_prices():
    split = bars("A", [400, 404, 101, 102], splits={2: 4})
    assert adjusted(split.iloc[:2])["close"].tolist() == [400, 404], "a split to come is not known"
    assert adjusted(split)["close"].iloc[-1] == 102


def test_an_event_on_the_first_row_of_the_window_changes_nothing_before_it():
    table = adjusted(bars("A", [100, 101], splits={0: 2}, dividends={0: 5}))
    assert table["close"].tolist() == table["total_close"].tolist() == [100, 101]


def test_the_events_of_one_name_leave_its_neighbours_alone():
    both = pd.concat([bars("A", [100, 100]), bars("B", [50, 24], splits={1: 2}, dividends={0: 7})], ignore_index=True)
    table = total_returns(both, 100)
    assert table["A"].tolist() == [0.0]
    assert table["B"].to_numpy() == pytest.approx([-0.04])


def test_a_halt_is_nan_and_never_zero():
    halted = bars("B", [50, 50, 55, 55]).drop(index=1)
    table = total_returns(pd.concat([bars("A", [100, 101, 102, 103]), halted], ignore_index=True), 100)
    assert table["B"].isna().tolist() == [True, True, False]
    assert table["B"].iloc[2] == 0.0, "a price that stands still is a return of zero"
    assert table["A"].notna().all()


def test_a_late_listing_is_nan_until_its_second_bar():
    late = bars("B", [10, 11], days=DAYS[2:])
    table = total_returns(pd.concat([bars("A", [1, 1, 1, 1]), late], ignore_index=True), 100)
    assert table["B"].isna().tolist() == [True, True, False]
    assert table["B"].iloc[2] == pytest.approx(0.10)


def test_returns_are_joined_on_dates_and_not_on_position():
    table = total_returns(pd.concat([bars("A", [1, 2, 3]), bars("B", [1, 2], days=DAYS[1:])], ignore_index=True), 100)
    assert table.index.tolist() == list(DAYS[1:3])
    assert table.loc[DAYS[2], ["A", "B"]].tolist() == pytest.approx([0.5, 1.0])


def test_only_the_last_returns_are_given():
    table = total_returns(bars("A", range(100, 120)), 5)
    assert table.index.tolist() == list(DAYS[15:20])


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_bars_have_no_returns(rows):
    assert len(total_returns(bars("A", [100]).iloc[:rows], 5)) == 0


@pytest.mark.parametrize("dividend", [100, 250])
def test_a_dividend_of_the_whole_price_is_refused_with_its_day(dividend):
    with pytest.raises(DataError, match=f"B 2025-01-03: a dividend of {dividend} USD"):
        adjusted(pd.concat([bars("A", [1, 1]), bars("B", [100, 1], dividends={1: dividend})], ignore_index=True))


def test_the_bars_themselves_are_left_as_they_were():
    given_bars = bars("A", [400, 101], splits={1: 4}, dividends={1: 1})
    before = given_bars.copy(deep=True)
    adjusted(given_bars)
    pd.testing.assert_frame_equal(given_bars, before)


def test_a_decisions_history_ends_with_its_last_session_and_is_sorted_by_symbol_and_date():
    both = pd.concat([bars("B", range(1, len(DAYS) + 1)), bars("A", range(1, len(DAYS) + 1))], ignore_index=True)
    window = History(both.sample(frac=1, random_state=7)).of(week_from_key("2025-02-10"), weeks=2)
    assert window["symbol"].tolist() == ["A"] * 10 + ["B"] * 10
    assert window["date"].tolist() == 2 * list(sessions_between(date(2025, 1, 27), date(2025, 2, 7)))


def test_a_history_that_reaches_beyond_the_calendar_is_as_long_as_it_can_be():
    days = sessions_between(date(2009, 1, 1), date(2009, 1, 30))
    window = History(bars("A", range(1, len(days) + 1), days=days)).of(week_from_key("2009-01-26"), weeks=60)
    assert window["date"].tolist() == list(sessions_between(days[0], date(2009, 1, 23)))


histories = st.lists(
    st.tuples(
        st.floats(5, 500),
        st.sampled_from([1.0, 1.0, 1.0, 2.0, 4.0, 0.1]),
        st.sampled_from([0.0, 0.0, 0.05, 0.2]),
    ),
    min_size=3,
    max_size=len(DAYS),
)


@settings(deadline=None)
@given(history=histories, data=st.data())
def test_what_comes_later_never_changes_an_earlier_return(history, data):
    closes, splits, dividends = zip(*history, strict=True)
    frame = bars("A", closes, dict(enumerate(splits)), dict(enumerate(dividends)))
    known = data.draw(st.integers(2, len(history)))
    whole, part = returns_of(frame), returns_of(frame.iloc[:known])
    np.testing.assert_allclose(whole[: known - 1], part, rtol=1e-9, atol=1e-12)


@settings(deadline=None)
@given(history=histories)
def test_compounded_returns_are_the_wealth_of_one_who_reinvests(history):
    closes, splits, dividends = zip(*history, strict=True)
    frame = bars("A", closes, dict(enumerate(splits)), dict(enumerate(dividends)))
    shares = 1.0
    for close, before, split, dividend in zip(closes[1:], closes, splits[1:], dividends[1:], strict=False):
        # the CRSP factor reinvests at the price that the dividend leaves of the day before
        shares *= split / (1 - dividend * split / before)
        assert close > 0
    assert np.prod(1 + returns_of(frame)) == pytest.approx(shares * closes[-1] / closes[0], rel=1e-9)
