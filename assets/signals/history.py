"""The history of sentiment that training reads, and what is still missing of it."""

import dagster as dg
import pandas as pd

from assets.signals.asking import answers, tones
from assets.signals.shared import SHOWN, WEEKLY_FRAME, names_of, of_week, spec
from learnfinance_dagster.errors import LearnFinanceError
from learnfinance_dagster.orchestration.failures import translated
from learnfinance_dagster.orchestration.floor import Shelf
from learnfinance_dagster.orchestration.handles import Parameters, Sources
from learnfinance_dagster.orchestration.partitions import weeks_of
from learnfinance_dagster.orchestration.tables import markdown
from learnfinance_dagster.ports import Coverage, SentimentHistory
from learnfinance_dagster.signals.daily_sentiment import daily_sentiment as of_days
from learnfinance_dagster.signals.daily_sentiment import sentiment_gaps as gaps_of
from learnfinance_dagster.signals.news import deduplicated

UPLOADED = "uploaded"
"""Name of the check."""


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
    with translated(context):
        source = sources.news.open(context.log.info)
        kept = parameters.signals.history_symbols
        found = answers(
            context, source, weeks_of(context), lambda week: sorted({*names_of(halal_universe, week), *kept})
        )
        plain = [deduplicated(each.articles.drop(columns="raw")).assign(week=w.key) for w, each in found.items()]
        articles = pd.concat(plain, ignore_index=True)
        coverage = pd.concat([each.coverage.assign(week=w.key) for w, each in found.items()], ignore_index=True)
        context.log.info("scoring %d articles", len(articles))
        model = sources.model.open()
        fresh = of_days(coverage, articles, tones(model, articles), str(model.identity))
        days = _never_less(fresh, [shelf.stored("daily_sentiment", week.key) for week in weeks_of(context)])
    counts = days["state"].value_counts()
    context.add_output_metadata(
        {
            "dagster/row_count": len(days),
            "source": source.name,
            "model": str(model.identity),
            "articles_scored": len(articles),
            "not_fetched": int(counts.get(Coverage.NOT_FETCHED, 0)),
            "states": markdown(["state", "days of names"], counts.items()),
        }
    )
    return days


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


@dg.asset(
    **WEEKLY_FRAME,
    group_name="signals",
    owners=["team:signals"],
    kinds={"huggingface"},
    check_specs=[dg.AssetCheckSpec(UPLOADED, asset="sentiment_upload", description="Red: tried again the next time.")],
)
def sentiment_upload(
    context: dg.AssetExecutionContext, daily_sentiment: pd.DataFrame, history: dg.ResourceParam[SentimentHistory]
) -> dg.MaterializeResult:
    """The history of daily sentiment in a private repository of data on Hugging Face, where settings keep models too.

    What is there is completed, day by day: a day that was fetched is never replaced by one that was not. Nothing reads
    it here; `python -m learnfinance_dagster history pull` brings it to another machine.
    """
    try:
        told, done = history.push(daily_sentiment), True
    except LearnFinanceError as error:
        told, done = str(error), False
    context.log.info("%s", told)
    check = dg.AssetCheckResult(check_name=UPLOADED, passed=done, description=told)
    return dg.MaterializeResult(check_results=[check], metadata={"told": told})
