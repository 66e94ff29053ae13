"""Technical features: what prices alone say, and only prices up to the week's last session.

Each feature is a function from series to series (sessions x names), and a week reads the last row: a value at a
session depends on that session and the ones before it, so later bars cannot change it.

What they have in common:
- Prices are total-return prices, chained forward from 1 at a name's first bar of the window. No feature depends on the
  level, so neither a split nor the currency's unit matters.
- Rows are exchange sessions, not a name's own bars. A session without a bar is unknown, and all but momentum begin
  anew after it, as they do at a late listing; momentum needs the two bars it compares, and no other.
- A name without a bar on the week's last session has no features: its prices are stale.
- The recursive ones (RSI, MACD, ATR) are seeded by a plain mean, as Wilder did, and forget the seed by a factor of
  13/14, 25/27 or less a session: in the 60 weeks of a decision, to about 1e-9.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from learnfinance_dagster.calendar import sessions_between
from learnfinance_dagster.errors import DataError, LookAheadError
from learnfinance_dagster.parameters import SignalParameters
from learnfinance_dagster.returns import adjusted
from learnfinance_dagster.signals.directional_change import directional_changes
from learnfinance_dagster.values import Week

SESSIONS_A_YEAR = 252
_DIGITS = 12
"""Of a daily return. Later splits and dividends move the last digits of adjusted prices; a tick is a million times
larger, and a price that stood still must be seen to have stood still."""


@dataclass(frozen=True, slots=True)
class PriceHistory:
    """Total-return prices, sessions x names, 1 at a name's first bar; NaN: no bar."""

    high: np.ndarray
    low: np.ndarray
    close: np.ndarray


def technical_features(
    bars: pd.DataFrame, symbols: Iterable[str], week: Week, parameters: SignalParameters
) -> pd.DataFrame:
    """The features of a week's decision.

    Args:
        bars: raw bars as `returns.History.of` cuts them: date, symbol, open, high, low, close, volume, split_ratio,
            dividend; sorted by symbol, date.
        symbols: names that are asked for; one without bars has a row of nulls.
        week: the decision's week.
        parameters: the threshold of directional changes.

    Returns:
        The columns of `schemas.signals.TechnicalFeatures` but `week`; one row per asked name, sorted.

    Raises:
        LookAheadError: a bar is later than the week's last session.
        DataError: bars are not sorted, doubled, or on no session.
    """
    names = sorted(set(symbols))
    table = feature_series(price_history(bars, names, week.last_session), parameters.dc_threshold)
    return pd.DataFrame({"symbol": pd.Series(names, dtype="str"), **{name: rows[-1] for name, rows in table.items()}})


def feature_series(prices: PriceHistory, dc_threshold: float) -> dict[str, np.ndarray]:
    """Every feature after every session; a feature's name → sessions x names, NaN: not known."""
    line, signal = macd(prices.close)
    changes = directional_changes(prices.close, dc_threshold)
    return {
        "rsi_14": relative_strength(prices.close),
        "macd": line,
        "macd_signal": signal,
        "atr_14": average_true_range(prices),
        "volatility_21": volatility(prices.close),
        "momentum_4w": momentum(prices.close, 20),
        "momentum_12w": momentum(prices.close, 60),
        "momentum_26w": momentum(prices.close, 130),
        "dc_trend": changes.trend,
        "dc_overshoot": changes.overshoot,
        "dc_age": changes.age,
        "dc_count": changes.count,
    }


def price_history(bars: pd.DataFrame, names: list[str], last_session: date) -> PriceHistory:
    """Raw bars as matrices whose last row is `last_session`; arguments and errors as of `technical_features`."""
    days = pd.to_datetime(bars["date"]).to_numpy().astype("datetime64[D]")
    _refuse(bars, days > np.datetime64(last_session), f"a bar after the last session, {last_session}", LookAheadError)
    columns = pd.Index(names, dtype="str").get_indexer(pd.Index(bars["symbol"]))
    asked = columns >= 0
    bars, days, columns = bars[asked], days[asked], columns[asked]
    first = days.min().item() if len(days) else last_session
    sessions = np.array(sessions_between(first, last_session), dtype="datetime64[D]")
    _refuse(bars, ~np.isin(days, sessions), "a bar on a day that is no NYSE session")
    cells = np.searchsorted(sessions, days), columns
    growth = np.ones((len(sessions), len(names)))
    growth[cells] = _growth(bars, days, columns)
    level = np.cumprod(growth, axis=0)[cells]
    high, low, close = (np.full(growth.shape, np.nan) for _ in range(3))
    high[cells] = level * (bars["high"] / bars["close"]).to_numpy(float)
    low[cells] = level * (bars["low"] / bars["close"]).to_numpy(float)
    close[cells] = level
    return PriceHistory(high, low, close)


def _growth(bars: pd.DataFrame, days: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Total return of each bar since the bar before it, plus one; 1 at a name's first bar."""
    same = np.diff(columns, prepend=-1) == 0
    backward = (np.diff(columns, prepend=-1) < 0) | (same & (np.diff(days, prepend=days[:1]).astype(int) <= 0))
    _refuse(bars, backward, "bars must be sorted by symbol and date, each day once")
    total = adjusted(bars)["total_close"].to_numpy(float)
    return np.where(same, np.round(total / np.roll(total, 1), _DIGITS), 1.0)


def _refuse(bars: pd.DataFrame, wrong: np.ndarray, reason: str, error: type[DataError] = DataError) -> None:
    """Raise `error` with the first wrong bar, if there is one."""
    if wrong.any():
        row = bars.iloc[int(np.argmax(wrong))]
        msg = f"{row['symbol']} {row['date']}: {reason}"
        raise error(msg)


def relative_strength(close: np.ndarray, span: int = 14) -> np.ndarray:
    """Wilder's RSI, 0..100: 100 · U / (U + D), his smoothed means of daily rises and falls. From 15 bars on.

    Null while a price has not moved at all: 0/0 is no 50. Source: Wilder, "New Concepts in Technical Trading
    Systems" (1978), section 6.
    """
    change = close - _earlier(close, 1)
    rises = _smoothed(np.maximum(change, 0), span, 1 / span)
    falls = _smoothed(np.maximum(-change, 0), span, 1 / span)
    both = rises + falls
    return 100 * np.divide(rises, both, out=np.full(close.shape, np.nan), where=both > 0)


def macd(close: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Appel's MACD and its signal line, both as a share of the close: from 26 and from 34 bars on.

    EMA12 - EMA26, and the EMA9 of that difference. An EMA of span n weighs the newest value 2/(n+1) and is seeded by
    the mean of its first n values, each at its own start. Source: Appel, "The Moving Average Convergence-Divergence
    Trading Method" (1985).
    """
    line = _smoothed(close, 12, 2 / 13) - _smoothed(close, 26, 2 / 27)
    return line / close, _smoothed(line, 9, 2 / 10) / close


def average_true_range(prices: PriceHistory, span: int = 14) -> np.ndarray:
    """Wilder's average true range as a share of the close. From 15 bars on.

    The true range is the larger of the day's high and the close before, minus the smaller of the day's low and that
    close; the mean of the first 14 seeds it. The first bar has no close before it, and so no true range. Source:
    Wilder (1978), section 3.
    """
    before = _earlier(prices.close, 1)
    true_range = np.maximum(prices.high, before) - np.minimum(prices.low, before)
    return _smoothed(true_range, span, 1 / span) / prices.close


def volatility(close: np.ndarray, span: int = 21) -> np.ndarray:
    """Standard deviation (n-1) of the last 21 daily log returns, times sqrt(252). From 22 bars on."""
    returns = np.log(close / _earlier(close, 1))
    mean = _mean_of_last(returns, span)
    squares = sum((_earlier(returns, back) - mean) ** 2 for back in range(span))
    return np.sqrt(squares / (span - 1) * SESSIONS_A_YEAR)


def momentum(close: np.ndarray, sessions: int) -> np.ndarray:
    """Total return since the close of `sessions` sessions ago; null without a bar on that very session.

    From 21, 61 and 131 bars on.
    """
    return close / _earlier(close, sessions) - 1


def _earlier(values: np.ndarray, sessions: int) -> np.ndarray:
    """The values of so many sessions before; NaN where the window does not reach."""
    out = np.full(values.shape, np.nan)
    out[sessions:] = values[: max(0, len(values) - sessions)]
    return out


def _mean_of_last(values: np.ndarray, span: int) -> np.ndarray:
    """Mean of the last `span` values; NaN where one is missing.

    Added row by row: numpy's own sum adds in an order that depends on the number of names.
    """
    total = values
    for back in range(1, span):
        total = total + _earlier(values, back)
    return total / span


def _smoothed(values: np.ndarray, span: int, weight: float) -> np.ndarray:
    """Add weight · (value - state) to a state that begins as the mean of the first `span` values without a gap."""
    mean = _mean_of_last(values, span)
    begins = ~np.isnan(mean) & np.isnan(_earlier(mean, 1))
    out = np.full(values.shape, np.nan)
    state = np.full(values.shape[1], np.nan)
    for row, value in enumerate(values):
        state = np.where(begins[row], mean[row], state + weight * (value - state))
        out[row] = state
    return out
