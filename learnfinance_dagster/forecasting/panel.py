"""Bars of all names as one block of daily changes: what both forecasters look at."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from learnfinance_dagster.calendar import sessions_between
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.returns import log_changes
from learnfinance_dagster.schemas.market import PRICES

OHLCV = (*PRICES, "volume")
CLOSE = OHLCV.index("close")
"""Position of the channel that is forecast."""


@dataclass(frozen=True, slots=True)
class Panel:
    """N names by T consecutive sessions by C channels."""

    sessions: np.ndarray
    """(T,) datetime64[D]: every session of the exchange from first bar to last, whether or not anyone traded."""
    symbols: tuple[str, ...]
    """N names, in alphabetical order."""
    channels: tuple[str, ...]
    """C channels; the first five are `OHLCV`."""
    values: np.ndarray
    """(N, T, C) float32: log changes since the name's bar before; 0 on a session without one, so that the next change
    spans the gap. Further channels hold levels that were known at the decision whose week the session belongs to."""
    traded: np.ndarray
    """(N, T) bool: there is a bar, and one before it."""
    over: np.ndarray
    """(N, T) bool: the listing has ended and was paid out: the change is known to be 0 from here on."""

    def position(self, session: date) -> int:
        """Where a session stands on the T axis.

        Raises:
            DataError: the panel does not hold it.
        """
        found = int(np.searchsorted(self.sessions, np.datetime64(session, "D")))
        if found == len(self.sessions) or self.sessions[found] != np.datetime64(session, "D"):
            held = (
                f"they reach from {self.sessions[0]} to {self.sessions[-1]}" if len(self.sessions) else "there are none"
            )
            msg = f"no bars of the session {session}: {held}"
            raise DataError(msg)
        return found

    def until(self, session: date) -> "Panel":
        """The panel without anything later than `session`."""
        end = int(np.searchsorted(self.sessions, np.datetime64(session, "D"), side="right"))
        return replace(
            self,
            sessions=self.sessions[:end],
            values=self.values[:, :end],
            traded=self.traded[:, :end],
            over=self.over[:, :end],
        )


def panel_of(bars: pd.DataFrame, symbols: Sequence[str] | None = None) -> Panel:
    """Arrange bars.

    Args:
        bars: columns of `schemas.artifacts.DailyBars`, in any order. The caller cuts the window: no row may be later
            than what was known.
        symbols: names to keep; default: all that have bars. A name without bars is a row that never traded.

    Raises:
        DataError: there is no bar at all, one on a day that is no session, two of a name on a day, or one that is not
            made of positive numbers.
    """
    if bars.empty:
        raise DataError("no bars to learn from")
    day = _days(bars)
    sessions = np.array(sessions_between(day.min().item(), day.max().item()), dtype="datetime64[D]")
    _refuse(bars, ~np.isin(day, sessions), "a bar on a day that is no session")
    names = tuple(sorted(set(bars["symbol"].unique() if symbols is None else symbols)))
    name = pd.Index(names, dtype="str").get_indexer(pd.Index(bars["symbol"]))
    order = np.lexsort((day, name))
    order = order[name[order] >= 0]
    rows, name, slot = bars.iloc[order], name[order], np.searchsorted(sessions, day[order])
    again = (name[1:] == name[:-1]) & (slot[1:] == slot[:-1])
    _refuse(rows, np.r_[False, again][: len(rows)], "more than one bar")
    _check_numbers(rows)
    changes = log_changes(rows)
    known, ended = ~np.isnan(changes[:, CLOSE]), rows["delisting"].to_numpy(float) > 0
    values = np.zeros((len(names), len(sessions), len(OHLCV)), dtype=np.float32)
    traded, over = np.zeros(values.shape[:2], dtype=bool), np.zeros(values.shape[:2], dtype=bool)
    values[name[known], slot[known]] = changes[known]
    traded[name[known], slot[known]] = True
    over[name[ended], slot[ended]] = True
    return Panel(sessions, names, OHLCV, values, traded, np.logical_or.accumulate(over, axis=1))


def _days(bars: pd.DataFrame) -> np.ndarray:
    """(rows,) datetime64[D]. A moment is no session: which day it belongs to depends on where one stands."""
    kinds = set(map(type, bars["date"]))
    if kinds != {date}:
        msg = f"dates of bars must be datetime.date, and these are {', '.join(sorted(kind.__name__ for kind in kinds))}"
        raise DataError(msg)
    return pd.to_datetime(bars["date"]).to_numpy().astype("datetime64[D]")


def _check_numbers(bars: pd.DataFrame) -> None:
    positive = bars[[*PRICES, "split_ratio"]].to_numpy(float)
    counted = bars[["volume", "dividend", "delisting"]].to_numpy(float)
    fits = np.hstack([positive > 0, counted >= 0, positive < np.inf, counted < np.inf])
    _refuse(bars, ~np.all(fits, axis=1), "a bar that is not made of positive numbers")


def _refuse(bars: pd.DataFrame, wrong: np.ndarray, what: str) -> None:
    if wrong.any():
        row = bars.iloc[int(np.argmax(wrong))]
        msg = f"{row['symbol']} {row['date']}: {what}"
        raise DataError(msg)
