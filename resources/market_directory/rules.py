"""What no schema can say: rules between columns, between rows, and between files."""

from datetime import date

import numpy as np
import pandas as pd

from learnfinance_dagster.calendar import FIRST_DAY, sessions_between
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.ports import PriceBasis
from resources.market_directory.events import NOISE, adjustment_steps
from resources.market_directory.sheet import Sheet

_ROUNDING = 1e-6
"""Relative: providers round the four prices separately."""


def check_prices(bars: Sheet) -> None:
    """Check that open and close lie between low and high.

    Raises:
        DataError: a low above, or a high below, the open or close of its row.
    """
    low, high = bars.numbers("low"), bars.numbers("high")
    for name in ("open", "close"):
        price = bars.numbers(name)
        bars.refuse_where(
            low > price * (1 + _ROUNDING), "low", lambda r, n=name, p=price: f"low {low[r]:g} is above {n} {p[r]:g}"
        )
    for name in ("open", "close"):
        price = bars.numbers(name)
        bars.refuse_where(
            high < price * (1 - _ROUNDING), "high", lambda r, n=name, p=price: f"high {high[r]:g} is below {n} {p[r]:g}"
        )


def check_sessions(sheet: Sheet, column: str) -> None:
    """Check that every date is a session of the New York Stock Exchange.

    Raises:
        DataError: a weekend, a holiday, or a date that the exchange calendar does not reach.
    """
    days = sheet.days(column)
    if not len(days):
        return
    first, last = days.min(), days.max()
    try:
        sessions = sessions_between(first.astype(date), last.astype(date))
    except DataError as error:
        far = first if first < np.datetime64(FIRST_DAY) else last
        sheet.refuse(column, int((days == far).argmax()), str(error))
    bad = ~np.isin(days, np.array(sessions, dtype="datetime64[D]"))
    sheet.refuse_where(bad, column, lambda row: f"{days[row]} is no session of the New York Stock Exchange")


def check_adjustment(bars: Sheet) -> None:
    """Check that `adj_close` / `close` never falls: a fall would be a negative dividend.

    Raises:
        DataError: it falls by more than the noise of rounding.
    """
    steps = adjustment_steps(bars.ranks("symbol"), bars.numbers("close"), bars.numbers("adj_close"))
    bars.refuse_where(
        steps < -NOISE,
        "adj_close",
        lambda row: (
            f"adj_close/close fell by {-steps[row]:.2g} since the row before, which would be a negative "
            "dividend; store adj_close unrounded"
        ),
    )


def check_actions(actions: Sheet, bars: Sheet, basis: PriceBasis) -> None:
    """Check that each action meets a bar, and that nothing is counted twice.

    Raises:
        DataError: an action of a symbol without bars, on no session, of a kind that the prices already contain,
            a split or dividend on a day without a bar, bars after a delisting, or two delistings.
    """
    symbol, kind = actions.texts("symbol"), actions.texts("kind").to_numpy(dtype=object)
    names = pd.Index(bars.texts("symbol").unique())
    actions.refuse_where(~symbol.isin(names).to_numpy(), "symbol", lambda row: f"{symbol[row]} has no bars")
    check_sessions(actions, "ex_date")
    if basis is PriceBasis.SPLIT_ADJUSTED:
        actions.refuse_where(kind == "split", "kind", lambda _: "the prices are split-adjusted; leave splits out")
        if "adj_close" in bars.table.column_names:
            actions.refuse_where(
                kind == "dividend", "kind", lambda _: "bars.parquet has adj_close, which holds the dividends already"
            )
    held = pd.MultiIndex.from_arrays([bars.texts("symbol"), bars.days("date")])
    ex_date = actions.days("ex_date")
    met = pd.MultiIndex.from_arrays([symbol, ex_date]).isin(held)
    actions.refuse_where(
        (kind != "delisting") & ~met, "ex_date", lambda row: f"{symbol[row]} has no bar on {ex_date[row]}"
    )
    _check_delistings(actions, bars)


def _check_delistings(actions: Sheet, bars: Sheet) -> None:
    symbol, ex_date = actions.texts("symbol"), actions.days("ex_date")
    delisted = actions.texts("kind").to_numpy(dtype=object) == "delisting"
    last_bar = pd.Series(bars.days("date")).groupby(bars.texts("symbol").to_numpy(dtype=object)).max()
    last = symbol.map(last_bar).to_numpy().astype("datetime64[D]")
    actions.refuse_where(
        delisted & (last > ex_date),
        "ex_date",
        lambda row: f"{symbol[row]} has bars until {last[row]}; a ticker that was used again needs another symbol",
    )
    again = pd.Series(symbol.where(pd.Series(delisted))).duplicated().to_numpy() & delisted
    actions.refuse_where(again, "symbol", lambda row: f"{symbol[row]} is delisted twice")


def check_interval(sheet: Sheet, start: str, end: str) -> None:
    """Check that `end` comes after `start` in each row; a null `end` is open.

    Raises:
        DataError: a row ends before or when it starts.
    """
    first, last = sheet.days(start), sheet.days(end)
    sheet.refuse_where(last <= first, end, lambda row: f"{last[row]} is not after {start} {first[row]}")


def check_spans(spans: Sheet) -> None:
    """Check that the spans of `news_coverage.parquet` end no earlier than they start, and that those of a symbol part.

    `*` and a symbol's own spans may overlap: a day is complete when either says so.

    Raises:
        DataError: a span that ends before it starts, or one that starts inside another of its symbol.
    """
    first, last = spans.days("first_day"), spans.days("last_day")
    spans.refuse_where(last < first, "last_day", lambda row: f"{last[row]} is before first_day {first[row]}")
    symbol = spans.ranks("symbol")
    order = np.lexsort((first, symbol))
    before, after = order[:-1], order[1:]
    bad = np.zeros(len(order), dtype=bool)
    bad[after] = (symbol[before] == symbol[after]) & (first[after] <= last[before])
    other = np.zeros(len(order), dtype=np.int64)
    other[after] = before
    spans.refuse_where(
        bad,
        "first_day",
        lambda row: f"is inside the span {first[other[row]]}..{last[other[row]]} of the same symbol; write one span",
    )
