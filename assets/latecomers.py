"""Bars and events that became known after their session's Monday, put under the Monday that could first know them.

A source that remembers when it learned of something (`docs/market-directory.md`, known_at) may learn of a name with
all its past, or of a split that was reported late. The week of such a row is that of its arrival: a Monday that was
decided without it stays as it was, and the next ones find it in their history.
"""

from datetime import timedelta

import numpy as np
import pandas as pd

from learnfinance_dagster.ports import Market
from learnfinance_dagster.values import Week

NOTHING = {"split_ratio": 1.0, "dividend": 0.0, "delisting": 0.0}
"""What stands in a bar before its event is known."""


def with_latecomers(bars: pd.DataFrame, source: Market, weeks: list[Week]) -> pd.DataFrame:
    """Move late bars to their weeks, add those of earlier sessions, and take out events that came later than their row.

    Args:
        bars: columns of `Market.bars` as known at the last week's decision, and `week` by session.
        source: where they are from.
        weeks: every week from the first to the last of `bars`.

    Returns:
        The same columns, sorted by symbol, date.
    """
    late = source.latecomers(weeks[-1].as_of)
    if late.empty:
        return bars
    keys = np.array([week.key for week in weeks], dtype=object)
    moments = pd.DatetimeIndex([week.as_of for week in weeks])
    slot = moments.searchsorted(pd.DatetimeIndex(late["known_at"]), side="left")
    is_bar, is_now = late["what"] == "bar", late["known_at"] > weeks[0].as_of - timedelta(days=7)
    late = late.assign(week=pd.array(keys[np.minimum(slot, len(keys) - 1)], dtype="str"))
    out = pd.concat([bars, _earlier(source, bars, late[is_bar & is_now], weeks)], ignore_index=True)
    place = pd.MultiIndex.from_frame(out[["symbol", "date"]])

    def told(what: str) -> "pd.Series[str]":
        """The week of arrival, beside each row of `out`."""
        return late[late["what"] == what].set_index(["symbol", "date"])["week"].reindex(place).set_axis(out.index)

    arrived = told("bar")
    out["week"] = out["week"].astype("str").mask(arrived > out["week"], arrived)
    for column, nothing in NOTHING.items():
        out[column] = out[column].mask(told(column) > out["week"], nothing)
    return out.sort_values(["symbol", "date"], kind="stable", ignore_index=True)


def _earlier(source: Market, bars: pd.DataFrame, arrived: pd.DataFrame, weeks: list[Week]) -> pd.DataFrame:
    """The late bars of sessions before those of `bars`."""
    first = bars["date"].min() if len(bars) else weeks[-1].last_session + timedelta(days=1)
    before = arrived[arrived["date"] < first]
    if before.empty:
        return bars.iloc[:0]
    found = source.bars(
        before["date"].min(), first - timedelta(days=1), weeks[-1].as_of, sorted(before["symbol"].unique())
    )
    return found.merge(before[["symbol", "date", "week"]], on=["symbol", "date"])[list(bars.columns)]
