"""The history of sentiment that training reads, and what is still missing of it."""

import dagster as dg
import pandas as pd

from assets.signals.shared import SHOWN, WEEKLY_FRAME, names_of, of_week, spec
from learnfinance_dagster.calendar import news_days
from learnfinance_dagster.orchestration.failures import translated
from learnfinance_dagster.orchestration.handles import Parameters, Shelf, Sources
from learnfinance_dagster.orchestration.partitions import weeks_of
from learnfinance_dagster.orchestration.tables import markdown
from learnfinance_dagster.ports import Coverage
from learnfinance_dagster.signals.daily_sentiment import daily_sentiment as of_days
from learnfinance_dagster.signals.daily_sentiment import sentiment_gaps as gaps_of
from learnfinance_dagster.signals.news import deduplicated, text_of


@dg.asset(**WEEKLY_FRAME, **spec("daily_sentiment"))
def daily_sentiment(
    context: dg.AssetExecutionContext,
    halal_universe: pd.DataFrame,
    sources: dg.ResourceParam[Sources],
    shelf: dg.ResourceParam[Shelf],
    parameters: dg.ResourceParam[Parameters],
) -> pd.DataFrame:
    """The tone of each news day and name, weighted by the model's confidence: the history that training reads.

    Days that were never fetched are fetched now, page by page; a run that is killed goes on where it was. No decision
    reads this, so it may be completed later, also for weeks that were traded. Distrust days whose `state` is
    not_fetched: they say nothing.
    """
    articles, coverage = [], []
    with translated(context):
        source = sources.news.open(context.log.info)
        for week in weeks_of(context):
            names = sorted({*names_of(halal_universe, week), *parameters.signals.history_symbols})
            days = news_days(week)
            answer = source.articles(names, days[0], days[-1], week.as_of)
            articles.append(deduplicated(answer.articles).assign(week=week.key))
            coverage.append(answer.coverage.assign(week=week.key))
        everything, reach = pd.concat(articles, ignore_index=True), pd.concat(coverage, ignore_index=True)
        texts = [text_of(*row) for row in everything[["headline", "summary"]].itertuples(index=False)]
        context.log.info("scoring %d articles", len(texts))
        model = sources.model.open()
        fresh = of_days(reach, everything, model.score(texts), str(model.identity))
        found = _never_less(fresh, [shelf.stored("daily_sentiment", week.key) for week in weeks_of(context)])
    counts = found["state"].value_counts()
    context.add_output_metadata(
        {
            "dagster/row_count": len(found),
            "source": source.name,
            "model": str(model.identity),
            "articles_scored": len(texts),
            "not_fetched": int(counts.get(Coverage.NOT_FETCHED, 0)),
            "states": markdown(["state", "(day, name) pairs"], counts.items()),
        }
    )
    return found


def _never_less(fresh: pd.DataFrame, stored: list[pd.DataFrame | None]) -> pd.DataFrame:
    """Fresh rows, and stored ones of days that were covered then and are not now: a key may be gone, or a name."""
    covered = [rows[rows["state"] != Coverage.NOT_FETCHED] for rows in stored if rows is not None]
    if not covered:
        return fresh
    is_covered = fresh["state"] != Coverage.NOT_FETCHED
    ranked = pd.concat([fresh[is_covered], *covered, fresh[~is_covered]], ignore_index=True)
    best = ranked.drop_duplicates(["week", "symbol", "date"])
    return best.sort_values(["week", "date", "symbol"], ignore_index=True)


@dg.asset(**WEEKLY_FRAME, **spec("sentiment_gaps"))
def sentiment_gaps(context: dg.AssetExecutionContext, daily_sentiment: pd.DataFrame) -> pd.DataFrame:
    """News days that matter to trading and were not fetched, by name, with the reason.

    Empty is good. To close gaps, mend what the reason says and launch the job `fill_sentiment_gaps` for these weeks.
    """
    found = gaps_of(daily_sentiment)
    newest = of_week(found, weeks_of(context)[-1])
    context.add_output_metadata(
        {
            "dagster/row_count": len(found),
            "days_missing": int(found["missing"].sum()),
            "days_of": int(found["days"].sum()),
            "why": markdown(["reason", "names"], found["reason"].value_counts().head(SHOWN).items()),
            "newest_week": markdown(
                ["symbol", "missing", "of", "from", "to"],
                newest[["symbol", "missing", "days", "first_missing", "last_missing"]]
                .head(SHOWN)
                .itertuples(index=False),
            ),
        }
    )
    return found
