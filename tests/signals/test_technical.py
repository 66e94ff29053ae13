from datetime import date
from itertools import pairwise
from math import log, sqrt
from pathlib import Path
from statistics import stdev

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnfinance_dagster.calendar import sessions_between, week_from_key
from learnfinance_dagster.errors import DataError, LookAheadError
from learnfinance_dagster.parameters import SignalParameters
from learnfinance_dagster.returns import History
from learnfinance_dagster.schemas.signals import TechnicalFeatures
from learnfinance_dagster.signals import technical
from learnfinance_dagster.signals.technical import feature_series, price_history, technical_features

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")  # numpy's word for a number out of nothing
WEEK = week_from_key("2025-12-29")
DAYS = sessions_between(date(2024, 11, 4), WEEK.last_session)
RULES = SignalParameters()
NAN = np.nan
LEAST = {
    "rsi_14": 15,
    "macd": 26,
    "macd_signal": 34,
    "atr_14": 15,
    "volatility_21": 22,
    "momentum_4w": 21,
    "momentum_12w": 61,
    "momentum_26w": 131,
    "dc_trend": 2,
    "dc_overshoot": 2,
    "dc_age": 2,
    "dc_count": 61,
}
"""Feature → bars it needs; the three of directional change need a change, here on the second bar."""
MOMENTA = {"momentum_4w": 20, "momentum_12w": 60, "momentum_26w": 130}
CHARTSCHOOL_CLOSES = """
    44.3389 44.0902 44.1497 43.6124 44.3278 44.8264 45.0955 45.4245 45.8433 46.0826 45.8931 46.0328 45.6140 46.2820
    46.2820 46.0028 46.0328 46.4116 46.2222 45.6439 46.2122 46.2521 45.7137 46.4515 45.7835 45.3548 44.0288 44.1783
    44.2181 44.5672 43.4205 42.6628 43.1314
"""
CHARTSCHOOL_RSI = """
    70.53 66.32 66.55 69.41 66.36 57.97 62.93 63.26 56.06 62.38 54.71 50.42 39.99 41.46 41.87 45.46 37.30 33.08 37.77
"""
"""StockCharts' published worked example of Wilder's RSI(14), its first value on the 15th close."""


def bars(closes, symbol="A", wick=0.01, splits=None, dividends=None):
    """Bars that end with the week's last session; None: no bar; `splits` and `dividends` by position of the day."""
    close = np.array([NAN if each is None else each for each in closes], dtype=float)
    prices = {"open": close, "high": close * (1 + wick), "low": close * (1 - wick), "close": close}
    frame = pd.DataFrame({"date": DAYS[len(DAYS) - len(close) :], "symbol": symbol, **prices, "volume": 1000})
    frame["split_ratio"], frame["dividend"] = 1.0, 0.0
    for column, events in (("split_ratio", splits), ("dividend", dividends)):
        for position, value in (events or {}).items():
            frame.loc[position, column] = value
    return frame.dropna(subset="close").reset_index(drop=True)


def features(frame, *symbols):
    return technical_features(frame, symbols or ("A",), WEEK, RULES).set_index("symbol")


def of_a(frame):
    return features(frame).loc["A"]


def series(frame, last=WEEK.last_session, symbol="A"):
    """Feature → its value after every session from the first bar on, of one name."""
    table = feature_series(price_history(frame, [symbol], last), RULES.dc_threshold)
    return {name: rows[:, 0] for name, rows in table.items()}


def wandering(count=None, seed=1):
    moves = np.random.default_rng(seed).normal(0, 0.02, count or len(DAYS))
    return 100 * np.exp(moves.cumsum())


# --- formulas against published or hand-worked numbers


def test_rsi_is_the_published_example_of_wilders():
    closes = [float(each) for each in CHARTSCHOOL_CLOSES.split()]
    found = series(bars(closes))["rsi_14"]
    assert np.isnan(found[:14]).all()
    assert [f"{value:.2f}" for value in found[14:]] == CHARTSCHOOL_RSI.split()


@pytest.mark.parametrize(("step", "rsi"), [(1.01, 100.0), (0.99, 0.0)])
def test_rsi_of_a_price_that_only_goes_one_way_is_at_its_end(step, rsi):
    assert of_a(bars(100 * step ** np.arange(40)))["rsi_14"] == rsi


def test_macd_of_a_straight_line_is_the_difference_of_two_lags():
    # an EMA of span n that starts at the mean of n points of a line lies (n-1)/2 steps behind it for ever
    found = series(bars([100.0 + day for day in range(60)]))
    closes = 100.0 + np.arange(60)
    np.testing.assert_allclose(found["macd"][25:], 7 / closes[25:], rtol=1e-9)
    np.testing.assert_allclose(found["macd_signal"][33:], 7 / closes[33:], rtol=1e-9)


def test_atr_is_the_mean_of_fourteen_true_ranges_and_then_moves_by_a_fourteenth():
    calm = bars([100.0] * 15)
    assert series(calm)["atr_14"][-1] == pytest.approx(0.02)
    jump = series(bars([100.0] * 15 + [110.0]))["atr_14"][-1]
    assert jump == pytest.approx((2 + (111.1 - 100 - 2) / 14) / 110), "from the close before to the new high"
    fall = series(bars([100.0] * 15 + [90.0]))["atr_14"][-1]
    assert fall == pytest.approx((2 + (100 - 89.1 - 2) / 14) / 90), "from the close before to the new low"


def test_volatility_is_that_of_twenty_one_log_returns_a_year():
    returns = [0.01 if day % 2 == 0 else -0.01 for day in range(21)]  # eleven up, ten down: their mean is 0.01/21
    closes = 100 * np.exp(np.cumsum([0.5, *returns]))
    expected = 0.01 * sqrt((21 - 1 / 21) / 20 * 252)
    assert of_a(bars(closes))["volatility_21"] == pytest.approx(expected)


def test_momentum_is_the_return_since_the_close_of_that_many_sessions_ago():
    found = of_a(bars(100 * 1.001 ** np.arange(200)))
    for name, sessions in MOMENTA.items():
        assert found[name] == pytest.approx(1.001**sessions - 1)


def test_directional_change_reads_the_threshold_of_the_parameters():
    frame = bars([100.0] * 10 + [105.0, 105.0, 106.05])
    found = of_a(frame)
    assert found[["dc_trend", "dc_age"]].tolist() == [1, 2]
    assert found["dc_overshoot"] == pytest.approx(0.01 / 0.04)
    calm = technical_features(frame, ["A"], WEEK, SignalParameters(dc_threshold=0.10))
    assert calm[["dc_trend", "dc_overshoot", "dc_age"]].isna().all(axis=None)


def chained(frame):
    """Total-return (high, low, close) of a name without gaps, 1 at the first close."""
    out, level = [], 1.0
    for i, row in enumerate(frame.itertuples()):
        if i:
            left = frame["close"][i - 1] - row.dividend * row.split_ratio  # a dividend is paid on each new share
            level *= row.close * row.split_ratio / left
        out.append((level * row.high / row.close, level * row.low / row.close, level))
    return out


def plain_wilder(prices):
    """(RSI, ATR / close) of every session, in the words of the book."""
    out, gain, loss, true = [(NAN, NAN)], 0.0, 0.0, 0.0
    for i in range(1, len(prices)):
        (high, low, close), before = prices[i], prices[i - 1][2]
        share = 1 / min(i, 14)
        gain += share * (max(close - before, 0) - gain)
        loss += share * (max(before - close, 0) - loss)
        true += share * (max(high - low, abs(high - before), abs(low - before)) - true)
        moved = gain + loss > 1e-9
        rsi = 100 * gain / (gain + loss) if moved else NAN
        out.append((rsi, true / close) if i >= 14 else (NAN, NAN))
    return out


def plain_ema(values, span):
    """Of a list that may begin with NaN; seeded by a plain mean."""
    out, known = [], []
    for value in values:
        known += [] if np.isnan(value) else [value]
        if len(known) < span:
            out.append(NAN)
        elif len(known) == span:
            out.append(sum(known) / span)
        else:
            out.append(2 / (span + 1) * value + (1 - 2 / (span + 1)) * out[-1])
    return out


def plainly(frame):
    """The features that are no directional change, written again as loops over one name, from the definitions."""
    prices = chained(frame)
    close = [price[2] for price in prices]
    wilder = plain_wilder(prices)
    line = [fast - slow for fast, slow in zip(plain_ema(close, 12), plain_ema(close, 26), strict=True)]
    signal = plain_ema(line, 9)
    returns = [NAN, *(log(one / before) for before, one in pairwise(close))]
    out = {
        "rsi_14": [rsi for rsi, _ in wilder],
        "atr_14": [atr for _, atr in wilder],
        "macd": [value / price for value, price in zip(line, close, strict=True)],
        "macd_signal": [value / price for value, price in zip(signal, close, strict=True)],
        "volatility_21": [stdev(returns[i - 20 : i + 1]) * sqrt(252) if i >= 21 else NAN for i in range(len(close))],
    }
    for name, back in MOMENTA.items():
        out[name] = [close[i] / close[i - back] - 1 if i >= back else NAN for i in range(len(close))]
    return out


@st.composite
def histories(draw, *, gaps=True):
    """Bars of one name: random walks, days when the price stood still, halts, splits and dividends."""
    count = draw(st.integers(2, 180))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    somewhere = st.integers(0, count - 1)
    moves = rng.normal(0, draw(st.sampled_from([0.002, 0.02, 0.08])), count)
    still, length = draw(somewhere), draw(st.integers(0, 40))
    moves[still : still + length] = 0
    splits = draw(st.dictionaries(somewhere, st.sampled_from([2.0, 3.0, 0.1, 7 / 3]), max_size=3))
    closes = 100 * np.exp(moves.cumsum()) / np.cumprod([splits.get(day, 1.0) for day in range(count)])
    dividends = {day: close * 0.01 for day, close in enumerate(closes) if day in draw(st.sets(somewhere, max_size=3))}
    halts = draw(st.sets(somewhere, max_size=4)) if gaps else set()
    wick = draw(st.sampled_from([0.0, 0.01]))
    closes = [None if day in halts and day != count - 1 else close for day, close in enumerate(closes)]
    return bars(closes, wick=wick, splits=splits, dividends=dividends)


@settings(deadline=None, max_examples=30)
@given(frame=histories(gaps=False))
def test_features_are_those_of_a_plain_loop(frame):
    found, expected = series(frame), plainly(frame)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-8, atol=1e-8, err_msg=name)


# --- what is not known is null


@pytest.mark.parametrize("name", LEAST)
def test_a_name_with_too_little_history_is_null_and_with_one_bar_more_is_not(name):
    closes = [100.0, 105.0, *wandering(len(DAYS) - 2)]
    enough = LEAST[name]
    found = series(bars(closes))[name]
    assert np.isnan(found[: enough - 1]).all()
    assert not np.isnan(found[enough - 1])


def test_a_late_listing_has_what_its_bars_can_say():
    late = bars([100.0, 105.0, *wandering(28)], "B")
    found = features(pd.concat([bars(wandering()), late], ignore_index=True), "A", "B")
    assert found.loc["A"].notna().all()
    known = {name for name in LEAST if LEAST[name] <= 30}
    assert {name for name in LEAST if not np.isnan(found.loc["B", name])} == known


@pytest.mark.parametrize("name", sorted(set(LEAST) - set(MOMENTA)))
def test_a_halt_begins_everything_anew_but_momentum(name):
    closes = list(wandering())
    halt = len(closes) - 80
    after = series(bars(closes[halt + 1 :]))[name]
    closes[halt] = None
    found = series(bars(closes))[name]
    assert np.isnan(found[halt])
    np.testing.assert_allclose(found[halt + 1 :], after, rtol=1e-9, atol=1e-12)


def test_momentum_across_a_halt_is_the_return_that_a_holder_had():
    closes = list(wandering())
    expected = closes[-1] / closes[-21] - 1
    closes[-10] = None
    assert of_a(bars(closes))["momentum_4w"] == pytest.approx(expected)


def test_momentum_without_a_bar_on_its_first_day_is_null_and_no_neighbouring_days():
    closes = list(wandering())
    closes[-21] = None
    found = of_a(bars(closes))
    assert np.isnan(found["momentum_4w"])
    assert not np.isnan(found["momentum_12w"])


def test_a_name_without_a_bar_on_the_last_session_is_stale_and_null():
    stale = bars([*wandering(len(DAYS) - 1), None])
    other = bars(wandering(), "B")
    found = features(pd.concat([stale, other], ignore_index=True), "A", "B")
    assert found.loc["A"].isna().all()
    assert found.loc["B"].notna().all()


def test_a_name_without_any_bar_is_null():
    found = features(bars(wandering()), "A", "NOBODY")
    assert found.loc["NOBODY"].isna().all()


def test_without_any_bars_all_is_null():
    found = features(bars(wandering()).iloc[:0], "A", "B")
    assert found.shape == (2, len(LEAST))
    assert found.isna().all(axis=None)


def test_a_price_that_never_moved_has_no_rsi_and_no_volatility():
    found = of_a(bars([100.0] * 60))
    assert np.isnan(found["rsi_14"]), "0/0 is not 50"
    assert found["volatility_21"] == found["momentum_4w"] == 0


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        (100.1, 100.1 / 3, {"splits": {50: 3}}),
        (50.05, 7.15, {"splits": {50: 7}}),
        (57.31, 57.18, {"dividends": {50: 0.13}}),
        (123.45, 121.25, {"dividends": {50: 2.2}}),
    ],
)
def test_the_rounding_of_a_split_or_a_dividend_is_no_movement(before, after, events):
    found = of_a(bars([before] * 50 + [after] * 10, **events))
    assert np.isnan(found["rsi_14"])
    assert found["volatility_21"] == 0


# --- nothing knows the future


def leaks(frame, known):
    """Features whose value on some session of the first `known` changes when the rest of the bars arrive."""
    first, cut = frame["date"].iloc[0], frame["date"].iloc[known - 1]
    whole, part = series(frame), series(frame[frame["date"] <= cut], last=cut)
    rows = len(sessions_between(first, cut))
    return {
        name
        for name, values in part.items()
        if not np.allclose(whole[name][:rows], values, rtol=1e-10, atol=1e-10, equal_nan=True)
    }


@settings(deadline=None, max_examples=40)
@given(frame=histories(), data=st.data())
def test_what_comes_later_never_changes_what_a_feature_was(frame, data):
    known = data.draw(st.integers(1, len(frame)))
    assert leaks(frame, known) == set()


def test_on_no_friday_of_half_a_year_does_a_feature_know_the_next_week():
    frame = bars(wandering(140), splits={70: 3}, dividends={90: 1.0, 120: 2.0})
    for known in range(1, len(frame), 5):
        assert leaks(frame, known) == set()


@pytest.mark.parametrize(
    ("feature", "peeking"),
    [
        ("momentum", lambda close, _sessions: np.roll(close, -1, axis=0) / close - 1),
        ("volatility", lambda close: (close - close.mean(axis=0)) / close.std(axis=0)),
        ("relative_strength", lambda close: pd.DataFrame(close).bfill().rank(pct=True).to_numpy()),
    ],
)
def test_a_feature_that_peeks_would_be_found(monkeypatch, feature, peeking):
    monkeypatch.setattr(technical, feature, peeking)
    assert leaks(bars(wandering(150)), 140) != set()


def test_the_same_week_reads_the_same_however_much_was_loaded():
    long = pd.concat([bars(wandering()), bars(wandering(seed=2), "B")], ignore_index=True)
    before = week_from_key("2025-10-06")
    window = History(long).of(before, 60)
    cut = long[[day <= before.last_session for day in long["date"]]].reset_index(drop=True)
    one, other = (technical_features(each, ["A", "B"], before, RULES) for each in (window, cut))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_a_bar_after_the_weeks_last_session_is_refused_even_of_a_name_that_was_not_asked_for():
    late = bars([100.0, 101.0], "Z").assign(date=[WEEK.last_session, WEEK.monday])
    frame = pd.concat([bars(wandering()), late], ignore_index=True)
    with pytest.raises(LookAheadError, match="Z 2025-12-29: a bar after the last session, 2025-12-26"):
        features(frame, "A")


def test_a_bar_on_a_sunday_is_refused():
    frame = bars([100.0, 101.0, 102.0])
    frame.loc[1, "date"] = date(2025, 12, 25)
    with pytest.raises(DataError, match="A 2025-12-25: a bar on a day that is no NYSE session"):
        features(frame)


@pytest.mark.parametrize("order", [[1, 0, 2], [0, 1, 1], [0, 2, 1]])
def test_bars_that_are_unsorted_or_doubled_are_refused(order):
    with pytest.raises(DataError, match="sorted by symbol and date, each day once"):
        features(bars([100.0, 101.0, 102.0]).iloc[order])


# --- a value depends on the name alone


def same(one, other, rtol=1e-9):
    pd.testing.assert_frame_equal(one, other, rtol=rtol, atol=1e-9)


@settings(deadline=None, max_examples=20)
@given(frame=histories(), scale=st.sampled_from([0.01, 1 / 3, 7.0, 1234.5]))
def test_the_price_level_does_not_matter(frame, scale):
    money = ["open", "high", "low", "close", "dividend"]
    same(features(frame), features(frame.assign(**{name: frame[name] * scale for name in money})))


@settings(deadline=None, max_examples=20)
@given(frame=histories(), ratio=st.sampled_from([2.0, 3.0, 0.1, 1.5]), data=st.data())
def test_a_split_changes_nothing(frame, ratio, data):
    day = data.draw(st.integers(1, len(frame) - 1)) if len(frame) > 1 else 0
    after = frame.index >= day
    money = ["open", "high", "low", "close", "dividend"]
    more = frame.assign(**{name: frame[name].where(~after, frame[name] / ratio) for name in money})
    more["split_ratio"] = frame["split_ratio"].where(frame.index != day, frame["split_ratio"] * ratio)
    same(features(frame), features(more))


def test_a_dividend_is_no_fall():
    closes = [100.0] * 100 + [97.0] * 40
    found = of_a(bars(closes, dividends={100: 3.0}))
    assert found["momentum_12w"] == found["volatility_21"] == found["dc_count"] == 0
    assert np.isnan(found["rsi_14"])


@pytest.mark.parametrize("count", [2, 3, 8, 33])
def test_a_value_is_the_same_to_the_last_bit_whoever_else_is_in_the_frame(count):
    frames = {f"N{n:02}": bars(wandering(200 + n, seed=n), f"N{n:02}") for n in range(count)}
    together = pd.concat(frames.values(), ignore_index=True)
    everyone = feature_series(price_history(together, [*frames], WEEK.last_session), RULES.dc_threshold)
    for column, (name, own) in enumerate(list(frames.items())[:8]):
        for feature, alone in series(own, symbol=name).items():
            np.testing.assert_array_equal(everyone[feature][-len(alone) :, column], alone, err_msg=feature)
        pd.testing.assert_frame_equal(features(together, name), features(own, name), check_exact=True)


# --- the frame


def test_the_frame_is_the_stored_one_without_its_week_sorted_by_name():
    frame = pd.concat([bars(wandering(), "A"), bars(wandering(20, seed=3), "B")], ignore_index=True)
    found = technical_features(frame, ["NOBODY", "B", "A", "B"], WEEK, RULES)
    assert found["symbol"].tolist() == ["A", "B", "NOBODY"]
    assert [*found.columns] == [name for name in TechnicalFeatures.to_schema().columns if name != "week"]
    TechnicalFeatures.validate(found.assign(week=WEEK.key))


def test_nobody_asked_for_is_an_empty_frame_with_its_columns():
    found = technical_features(bars(wandering()), [], WEEK, RULES)
    assert len(found) == 0
    TechnicalFeatures.validate(found.assign(week=WEEK.key))


def test_the_bars_themselves_are_left_as_they_were():
    frame = bars(wandering(), splits={200: 2}, dividends={210: 1})
    before = frame.copy(deep=True)
    features(frame)
    pd.testing.assert_frame_equal(frame, before)


# --- real prices


@pytest.fixture(scope="module")
def real_bars():
    """The last years of the real market, whose prices are split-adjusted; dividends are left in."""
    path = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "market" / "bars.parquet"
    if not path.is_file():
        pytest.skip("no real market beside the repository (../shared/data/market)")
    frame = pd.read_parquet(path, filters=[("date", ">=", date(2019, 1, 2)), ("date", "<=", date(2025, 12, 31))])
    return History(frame.assign(split_ratio=1.0, dividend=0.0))


@pytest.mark.parametrize("key", ["2020-03-23", "2023-05-29", "2024-01-15", "2025-12-29"])
def test_real_prices_have_plausible_features(real_bars, key):
    week = week_from_key(key)
    window = real_bars.of(week, 60)
    found = technical_features(window, window["symbol"].unique(), week, RULES)
    TechnicalFeatures.validate(found.assign(week=key))
    known = found.dropna()
    assert len(known) >= 99
    assert known["rsi_14"].between(5, 95).all()
    assert known["atr_14"].between(0.002, 0.5).all()
    assert known["volatility_21"].between(0.01, 4).all()
    assert known["momentum_26w"].between(-0.95, 10).all()
    assert (known["macd"].abs() < 1).all()
    assert known["dc_count"].between(0, 40).all()
    assert (known["dc_trend"] == 1).mean() not in {0.0, 1.0}
