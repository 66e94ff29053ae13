"""Dates as frames carry them, and days and moments as numpy counts them."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from learnfinance_dagster import calendar

Days = npt.NDArray[np.datetime64]
Micros = npt.NDArray[np.int64]
"""Moments as microseconds since 1970, UTC."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ORDINARY = np.iinfo(np.int64).min
"""Arrival of a row that is known by the ordinary rule of its file."""
_DAY = 86_400_000_000
_BOUNDARY = (12 * 60 + 30) * 60_000_000
"""A news day ends at 12:30 UTC."""


def days_of(dates: pd.Series) -> Days:
    """`datetime.date` objects as `datetime64[D]`; None, NaN and NaT become NaT.

    Arrow converts in a small part of the time that numpy takes.
    """
    return pa.array(dates.astype(object), type=pa.date32(), from_pandas=True).to_numpy(zero_copy_only=False)


def days_between(first: date, last: date) -> Days:
    """Every day from `first` to `last`, both included; none where `last` comes first."""
    return np.arange(np.datetime64(first, "D"), np.datetime64(last, "D") + 1)


def news_days_of(moments: Micros) -> Days:
    """`calendar.news_day` of many moments at once."""
    return (-((_BOUNDARY - moments) // _DAY)).astype("datetime64[D]")


def micros(moment: datetime) -> int:
    """A moment as `Micros` counts."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def arrivals_of(frame: pd.DataFrame) -> Micros:
    """When each row became known, where `known_at` says so; `ORDINARY` for the rest."""
    if "known_at" not in frame:
        return np.full(len(frame), ORDINARY, dtype=np.int64)
    moments = pd.to_datetime(frame["known_at"], utc=True).dt.as_unit("us")
    counted = moments.to_numpy(dtype="datetime64[us]")
    return np.where(np.isnat(counted), ORDINARY, counted.astype(np.int64))


def new_york_day(known_at: datetime) -> np.datetime64:
    """`calendar.new_york_day` as numpy counts days."""
    return np.datetime64(calendar.new_york_day(aware(known_at)), "D")


def aware(moment: datetime) -> datetime:
    """The moment itself.

    Raises:
        ValueError: it has no time zone, so it could be any of two days.
    """
    if moment.tzinfo is None:
        msg = f"known_at {moment.isoformat()} has no time zone"
        raise ValueError(msg)
    return moment
