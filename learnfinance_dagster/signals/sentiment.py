"""The tone of a week's articles, the newest counting most. One definition, for history and for today."""

import json
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from learnfinance_dagster.calendar import decision_time
from learnfinance_dagster.errors import DataError, LookAheadError
from learnfinance_dagster.parameters import SignalParameters
from learnfinance_dagster.ports import Coverage
from learnfinance_dagster.schemas.signals import NewsSentiment

KEY = ["week", "symbol"]
DAYS_A_WEEK = 7
DIGITS = 4
NOT_FETCHED = Coverage.NOT_FETCHED.value
COLUMNS = list(NewsSentiment.to_schema().columns)
FAILED = "failed: "
"""How the reason begins where there is only a stand-in, so that whoever reads it later can tell it from evidence."""
WEIGHED = {"sentiment": "score", "confidence": "confidence"}
"""Column of the answer → what is averaged for it."""
TOLD = ["headline", "publisher", "published_at", "url", "score", "label", "weight"]
"""What `top_articles` says of each."""


def weekly_sentiment(
    coverage: pd.DataFrame, articles: pd.DataFrame, scores: pd.DataFrame, model: str, parameters: SignalParameters
) -> pd.DataFrame:
    """Σ w·score / Σ w with w = exp(-age in days / `news_decay_days`), for any number of weeks at once.

    Args:
        coverage: columns of `schemas.signals.NewsCoverage`; seven news days for every (week, symbol).
        articles: columns of `schemas.signals.NewsArticles`; names of `coverage` only.
        scores: score, confidence, label: one row per article, in their order.
        model: who scored, name@revision.
        parameters: decay, and how many articles are enough.

    Returns:
        One row for each (week, symbol) of `coverage`, sorted: columns of `schemas.signals.NewsSentiment`. Scores have
        4 digits. Without articles they are null, and `reason` says whether there were none or nobody fetched them.

    Raises:
        LookAheadError: an article is from after its week's decision.
        DataError: an article from before the week or of a name without coverage, a week without its seven days, a
            score that is no number.
    """
    rows = _rows(coverage)
    weighed = _weighed(scored(articles, scores), parameters.news_decay_days)
    table = rows.merge(_means(weighed), how="left", on=KEY)
    table["article_count"] = table["article_count"].fillna(0).astype("int64")
    if table["article_count"].sum() != len(articles):
        known = set(zip(rows["week"], rows["symbol"], strict=True))
        week, name = next(key for key in zip(articles["week"], articles["symbol"], strict=True) if key not in known)
        msg = f"{name} has articles in the week {week}, but nothing says which of its news days were fetched"
        raise DataError(msg)
    table = table.merge(_strongest(weighed), how="left", on=KEY)
    table = table.merge(_named(weighed, parameters.top_articles), how="left", on=KEY)
    table = table.fillna({"headline": "", "headline_publisher": "", "top_articles": "[]"})
    table["insufficient_news"] = table["article_count"] < parameters.min_articles
    absent = np.where(table["days_missing"] > 0, "not fetched: " + table["why"], "no articles")
    table["reason"] = pd.Series(np.where(table["article_count"] > 0, "", absent), dtype="str")
    return table.assign(model=model)[COLUMNS].astype({"model": "str"})


def unscored(coverage: pd.DataFrame, reason: str, model: str) -> pd.DataFrame:
    """The stand-in where scoring failed: every score is null and says why. Never a neutral number instead.

    `reason` begins with `FAILED`.
    """
    table = _rows(coverage).assign(
        sentiment=np.nan,
        confidence=np.nan,
        article_count=0,
        insufficient_news=True,
        headline="",
        headline_score=np.nan,
        headline_at=pd.Series(dtype="datetime64[us, UTC]"),
        headline_publisher="",
        top_articles="[]",
        model=model,
        reason=reason,
    )
    texts = ["headline", "headline_publisher", "top_articles", "model", "reason"]
    return table[COLUMNS].astype(dict.fromkeys(texts, "str"))


def scored(articles: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Put the scores beside their articles.

    Raises:
        DataError: there are more or fewer scores than articles, or one is no number.
    """
    if len(scores) != len(articles):
        msg = f"{len(scores)} scores for {len(articles)} articles"
        raise DataError(msg)
    joined = pd.concat([articles.reset_index(drop=True), scores.reset_index(drop=True)], axis=1)
    broken = ~np.isfinite(joined[["score", "confidence"]].to_numpy(float)).all(axis=1)
    if broken.any():
        row = joined.iloc[int(np.argmax(broken))]
        msg = f"{row['symbol']}: the article {row['article_id']} has a score that is no number"
        raise DataError(msg)
    return joined


def moments(days: pd.Series) -> pd.Series:
    """The decision time of each day (dates or ISO texts), UTC."""
    known = {day: decision_time(date.fromisoformat(str(day))) for day in days.unique()}
    return pd.Series(pd.to_datetime(days.map(known), utc=True), index=days.index).dt.as_unit("us")


def refuse_later(articles: pd.DataFrame, known_at: pd.Series) -> None:
    """Nothing that was published after `known_at` may be scored.

    Raises:
        LookAheadError: it names the first such article.
    """
    later = (articles["published_at"] > known_at).to_numpy()
    if later.any():
        at = int(np.argmax(later))
        row = articles.iloc[at]
        what = f"{row['symbol']}: the article {row['article_id']} of {row['published_at']}"
        msg = f"{what} is later than {known_at.iloc[at]}, when it would have been used"
        raise LookAheadError(msg)


def reasons(missing: pd.DataFrame, rows: pd.DataFrame, day: str) -> list[str]:
    """For each (week, symbol) of `rows`, the distinct reasons of its rows in `missing`, oldest first; or empty."""
    said: dict[tuple[str, str], str] = {}
    distinct = missing.sort_values([*KEY, day])[[*KEY, "reason"]].drop_duplicates()
    for week, symbol, reason in distinct.itertuples(index=False, name=None):
        before = said.get((week, symbol))
        said[week, symbol] = f"{before}; {reason}" if before else reason
    return [said.get(key, "") for key in zip(rows["week"].to_list(), rows["symbol"].to_list(), strict=True)]


def _rows(coverage: pd.DataFrame) -> pd.DataFrame:
    """week, symbol, days_missing, why: one row per (week, symbol), sorted."""
    missing = coverage["state"] == NOT_FETCHED
    counted = coverage[KEY].assign(days=1, days_missing=missing.astype("int64"))
    rows = counted.groupby(KEY, as_index=False).sum()
    odd = rows[rows["days"] != DAYS_A_WEEK]
    if len(odd):
        first = odd.iloc[0]
        msg = f"{first['symbol']}: {first['days']} news days in the coverage of the week {first['week']}, not seven"
        raise DataError(msg)
    rows["why"] = pd.Series(reasons(coverage[missing], rows, "day"), index=rows.index, dtype="str")
    return rows.drop(columns="days")


def _weighed(articles: pd.DataFrame, decay_days: float) -> pd.DataFrame:
    """Articles with weight and pull (|weight·score|): by week and symbol, strongest first, then newest."""
    as_of = moments(articles["week"])
    refuse_later(articles, as_of)
    age = (as_of - articles["published_at"]).dt.total_seconds().to_numpy() / 86400
    if (age >= DAYS_A_WEEK).any():
        row = articles.iloc[int(np.argmax(age >= DAYS_A_WEEK))]
        msg = f"{row['symbol']}: the article {row['article_id']} is from before the week {row['week']}"
        raise DataError(msg)
    weight = np.exp(-age / decay_days)
    weighed = articles.assign(weight=weight, pull=np.abs(weight * articles["score"].to_numpy(float)))
    order = [*KEY, "pull", "published_at", "article_id"]
    return weighed.sort_values(order, ascending=[True, True, False, False, True], ignore_index=True)


def _means(weighed: pd.DataFrame) -> pd.DataFrame:
    parts = weighed[[*KEY, "weight"]].assign(
        article_count=1, **{name: weighed["weight"] * weighed[source] for name, source in WEIGHED.items()}
    )
    sums = parts.groupby(KEY, as_index=False).sum()
    for name in WEIGHED:  # adding zero turns -0.0 into 0.0
        sums[name] = (sums[name] / sums["weight"]).round(DIGITS) + 0.0
    return sums.drop(columns="weight")


def _strongest(weighed: pd.DataFrame) -> pd.DataFrame:
    names = {
        "headline": "headline",
        "score": "headline_score",
        "published_at": "headline_at",
        "publisher": "headline_publisher",
    }
    return weighed.drop_duplicates(KEY)[[*KEY, *names]].rename(columns=names)


def _named(weighed: pd.DataFrame, count: int) -> pd.DataFrame:
    """week, symbol, top_articles: the `count` strongest of each as a JSON list."""
    top = weighed.groupby(KEY).head(count)
    published = top["published_at"].dt.tz_localize(None).to_numpy("datetime64[s]")
    told = top.assign(published_at=np.datetime_as_string(published, timezone="UTC"), weight=top["weight"].round(DIGITS))
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for week, symbol, *facts in zip(*(told[name].to_list() for name in (*KEY, *TOLD)), strict=True):
        found.setdefault((week, symbol), []).append(dict(zip(TOLD, facts, strict=True)))
    rows = [(*key, json.dumps(items, ensure_ascii=False)) for key, items in found.items()]
    return pd.DataFrame(rows, columns=[*KEY, "top_articles"]).astype("str")
