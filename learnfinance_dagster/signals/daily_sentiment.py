"""The tone of each news day, and the days whose news nobody fetched. One definition, with every article."""

import numpy as np
import pandas as pd

from learnfinance_dagster.calendar import matters
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.schemas.signals import DailySentiment, SentimentGaps
from learnfinance_dagster.signals.sentiment import DIGITS, KEY, NOT_FETCHED, moments, reasons, refuse_later, scored

DAY = ["week", "date", "symbol"]
COLUMNS = list(DailySentiment.to_schema().columns)
GAP_COLUMNS = list(SentimentGaps.to_schema().columns)
NUMBERS = ["sentiment", "confidence", "p_pos", "p_neg"]


def daily_sentiment(coverage: pd.DataFrame, articles: pd.DataFrame, scores: pd.DataFrame, model: str) -> pd.DataFrame:
    """Σ confidence·score / Σ confidence of a day's articles, for any number of weeks at once.

    Args:
        coverage: columns of `schemas.signals.NewsCoverage`.
        articles: columns of `schemas.signals.NewsArticles`; days and names of `coverage` only.
        scores: score, confidence, p_pos, p_neg: one row per article, in their order.
        model: who scored, name@revision.

    Returns:
        One row for each row of `coverage`, sorted by week, date, symbol: columns of `schemas.signals.DailySentiment`.
        Numbers have 4 digits, and are null where there were no articles, or where the day was not fetched: the
        articles of a day that was not over are counted, but are not the day.

    Raises:
        LookAheadError: an article is from after the end of its news day.
        DataError: a day that is covered twice, an article of a day without coverage, a score that is no number.
    """
    days = coverage.rename(columns={"day": "date"})
    if days.duplicated(DAY).any():
        row = days[days.duplicated(DAY)].iloc[0]
        msg = f"{row['symbol']}: two rows in the coverage of {row['date']}"
        raise DataError(msg)
    joined = scored(articles, scores).rename(columns={"day": "date"})
    refuse_later(joined, moments(joined["date"]))
    table = days.merge(_means(joined), how="left", on=DAY)
    table["article_count"] = table["article_count"].fillna(0).astype("int64")
    if table["article_count"].sum() != len(articles):
        msg = "there are articles of days and names that the coverage does not know"
        raise DataError(msg)
    table.loc[table["state"] == NOT_FETCHED, NUMBERS] = np.nan
    table = table.sort_values(DAY, ignore_index=True)
    return table.assign(model=model)[COLUMNS].astype({"model": "str"})


def completed(days: pd.DataFrame, others: pd.DataFrame | None) -> pd.DataFrame:
    """All rows of both, a day that is covered before one that is not, and the first before the others.

    Args:
        days: columns of `schemas.signals.DailySentiment`.
        others: likewise, e.g. of another machine.
    """
    if others is None:
        return days
    parts = [each[(each["state"] != NOT_FETCHED) == covered] for covered in (True, False) for each in (days, others)]
    ranked = pd.concat([part for part in parts if len(part)] or [days], ignore_index=True)
    return ranked.drop_duplicates(DAY).sort_values(DAY, ignore_index=True)


def _means(joined: pd.DataFrame) -> pd.DataFrame:
    confidence = joined["confidence"].astype("float64")
    parts = joined[DAY].assign(
        article_count=1,
        sentiment=confidence * joined["score"],
        confidence=confidence,
        p_pos=joined["p_pos"],
        p_neg=joined["p_neg"],
    )
    sums = parts.groupby(DAY, as_index=False).sum()
    sums["sentiment"] = sums["sentiment"] / sums["confidence"]
    for name in ("confidence", "p_pos", "p_neg"):
        sums[name] = sums[name] / sums["article_count"]
    sums[NUMBERS] = sums[NUMBERS].astype("float64").round(DIGITS) + 0.0
    return sums


def sentiment_gaps(daily: pd.DataFrame) -> pd.DataFrame:
    """Names with news days that were not fetched and touch trading (`calendar.matters`).

    Args:
        daily: week, date, symbol, state, reason of `schemas.signals.DailySentiment`, any number of weeks.

    Returns:
        One row for each (week, symbol) with such days, sorted: columns of `schemas.signals.SentimentGaps`.
    """
    counts = {day: matters(day) for day in daily["date"].unique()}
    days = daily[daily["date"].map(counts).astype("bool")]
    missing = days[days["state"] == NOT_FETCHED]
    gaps = missing.groupby(KEY, as_index=False).agg(
        missing=("date", "size"), first_missing=("date", "min"), last_missing=("date", "max")
    )
    gaps = gaps.merge(days.groupby(KEY, as_index=False).agg(days=("date", "size")), how="left", on=KEY)
    gaps["reason"] = pd.Series(reasons(missing, gaps, "date"), index=gaps.index, dtype="str")
    return gaps[GAP_COLUMNS]
