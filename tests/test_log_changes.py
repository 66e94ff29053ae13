import json
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnfinance_dagster.calendar import sessions_between
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.returns import adjusted, log_changes

CASES = Path(__file__).resolve().parents[1].parent / "shared" / "spec" / "cases.json"
DAYS = sessions_between(date(2025, 1, 2), date(2025, 3, 31))
CHANNELS = ("open", "high", "low", "close", "volume")


def bars(symbol, rows):
    """Bars of one name from rows of open, high, low, close, volume, split_ratio, dividend."""
    frame = pd.DataFrame(rows, columns=[*CHANNELS, "split_ratio", "dividend"], dtype="float64")
    return frame.assign(date=list(DAYS[: len(frame)]), symbol=symbol)


def plain(closes, volumes=None, splits=None, dividends=None):
    """Bars of A whose four prices are the close."""
    count = len(closes)
    volumes = volumes or [100] * count
    return bars("A", [(c, c, c, c, v, 1, 0) for c, v in zip(closes, volumes, strict=True)]).assign(
        split_ratio=splits or [1.0] * count, dividend=dividends or [0.0] * count
    )


def case(identity):
    if not CASES.exists():
        pytest.skip("no cases beside the repository (../shared/spec/cases.json)")
    return next(each for each in json.loads(CASES.read_text())["cases"] if each["id"] == identity)


PRICE = st.floats(0.01, 5_000)
ROWS = st.tuples(
    PRICE,
    PRICE,
    PRICE,
    PRICE,
    st.sampled_from([0, 0, 1, 500, 10**6, 3 * 10**9]),
    st.sampled_from([1.0, 1.0, 1.0, 2.0, 3.0, 0.1, 1.05]),
    st.sampled_from([0.0, 0.0, 0.0, 0.001, 0.0003]),
)
HISTORIES = st.lists(ROWS, min_size=2, max_size=9)


@st.composite
def wild_bars(draw):
    """One to three names with splits and dividends that are smaller than the price before them."""
    names = draw(st.integers(1, 3))
    return pd.concat([bars("ABC"[n], draw(HISTORIES)) for n in range(names)], ignore_index=True)


def test_prices_of_the_predecessors_case_agree_and_its_spike_after_a_day_without_trading_is_gone():
    """fc-01, D30: the predecessor made 500 shares after none a change of ln(500) = 6.2."""
    known = case("fc-01-log-returns")
    frame = pd.DataFrame(known["input"]).astype("float64").assign(split_ratio=1.0, dividend=0.0, symbol="A")
    changes = log_changes(frame.assign(date=list(DAYS[:3])))[1:]
    expected = np.array(known["expected"])
    np.testing.assert_allclose(changes[:, :4], expected[:, :4], atol=known["abs_tolerance"], rtol=0)
    assert expected[1, 4] > 6
    assert changes[:, 4].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("volumes", [[1000, 0, 500], [0, 0, 500], [0, 10**9, 1], [7, 7, 0]])
def test_a_day_on_which_nothing_was_traded_makes_no_spike_of_volume(volumes):
    """D30."""
    changes = log_changes(plain([10, 11, 12], volumes=volumes))[1:, 4]
    for change, pair in zip(changes, pairwise(volumes), strict=True):
        assert change == (0 if 0 in pair else pytest.approx(np.log(pair[1] / pair[0])))


def test_volume_is_counted_in_the_shares_of_the_later_day():
    assert log_changes(plain([400, 100], volumes=[50, 200], splits=[1.0, 4.0]))[1] == pytest.approx([0] * 5)
    assert log_changes(plain([1, 10], volumes=[500, 25], splits=[1.0, 0.1]))[1, 4] == pytest.approx(np.log(0.5))


def test_a_dividend_is_no_loss_in_any_of_the_four_prices():
    assert log_changes(plain([100, 97], dividends=[0.0, 3.0]))[1] == pytest.approx([0] * 5)


def test_the_first_bar_of_a_name_has_no_change_whatever_happened_on_it():
    both = pd.concat([plain([10, 11]), plain([99, 98], splits=[2.0, 1.0], dividends=[500.0, 0.0]).assign(symbol="B")])
    changes = log_changes(both.reset_index(drop=True))
    assert np.isnan(changes[[0, 2]]).all()
    assert changes[3, :4] == pytest.approx(np.log(98 / 99))


def test_a_change_spans_the_days_without_a_bar():
    halted = plain([10, 11, 12, 13]).drop(index=[1, 2]).reset_index(drop=True)
    assert log_changes(halted)[1, 3] == pytest.approx(np.log(1.3))


def test_a_dividend_of_the_whole_price_is_refused_with_its_day():
    with pytest.raises(DataError, match="A 2025-01-03: a dividend of 10 USD"):
        log_changes(plain([10, 11], dividends=[0.0, 10.0]))


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_bars_have_no_changes(rows):
    assert np.isnan(log_changes(plain([10, 11]).head(rows))).all()


def test_the_bars_themselves_are_left_as_they_were():
    frame = plain([10, 11, 12], volumes=[0, 1, 2])
    before = frame.copy(deep=True)
    log_changes(frame)
    pd.testing.assert_frame_equal(frame, before)


@settings(max_examples=40, deadline=None)
@given(wild_bars())
def test_changes_of_the_close_are_those_of_the_one_return_definition(frame):
    total = adjusted(frame)["total_close"]
    expected = np.log(total).groupby(frame["symbol"]).diff().to_numpy()
    np.testing.assert_allclose(log_changes(frame)[:, 3], expected, rtol=1e-9, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(wild_bars())
def test_changes_of_volume_are_those_of_the_adjusted_volume(frame):
    """Where both days traded."""
    volume = adjusted(frame)["volume"]
    before = volume.groupby(frame["symbol"]).shift()
    with np.errstate(divide="ignore"):
        ratio = np.log(volume / before).where((volume > 0) & (before > 0), 0.0).where(before.notna())
    np.testing.assert_allclose(log_changes(frame)[:, 4], ratio, rtol=1e-9, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(wild_bars(), st.data())
def test_a_change_is_the_same_to_the_last_bit_whatever_else_was_loaded(frame, data):
    whole = log_changes(frame)
    first = data.draw(st.integers(0, len(DAYS) - 2))
    last = data.draw(st.integers(first + 1, len(DAYS) - 1))
    kept = frame["date"].between(DAYS[first], DAYS[last]).to_numpy()
    part = log_changes(frame[kept].reset_index(drop=True))
    had_one_before = kept & np.r_[False, kept[:-1]] & (frame["symbol"] == frame["symbol"].shift()).to_numpy()
    np.testing.assert_array_equal(part[had_one_before[kept]], whole[had_one_before])
    assert np.isnan(part[~had_one_before[kept]]).all()
