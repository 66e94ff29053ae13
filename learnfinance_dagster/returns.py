"""The one return definition: bars adjusted for splits and dividends *as known at the last session of the window*.

Adjusting with events up to the end of some file would let every price level know later splits; adjusting with
events inside the window does not, and returns are the same.
"""

from datetime import timedelta

import numpy as np
import pandas as pd

from learnfinance_dagster.calendar import FIRST_DAY, week_of
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.schemas.market import PRICES
from learnfinance_dagster.values import Week


class History:
    """Bars of many weeks, from which the window that a decision may see is cut without searching all of them."""

    def __init__(self, bars: pd.DataFrame) -> None:
        """Sort `bars` by date once."""
        days = pd.to_datetime(bars["date"]).to_numpy()
        order = np.argsort(days, kind="stable")
        self._bars, self._days = bars.iloc[order], days[order]

    def of(self, week: Week, weeks: int) -> pd.DataFrame:
        """Sessions that closed in the `weeks` weeks up to the week's decision, sorted by symbol and date.

        The same rows as the stored bars of those weeks' partitions, however many more were loaded.
        """
        start = week.monday - timedelta(weeks=weeks)
        before = week_of(start).last_session if start > FIRST_DAY + timedelta(weeks=1) else FIRST_DAY
        bounds = [np.datetime64(before, "D"), np.datetime64(week.last_session, "D")]
        first, past = np.searchsorted(self._days, bounds, side="right")
        return self._bars.iloc[first:past].sort_values("symbol", kind="stable", ignore_index=True)


def adjusted(bars: pd.DataFrame) -> pd.DataFrame:
    """Put a window of bars on the share basis of its last session.

    Args:
        bars: columns date, symbol, open, high, low, close, volume, split_ratio, dividend; sorted by symbol, date.
            The caller cuts the window: no row may be later than what was known.

    Returns:
        The same rows: prices divided and volume multiplied by the splits that follow, plus `total_close`, which
        also removes dividends: it falls on an ex-date only by what the market did. The factor of a dividend D on
        shares that closed at C the day before is 1 - D/C (the CRSP method).

    Raises:
        DataError: a dividend is as large as the price it was paid on.
    """
    same = _same_as_previous(bars)
    split = bars["split_ratio"].to_numpy(float)
    payout = _payout(bars, same)
    split_after = _product_after(np.where(same, split, 1.0), same)
    payout_after = _product_after(payout, same)
    out = bars.drop(columns=["split_ratio", "dividend"])
    for column in PRICES:
        out[column] = bars[column].to_numpy(float) / split_after
    out["volume"] = bars["volume"].to_numpy(float) * split_after
    out["total_close"] = out["close"] * payout_after
    return out


def log_changes(bars: pd.DataFrame) -> np.ndarray:
    """Log changes of each bar against the bar of the same name before it, whatever lies between them.

    Made of two bars and nothing else, so a change never depends, not in its last digit, on how much history was loaded.

    Args:
        bars: as for `adjusted`.

    Returns:
        float64 (rows, 5): open, high, low, close, volume; NaN in a name's first row. Prices are total return: splits
        and dividends of the day are taken out. Volume is counted in the shares of the later bar. Where nothing was
        traded in one of the two bars there is no ratio of volumes, and the change is 0.

    Raises:
        DataError: as `adjusted`.
    """
    if bars.empty:
        return np.empty((0, len(PRICES) + 1))
    same = _same_as_previous(bars)
    split = np.log(bars["split_ratio"].to_numpy(float))
    volume = bars["volume"].to_numpy(float)
    idle = volume == 0
    levels = np.log(np.column_stack([*(bars[name].to_numpy(float) for name in PRICES), np.where(idle, 1, volume)]))
    out = np.full(levels.shape, np.nan)
    out[1:] = np.diff(levels, axis=0)
    out[:, :-1] += (split - np.log(_payout(bars, same)))[:, None]
    out[:, -1] = np.where(idle | np.r_[True, idle[:-1]], 0, out[:, -1] - split)
    out[~same] = np.nan
    return out


def _same_as_previous(bars: pd.DataFrame) -> np.ndarray:
    symbols = bars["symbol"].to_numpy()
    return np.r_[False, symbols[1:] == symbols[:-1]]


def _payout(bars: pd.DataFrame, same: np.ndarray) -> np.ndarray:
    """Per row, the factor that takes the day's dividend out of the price before it; 1 in a name's first row."""
    close, split = bars["close"].to_numpy(float), bars["split_ratio"].to_numpy(float)
    previous = np.where(same, np.r_[np.nan, close[:-1]], np.nan)
    payout = np.where(same, 1 - bars["dividend"].to_numpy(float) * split / previous, 1.0)
    if (payout <= 0).any():
        row = bars.iloc[int(np.argmax(payout <= 0))]
        msg = f"{row['symbol']} {row['date']}: a dividend of {row['dividend']:g} USD is all of the price before it"
        raise DataError(msg)
    return payout


def _product_after(factors: np.ndarray, same_as_previous: np.ndarray) -> np.ndarray:
    """Per row, the product of `factors` of the later rows of the same symbol."""
    starts = np.flatnonzero(~same_as_previous)
    out = np.ones_like(factors)
    for first, end in zip(starts, np.r_[starts[1:], len(factors)], strict=True):
        tail = np.cumprod(factors[first:end][::-1])[::-1]
        out[first : end - 1] = tail[1:]
    return out


def total_returns(bars: pd.DataFrame, count: int) -> pd.DataFrame:
    """Simple daily total returns of the last `count` sessions, dates by symbols.

    Joined on dates, never on position: a day without a bar (halt, late listing) is NaN for that name, and so is
    the day after it.
    """
    prices = adjusted(bars).pivot_table(index="date", columns="symbol", values="total_close", aggfunc="last")
    return prices.sort_index().pct_change(fill_method=None).iloc[1:].tail(count)
