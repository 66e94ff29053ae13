"""A vendor's table of one name made into bars as they were traded, with splits and dividends as they were paid.

Yahoo's prices, volumes and dividends are always divided by every later split, also where it is asked for unadjusted
ones. The splits are in the same answer, so each row is taken back to its own day; a later split then changes nothing
of what was stored before it.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from learnfinance_dagster.calendar import NEW_YORK, sessions_between
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.schemas.market import PRICES

PLACES = 4
"""Decimals of a price that was traded; beyond them stands what the division left."""
WIDEST = 0.005
"""Share of the price by which a vendor's high or low may miss the open or close and still be mended."""
CLEAR_SPLIT = 1.4
"""Smaller splits move a price no more than a bad day does, so whether prices contain them cannot be seen."""

Action = tuple[str, date, str, float]


@dataclass(frozen=True, slots=True)
class OneName:
    """Bars and actions of one name."""

    bars: pd.DataFrame
    actions: list[Action]
    odd: list[str]


def as_traded(symbol: str, table: pd.DataFrame, through: date) -> OneName:
    """Bars of a table in Yahoo's terms: Open, High, Low, Close, Volume, Dividends, Stock Splits.

    Args:
        symbol: what the house calls the name.
        table: indexed by day; a moment with a time zone is taken to its day in New York. It reaches to the vendor's
            today, so that it holds every split that its prices are divided by.
        through: rows of later sessions may be unfinished, and are left out.

    Raises:
        DataError: days of several kinds, a day twice, or prices that do not contain the splits of the table.
    """
    table = table.set_axis(pd.Index(_days(symbol, table.index), dtype="object"))
    if table.index.has_duplicates:
        twice = table.index[table.index.duplicated()][0]
        msg = f"{symbol} {twice}: two rows for the same day"
        raise DataError(msg)
    table = table.sort_index()
    ratio = table["Stock Splits"].to_numpy(dtype=float)
    ratio = np.where(np.isfinite(ratio) & (ratio > 0), ratio, 1.0)
    _check_divided(symbol, table, ratio)
    later = np.cumprod(ratio[::-1])[::-1] / ratio
    bars = pd.DataFrame({name: table[name.capitalize()].to_numpy(dtype=float) * later for name in PRICES})
    bars["volume"] = np.nan_to_num(table["Volume"].to_numpy(dtype=float)) / later
    bars["dividend"], bars["split"] = np.nan_to_num(table["Dividends"].to_numpy(dtype=float)) * later, ratio
    bars.insert(0, "date", table.index.to_numpy(dtype=object))
    return mended(symbol, bars, through)


def mended(symbol: str, bars: pd.DataFrame, through: date) -> OneName:
    """Bars of one name that may be stored: sessions only, whole rows only, low ≤ open, close ≤ high.

    Args:
        symbol: what the house calls the name.
        bars: date, open, high, low, close, volume, as traded, sorted; dividend (USD) and split (1 = none) of the day.
        through: the last session that is wanted.

    Returns:
        The bars; their actions, where that of a row that is left out stands at the next bar; and what was odd.
    """
    odd = []
    bars = bars[bars["date"] <= through].reset_index(drop=True)
    sessions = set(sessions_between(bars["date"].min(), bars["date"].max())) if len(bars) else set()
    prices = bars[list(PRICES)].to_numpy(dtype=float)
    is_session = bars["date"].isin(sessions).to_numpy(dtype=bool)
    is_whole = (np.isfinite(prices) & (prices > 0)).all(axis=1)
    floor, ceiling = prices[:, [0, 3]].min(axis=1), prices[:, [0, 3]].max(axis=1)
    with np.errstate(invalid="ignore"):
        miss = np.maximum(prices[:, 2] - floor, ceiling - prices[:, 1]) / ceiling
    for bad, why in (
        (~is_session, "no session of the New York Stock Exchange"),
        (is_session & ~is_whole, "a row without all four prices"),
        (is_session & is_whole & (miss > WIDEST), "open or close far outside of low and high"),
    ):
        odd += [f"{symbol} {day}: {why}" for day in bars["date"][bad]]
    kept = is_session & is_whole & ~(miss > WIDEST)
    if (kept & (miss > 0)).any():
        odd.append(f"{symbol}: high or low widened to open and close on {int((kept & (miss > 0)).sum())} days")
    actions = _actions(symbol, bars, kept)
    out = bars[kept].reset_index(drop=True)
    out["low"], out["high"] = out[list(PRICES)].min(axis=1), out[list(PRICES)].max(axis=1)
    for name in PRICES:
        out[name] = out[name].round(PLACES)
    out["volume"] = out["volume"].round().astype("int64")
    kept_prices = (out[list(PRICES)] > 0).all(axis=1)  # a ten-thousandth of a cent is no price any more
    out = out[kept_prices].drop(columns=["dividend", "split"])
    return OneName(out.assign(symbol=pd.array([symbol] * len(out), dtype="str")), actions, odd)


def _days(symbol: str, index: pd.Index) -> list[date]:
    """New York days of moments with a time zone; days of those without."""
    if isinstance(index, pd.DatetimeIndex):
        index = index.tz_convert(NEW_YORK) if index.tz is not None else index
        return list(index.date)
    kinds = {getattr(each, "tzinfo", None) is not None for each in index}
    if not all(isinstance(each, pd.Timestamp) for each in index) or len(kinds) > 1:
        msg = f"{symbol}: days with and without a time zone, or of several zones, in one answer"
        raise DataError(msg)
    return [(each.tz_convert(NEW_YORK) if each.tzinfo else each).date() for each in index]


def _check_divided(symbol: str, table: pd.DataFrame, ratio: np.ndarray) -> None:
    """A split that the older prices are not divided by would be undone twice.

    Raises:
        DataError: at a split the price jumps as if it were not contained.
    """
    close = table["Close"].to_numpy(dtype=float)
    for row in np.flatnonzero(np.abs(np.log(ratio)) > np.log(CLEAR_SPLIT)).tolist():
        jump = np.log(close[row] / close[row - 1]) if row else 0.0
        if np.isfinite(jump) and abs(jump + np.log(ratio[row])) < abs(jump):
            msg = (
                f"{symbol} {table.index[row]}: a split of {ratio[row]:g}, and the prices before it are not divided by"
                " it yet"
            )
            raise DataError(msg)


def _actions(symbol: str, bars: pd.DataFrame, kept: np.ndarray) -> list[Action]:
    """Splits and dividends, each on a bar that is kept; where its own is not, on the next one."""
    days = bars["date"].to_numpy(dtype=object)
    held = np.flatnonzero(kept)
    found: dict[tuple[date, str], float] = {}
    for row in np.flatnonzero((bars["split"] != 1) | (bars["dividend"] > 0)):
        at = np.searchsorted(held, row)
        if at == len(held):
            continue
        day, split, dividend = days[held[at]], float(bars["split"].iloc[row]), float(bars["dividend"].iloc[row])
        if split != 1:
            found[day, "split"] = found.get((day, "split"), 1.0) * split
        if dividend > 0:
            dividend /= float(
                np.prod(bars["split"].to_numpy(dtype=float)[row + 1 : held[at] + 1])
            )  # paid on a share before these splits
            found[day, "dividend"] = found.get((day, "dividend"), 0.0) + dividend
    return [(symbol, day, kind, round(value, 6)) for (day, kind), value in found.items()]
