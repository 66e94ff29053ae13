"""Asking for news and reading it: the same for the week's decision and for the history."""

from collections.abc import Callable

import dagster as dg
import pandas as pd

from learnfinance_dagster.calendar import news_days
from learnfinance_dagster.ports import NewsAnswer, NewsSource, SentimentModel
from learnfinance_dagster.signals.news import text_of
from learnfinance_dagster.signals.sentiment import refuse_later
from learnfinance_dagster.values import Week


def answers(
    context: dg.AssetExecutionContext, source: NewsSource, weeks: list[Week], names: Callable[[Week], list[str]]
) -> dict[Week, NewsAnswer]:
    """What the source says of each week's names and seven news days, as it was known at the week's decision.

    Raises:
        LookAheadError: it says something that was not public then.
    """
    found = {}
    for n, week in enumerate(weeks, start=1):
        days = news_days(week)
        answer = source.articles(names(week), days[0], days[-1], week.as_of)
        refuse_later(answer.articles, pd.Series(week.as_of, index=answer.articles.index))
        found[week] = answer
        context.log.info("week %s, %d of %d: %d articles", week.key, n, len(weeks), len(answer.articles))
    return found


def tones(model: SentimentModel, articles: pd.DataFrame) -> pd.DataFrame:
    """The model's scores of articles, one row each, in their order."""
    return model.score([text_of(*row) for row in articles[["headline", "summary"]].itertuples(index=False)])
