"""What every filings adapter does alike: rows to frames, and frames to an answer that knows nothing of the future."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

import pandas as pd

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.ports import FilingsAnswer
from learnfinance_dagster.schemas.market import MARKET_FILES, Fundamentals
from learnfinance_dagster.signals.filings import NOT_PUBLIC
from learnfinance_dagster.symbols import normalise

Say = Callable[[str], None]
KEY = list(MARKET_FILES["fundamentals"].key)


def as_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows with the columns and dtypes of `schemas.market.Fundamentals`."""
    columns = list(Fundamentals.to_schema().columns)
    dtypes = {"symbol": "str", "fiscal_date_ending": "object", "available_on": "object", "source": "str"}
    frame = pd.DataFrame(list(rows), columns=columns)
    return frame.astype({column: dtypes.get(column, "float64") for column in columns})


def names_of(symbols: Iterable[str]) -> list[str]:
    """Each name once, sorted: the order of asking never depends on the order of the question."""
    return sorted({normalise(symbol) for symbol in symbols})


def day_of(text: Any, place: str) -> date:
    """A date as vendors write it.

    Raises:
        DataError: it is none; the message names the place.
    """
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        msg = f"{place}: {text!r} is no date"
        raise DataError(msg) from None


def answer(found: Mapping[str, pd.DataFrame], why: Mapping[str, str], names: list[str], day: date) -> FilingsAnswer:
    """Statements made available before `day`, and a reason for every name that has none.

    Args:
        found: name → all its publications.
        why: name → what went wrong.
        names: what was asked for.
        day: New York date of the question; a date has no hour, so the day itself does not count.
    """
    public = {name: frame[[each < day for each in frame["available_on"]]] for name, frame in found.items()}
    missing = {name: why.get(name) or NOT_PUBLIC for name in names if name not in public or public[name].empty}
    rows = [public[name] for name in names if name not in missing]
    frame = pd.concat(rows) if rows else as_frame([])
    return FilingsAnswer(frame.sort_values(KEY, kind="stable").reset_index(drop=True), missing)
