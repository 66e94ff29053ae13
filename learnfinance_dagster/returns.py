"""The one return definition: bars adjusted for splits and dividends *as known at the last session of the window*.

Adjusting with events up to the end of some file would let every price level know later splits; adjusting with
events inside the window does not, and returns are the same.
"""

from collections.abc import Iterable
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

        The same rows as the stored bars of those weeks' partitions, however many more were loaded: what a later
        Monday was the first to know (`week`) is left out, also where its session lies in the window.
        """
        start = week.monday - timedelta(weeks=weeks)
        before = week_of(start).last_session if start > FIRST_DAY + timedelta(weeks=1) else FIRST_DAY
        bounds = [np.datetime64(before, "D"), np.datetime64(week.last_session, "D")]
        first, past = np.searchsorted(self._days, bounds, side="right")
        rows = self._bars.iloc[first:past]
        if "week" in rows:
            rows = rows[rows["week"] <= week.key]
        return rows.sort_values("symbol", kind="stable", ignore_index=True)


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


def holding_returns(bars: pd.DataFrame, weeks: Iterable[Week]) -> pd.DataFrame:
    """What a share gained from the open of each week's first session to the open of the next week's.

    The account of `trading.simulation`, for one share that is held at the first open. Splits, dividends and delistings
    of the sessions after it are paid before those sessions' opens, the last one's included. Money that was paid stays
    cash until then. A name that does not trade in a session is worth its newest close before it, at the first open as
    at the last: so a holder's weeks follow on each other without a hole, whenever a halt begins and ends. Whether an
    order for it would have been filled is not asked, but whether there could have been one is told.

    Args:
        bars: columns date, symbol, open, close, split_ratio, dividend, delisting; in any order. Of a week's last
            session (`next_session`) only the open and the events are read, and nothing later.
        weeks: those without a session are left out.

    Returns:
        Every week with every name of the bars, sorted:

        - week, symbol
        - holding_return: NaN where no price at the first open is known, or the name is delisted in that session. NaN
          for all names while no bar at all is known of the last session: the week is not over.
        - close_return: the same until the close of the session before the last one, which the next decision knows.
        - tradable: the name has a bar in the first session, and is not delisted in it. Otherwise nobody can buy or
          sell it there.

    Raises:
        DataError: two bars of a name on a day.
    """
    held = sorted({week for week in weeks if week.sessions}, key=lambda week: week.monday)
    days = np.unique(np.array([day for week in held for day in (*week.sessions, week.next_session)], "datetime64[D]"))
    names = np.sort(bars["symbol"].unique())
    table = _by_day(bars, days, names)
    first = np.searchsorted(days, np.array([week.sessions[0] for week in held], "datetime64[D]"))
    last = first + np.array([len(week.sessions) for week in held], dtype=np.int64)  # no other session lies between
    gone = table["delisting"][first] > 0
    tradable = ~np.isnan(table["open"][first]) & ~gone
    start = np.where(tradable | gone, table["open"][first], _newest_close(bars, days[first], names, ~tradable & ~gone))
    paid, shares = np.zeros((len(held), len(names))), np.ones((len(held), len(names)))
    price, closed = np.where(tradable, table["close"][first], start), np.full_like(start, np.nan)
    for step in range(1, int((last - first).max(initial=0)) + 1):
        at, going = np.minimum(first + step, last), (first + step <= last)[:, None]
        closed = np.where((first + step == last)[:, None], paid + shares * price, closed)
        shares = np.where(going, shares * table["split_ratio"][at], shares)
        paid += np.where(going, shares * (table["dividend"][at] + table["delisting"][at]), 0)
        shares = np.where(going & (table["delisting"][at] > 0), 0, shares)
        newest = np.where((at == last)[:, None], table["open"][at], table["close"][at])
        price = np.where(going & ~np.isnan(newest), newest, price)
    gained, by_close = (paid + shares * price) / start - 1, closed / start - 1
    gained[gone], by_close[gone] = np.nan, np.nan
    gained[np.isnan(table["open"][last]).all(axis=1)] = np.nan
    return pd.DataFrame(
        {
            "week": pd.array(np.repeat([week.key for week in held], len(names)), dtype="str"),
            "symbol": pd.array(np.tile(names, len(held)), dtype="str"),
            "holding_return": gained.ravel(),
            "close_return": by_close.ravel(),
            "tradable": tradable.ravel(),
        }
    )


def _newest_close(bars: pd.DataFrame, days: np.ndarray, names: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(days, names): the newest close before each day, where it is wanted; NaN where there is none.

    After a delisting there is nothing left that could be worth anything.
    """
    out = np.full(wanted.shape, np.nan)
    asked = np.flatnonzero(wanted.any(axis=0)).tolist()
    by_name = bars[bars["symbol"].isin([names[column] for column in asked])].groupby("symbol")
    for column in asked:
        own: pd.DataFrame = by_name.get_group(names[column])
        on = pd.to_datetime(own["date"]).to_numpy("datetime64[D]")
        order = np.argsort(on, kind="stable")
        newest = np.searchsorted(on[order], days) - 1
        worth = np.where(own["delisting"].to_numpy(float) > 0, np.nan, own["close"].to_numpy(float))[order]
        found = np.where(newest >= 0, worth[newest], np.nan)
        out[:, column] = np.where(wanted[:, column], found, np.nan)
    return out


_WITHOUT_BAR = {"open": np.nan, "close": np.nan, "split_ratio": 1.0, "dividend": 0.0, "delisting": 0.0}


def _by_day(bars: pd.DataFrame, days: np.ndarray, names: np.ndarray) -> dict[str, np.ndarray]:
    """Column → (days, names); other days are left out.

    Raises:
        DataError: two bars of a name on a day.
    """
    day = pd.to_datetime(bars["date"]).to_numpy("datetime64[D]")
    kept = np.flatnonzero(np.isin(day, days))
    row, column = np.searchsorted(days, day[kept]), pd.Index(names).get_indexer(pd.Index(bars["symbol"]))[kept]
    place = row * len(names) + column
    twice = np.bincount(place, minlength=1) > 1
    if twice.any():
        slot, name = divmod(int(np.argmax(twice)), len(names))
        msg = f"{names[name]} {days[slot]}: more than one bar"
        raise DataError(msg)
    out = {title: np.full((len(days), len(names)), empty) for title, empty in _WITHOUT_BAR.items()}
    for title, values in out.items():
        values[row, column] = bars[title].to_numpy(float)[kept]
    return out
