"""From rows of the archive to the frames of `ports.NewsAnswer`."""

from collections.abc import Mapping, Sequence
from datetime import date

import pandas as pd

from learnfinance_dagster.ports import Coverage
from resources.news.sql import COLUMNS

NOT_OVER = "the day is not over"


def article_frame(rows: Sequence[tuple[str, ...]]) -> pd.DataFrame:
    """Rows of `sql.COLUMNS` as `schemas.evidence.Articles`, in their order."""
    columns = dict(zip(COLUMNS, zip(*rows, strict=True) if rows else [()] * len(COLUMNS), strict=True))
    frame = pd.DataFrame({name: pd.array(values, dtype="str") for name, values in columns.items()})
    frame["day"] = pd.Series([date.fromisoformat(day) for day in columns["day"]], dtype="object")
    moments = pd.to_datetime(pd.Series(columns["published_at"], dtype="object"), utc=True, format="ISO8601")
    frame["published_at"] = moments.astype("datetime64[us, UTC]")
    return frame


def coverage_frame(
    days: Sequence[date],
    names: Sequence[str],
    covered: Mapping[tuple[date, str], Coverage],
    reasons: Mapping[tuple[date, str], str],
    last_over: date,
) -> pd.DataFrame:
    """What is known of every day and name.

    Args:
        days: in order.
        names: in order.
        covered: (day, name) → what is known for good.
        reasons: (day, name) → why the rest is not.
        last_over: the last day that is over; later ones are not covered, whatever is known of them by now.

    Returns:
        As `schemas.evidence.NewsCoverage`; sorted by day, symbol.
    """
    rows = []
    for day in days:
        for name in names:
            state = covered.get((day, name), Coverage.NOT_FETCHED) if day <= last_over else Coverage.NOT_FETCHED
            why = [reasons.get((day, name), "")] if (day, name) not in covered else []
            if day > last_over:
                why = [NOT_OVER, *why]
            rows.append((day, name, state.value, "; ".join(filter(None, why))))
    day_column, *texts = zip(*rows, strict=True) if rows else [()] * 4
    frame = pd.DataFrame({"day": pd.Series(day_column, dtype="object")})
    for name, values in zip(("symbol", "state", "reason"), texts, strict=True):
        frame[name] = pd.array(values, dtype="str")
    return frame
