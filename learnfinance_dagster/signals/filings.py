"""Which statements were public on a day, and which four quarters they tell of.

One filing may be published several times: amendments, and two sources that date the same quarter differently. What
was known changes on days of publication only, so those days are all that has to be looked at.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.schemas.signals import Filings

QUARTERS = 4
"""Quarters kept for each name: enough for trailing twelve months."""
SAME_QUARTER_DAYS = 45
"""Period ends closer than this are the same quarter: one source gives the Saturday, another the month's last day."""
NOT_PUBLIC = "no public filing is known"
COLUMNS = [column for column in Filings.to_schema().columns if column != "week"]
ITEMS = [name for name, column in Filings.to_schema().columns.items() if str(column.dtype) == "float64"]
"""The statement items, in the order of the schema."""
_DATES = ["fiscal_date_ending", "available_on"]
_SPAN = 10**6
"""More days than any date is from 1970, so that symbol number and day fit into one sortable number."""


def newest_filings(
    filings: pd.DataFrame, symbols: Collection[str], today: date, missing: dict[str, str]
) -> pd.DataFrame:
    """The newest publication of each fiscal period, for the newest four quarters that were public before `today`.

    Args:
        filings: columns of `schemas.market.Fundamentals`, any number of publications.
        symbols: names asked for.
        today: New York date of the decision. A date has no hour and most filings come after the close: what became
            public on that day does not count yet.
        missing: symbol → why a source gave nothing.

    Returns:
        Columns of `schemas.signals.Filings` without `week`, sorted by symbol and period. A name without any has one
        empty row that says why. Two sources that date one quarter differently keep a row each.

    Raises:
        DataError: as `publications`.
    """
    rows = publications(filings[filings["symbol"].isin(list(symbols))], before=today)
    versions: dict[str, dict[int, int]] = {}
    for k, (symbol, end) in enumerate(zip(rows["symbol"], days_of(rows["fiscal_date_ending"]).tolist(), strict=True)):
        versions.setdefault(symbol, {})[end] = k
    kept = [k for known in versions.values() for quarter in _newest_quarters(known) for k in quarter]
    empty = [
        {"symbol": symbol, "source": "", "missing": missing.get(symbol, NOT_PUBLIC)}
        for symbol in sorted(set(symbols) - set(versions))
    ]
    found = pd.DataFrame(rows.iloc[kept].assign(missing="").to_dict("records") + empty, columns=COLUMNS)
    found = found.astype(dict.fromkeys(ITEMS, "float64") | dict.fromkeys(["symbol", "source", "missing"], "str"))
    for column in _DATES:
        found[column] = found[column].astype(object).where(found[column].notna(), None)
    return found.sort_values(["symbol", "fiscal_date_ending"], kind="stable", ignore_index=True)


def publications(filings: pd.DataFrame, before: date) -> pd.DataFrame:
    """Filings as they became public: without the empty rows, the weeks and the repetitions of stored evidence.

    Args:
        filings: columns of `schemas.market.Fundamentals`, or rows of any number of weeks of `schemas.signals.Filings`.
        before: what became public on this day or later is not even looked at, be it right or wrong.

    Returns:
        symbol, fiscal_date_ending, available_on, the items, source; sorted by symbol and day, and on one day the
        fullest last.

    Raises:
        DataError: a statement was public before its quarter had ended, or the same publication says two things.
    """
    rows = filings.drop(columns=["week", "missing"], errors="ignore")
    rows = rows[rows[_DATES].notna().any(axis=1)]
    rows = rows.assign(**{column: pd.to_datetime(rows[column]) for column in _DATES})
    rows = rows[~(rows["available_on"] >= pd.Timestamp(before))].copy()
    rows[ITEMS] = rows[ITEMS].astype("float64").replace([np.inf, -np.inf], np.nan)
    rows = rows.drop_duplicates(ignore_index=True)
    rows = rows.assign(**{column: rows[column].dt.date.astype(object) for column in _DATES})
    _refuse(rows, rows["available_on"].isna() | rows["fiscal_date_ending"].isna(), "one of its dates is missing")
    ended = days_of(rows["fiscal_date_ending"]) < days_of(rows["available_on"])
    _refuse(rows, ~ended, "public before its quarter had ended")
    twice = rows.duplicated(["symbol", *_DATES, "source"], keep=False)
    _refuse(rows, twice.to_numpy(), "the same publication with different numbers")
    rows["_items"] = rows[ITEMS].notna().sum(axis=1)
    order = ["symbol", "available_on", "_items", "fiscal_date_ending", "source"]
    return rows.sort_values(order, ignore_index=True).drop(columns="_items")


def _refuse(rows: pd.DataFrame, wrong: np.ndarray | pd.Series, why: str) -> None:
    if wrong.any():
        row = rows.iloc[int(np.argmax(wrong))]
        msg = f"{row['symbol']} {row['fiscal_date_ending']}, public {row['available_on']}: {why}"
        raise DataError(msg)


@dataclass(frozen=True, slots=True)
class Timeline:
    """What was known of each name from each day of publication on."""

    names: pd.Index
    keys: np.ndarray
    """(E,) symbol number and day of each event, as one sorted number."""
    quarters: np.ndarray
    """(E + 1, 4) row of `publications` that speaks for each of the newest quarters, newest first; -1 = none.

    The last line stands for nothing known, so that event -1 reads it.
    """

    def before(self, symbols: pd.Series, today: pd.Series) -> np.ndarray:
        """The last event of each name before that day; -1 where there was none.

        Raises:
            DataError: a day is missing.
        """
        if today.isna().any():
            msg = f"no day of decision for {symbols[today.isna()].iloc[0]}"
            raise DataError(msg)
        codes = self.names.get_indexer(pd.Index(symbols))
        at = np.searchsorted(self.keys, codes * _SPAN + days_of(today)) - 1
        own = (codes >= 0) & (at >= 0)
        own[own] = np.rint(self.keys[at[own]] / _SPAN) == codes[own]
        return np.where(own, at, -1)


def timeline(rows: pd.DataFrame) -> Timeline:
    """Walk through `publications` in the order of days, and note what was known after each."""
    names = pd.Index(rows["symbol"].unique())
    keys = names.get_indexer(pd.Index(rows["symbol"])) * _SPAN + days_of(rows["available_on"])
    ends, items = days_of(rows["fiscal_date_ending"]), rows[ITEMS].notna().sum(axis=1).to_numpy()
    quarters = np.full((len(rows) + 1, QUARTERS), -1)
    is_first = np.r_[True, rows["symbol"].to_numpy()[1:] != rows["symbol"].to_numpy()[:-1]]
    known: dict[int, int] = {}
    for k in range(len(rows)):
        known = known if not is_first[k] else {}
        known[int(ends[k])] = k
        for n, group in enumerate(_newest_quarters(known)):
            # Of two sources the fuller speaks; a later excerpt does not take away what is known.
            quarters[k, n] = max(group, key=lambda row: (items[row], keys[row], ends[row]))
    is_last = np.r_[keys[1:] != keys[:-1], np.full(min(len(keys), 1), fill_value=True)]
    return Timeline(names, keys[is_last], quarters[np.r_[is_last, True]])


def _newest_quarters(known: dict[int, int]) -> list[list[int]]:
    """Rows of the newest quarters, newest first. `known`: period end (days) → row of its newest publication."""
    groups: list[list[int]] = []
    newest = 0
    for end in sorted(known, reverse=True):
        if groups and newest - end < SAME_QUARTER_DAYS:
            groups[-1].append(known[end])
        elif len(groups) == QUARTERS:
            break
        else:
            newest = end
            groups.append([known[end]])
    return groups


def days_of(dates: pd.Series) -> np.ndarray:
    """Days since 1970 of a column of dates."""
    return pd.to_datetime(dates).to_numpy("datetime64[D]").astype(np.int64)
