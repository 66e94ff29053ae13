"""What news sources answer with (`ports.NewsAnswer`), before it belongs to a week."""

import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from learnfinance_dagster.schemas.frame import Frame

COVERAGE = ["articles", "no_articles", "not_fetched"]
COVERED = "articles, no_articles or not_fetched; only the first two mean that we know"
DAY = "news day: the 24 hours that end at 18:00 in Kolkata on this date"


class Article(Frame):
    """One row per article and name that it is about."""

    day: Series[object] = pa.Field(description=DAY)
    symbol: Series[str] = pa.Field(description="name that the article is about, aliases resolved")
    published_at: Series[pd.DatetimeTZDtype] = pa.Field(
        dtype_kwargs={"unit": "us", "tz": "UTC"}, description="when this text became public, UTC"
    )
    headline: Series[str] = pa.Field(str_length={"min_value": 1}, description="plain text, no markup")
    summary: Series[str] = pa.Field(description="plain text; may be empty")
    publisher: Series[str] = pa.Field(description="who wrote it; may be empty")
    url: Series[str] = pa.Field(description="where to read it; may be empty")
    article_id: Series[str] = pa.Field(str_length={"min_value": 1}, description="the source's id, or a hash")


class Articles(Article):
    """Articles, each with the item as it came."""

    raw: Series[str] = pa.Field(description="the item as the source gave it, JSON")


class NewsCoverage(Frame):
    """One row per news day and name: what is known of its news."""

    day: Series[object] = pa.Field(description=DAY)
    symbol: Series[str] = pa.Field(description="name")
    state: Series[str] = pa.Field(isin=COVERAGE, description=COVERED)
    reason: Series[str] = pa.Field(description="why it was not fetched; empty when it was")
