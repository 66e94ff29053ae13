"""News: what was published about the universe's names, what was not fetched, and what the tone was."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from assets.signals.shared import (
    SCHEMA,
    SHOWN,
    WEEKLY_FRAME,
    names_of,
    schema_check,
    spec,
    tolerated,
    warned,
)
from learnfinance_dagster.calendar import news_days
from learnfinance_dagster.orchestration.failures import COMPLETED, completed, translated
from learnfinance_dagster.orchestration.handles import Parameters, Sources
from learnfinance_dagster.orchestration.partitions import weeks_of
from learnfinance_dagster.orchestration.tables import markdown
from learnfinance_dagster.ports import Coverage, NewsAnswer
from learnfinance_dagster.signals.news import deduplicated, text_of
from learnfinance_dagster.signals.sentiment import refuse_later, unscored, weekly_sentiment

FRESH_DAYS = 3
"""Without any article in so many days before the decision, something is wrong with the source."""


@dg.multi_asset(
    name="news",
    outs={
        "news_articles": dg.AssetOut(
            description=(
                "What was published about the universe's names in the seven news days before the decision. A news day"
                " ends at 18:00 in Kolkata, so the decision knows all of its last one. The answers as they came are"
                " kept beside it (`raw_evidence`). Distrust it where `news_coverage` says not_fetched."
            ),
            **spec("news_articles"),
        ),
        "news_coverage": dg.AssetOut(
            description=(
                "For each name and news day: fetched with articles, fetched without, or not fetched, and then why. Only"
                " the first two mean that we know; no article on a day that was not fetched says nothing."
            ),
            **spec("news_coverage"),
        ),
    },
    ins={"halal_universe": dg.AssetIn()},
    check_specs=[
        dg.AssetCheckSpec("freshness", asset="news_articles"),
        dg.AssetCheckSpec("coverage", asset="news_coverage"),
    ],
    **WEEKLY_FRAME,
)
def news(
    context: dg.AssetExecutionContext,
    halal_universe: pd.DataFrame,
    sources: dg.ResourceParam[Sources],
    parameters: dg.ResourceParam[Parameters],
) -> Iterator[dg.MaterializeResult]:
    """Ask the source of articles, keep its answers, and say how far they reach."""
    articles, coverage, skipped = [], [], []
    with translated(context):
        source = sources.news.open(context.log.info)
        for week in weeks_of(context):
            days = news_days(week)
            answer = source.articles(names_of(halal_universe, week), days[0], days[-1], week.as_of)
            refuse_later(answer.articles, pd.Series(week.as_of, index=answer.articles.index))
            folder = sources.raw.keep(week.run_id, source.name, answer)
            articles.append(_stored(answer).assign(week=week.key))
            coverage.append(answer.coverage.assign(week=week.key))
            skipped += answer.skipped
    everything, reach = pd.concat(articles, ignore_index=True), pd.concat(coverage, ignore_index=True)
    yield dg.MaterializeResult(
        asset_key="news_articles",
        value=everything,
        metadata={
            "dagster/row_count": len(everything),
            "source": source.name,
            "names": int(everything["symbol"].nunique()),
            "skipped": markdown(["item", "why"], [told.partition(": ")[::2] for told in skipped[:SHOWN]]),
            "raw_evidence": dg.MetadataValue.path(str(folder)),
            "busiest": markdown(["symbol", "articles"], everything["symbol"].value_counts().head(SHOWN).items()),
        },
        check_results=[_freshness(everything, reach)],
    )
    yield dg.MaterializeResult(
        asset_key="news_coverage",
        value=reach,
        metadata={
            "dagster/row_count": len(reach),
            "not_fetched": round(_missing_share(reach), 4),
            "states": markdown(["state", "(day, name) pairs"], reach["state"].value_counts().items()),
            "why": markdown(["reason", "pairs"], reach.loc[reach["reason"] != "", "reason"].value_counts().items()),
        },
        check_results=[_coverage(reach, parameters.signals.max_not_fetched)],
    )


def _stored(answer: NewsAnswer) -> pd.DataFrame:
    return deduplicated(answer.articles).drop(columns="raw")


def _missing_share(coverage: pd.DataFrame) -> float:
    return float((coverage["state"] == Coverage.NOT_FETCHED).mean()) if len(coverage) else 0.0


def _coverage(coverage: pd.DataFrame, most: float) -> dg.AssetCheckResult:
    share = _missing_share(coverage)
    told = f"{share:.0%} of {len(coverage)} (day, name) pairs were not fetched; up to {most:.0%} is tolerated"
    return warned("coverage", "news_coverage", passed=share <= most, told=told)


def _freshness(articles: pd.DataFrame, coverage: pd.DataFrame) -> dg.AssetCheckResult:
    """How old the newest article was at the decision; a whole market without news is a broken source."""
    if articles.empty or coverage.empty:
        return warned("freshness", "news_articles", passed=coverage.empty, told="there is no article at all")
    age = (max(coverage["day"]) - max(articles["day"])).days
    told = f"the newest article is {age} news days old at the decision; more than {FRESH_DAYS} is suspicious"
    return warned("freshness", "news_articles", passed=age <= FRESH_DAYS, told=told)


@dg.asset(
    ins={"news_articles": dg.AssetIn(), "news_coverage": dg.AssetIn()},
    dagster_type=dg.Any,
    check_specs=[
        dg.AssetCheckSpec(COMPLETED, asset="news_sentiment"),
        dg.AssetCheckSpec(SCHEMA, asset="news_sentiment"),
    ],
    **WEEKLY_FRAME,
    **spec("news_sentiment"),
)
def news_sentiment(
    context: dg.AssetExecutionContext,
    news_articles: pd.DataFrame,
    news_coverage: pd.DataFrame,
    sources: dg.ResourceParam[Sources],
    parameters: dg.ResourceParam[Parameters],
) -> dg.MaterializeResult:
    """The tone of each name's articles, the newest counting most, with the headline that moved it.

    A name without articles has no score, and `reason` tells whether there was no news or nobody fetched it. When the
    check `completed` is red, the model failed and nobody has a score. Distrust scores with `insufficient_news`.
    """

    def scored() -> pd.DataFrame:
        model = sources.model.open()
        texts = [text_of(*row) for row in news_articles[["headline", "summary"]].itertuples(index=False)]
        scores = model.score(texts)
        return weekly_sentiment(news_coverage, news_articles, scores, str(model.identity), parameters.signals)

    outcome = tolerated(context, scored, lambda why: unscored(news_coverage, why, sources.model.name))
    found = outcome.value
    ranked = found.dropna(subset="sentiment").sort_values("sentiment", ascending=False)
    ends = pd.concat([ranked.head(SHOWN // 2), ranked.iloc[SHOWN // 2 :].tail(SHOWN // 2)])
    return dg.MaterializeResult(
        value=found,
        metadata={
            "dagster/row_count": len(found),
            "model": found["model"].iloc[0] if len(found) else sources.model.name,
            "articles_scored": int(found["article_count"].sum()),
            "scored": len(ranked),
            "insufficient_news": int(found["insufficient_news"].sum()),
            "mean": round(float(ranked["sentiment"].mean()), 4) if len(ranked) else "no score",
            "best_and_worst": markdown(
                ["symbol", "score", "articles", "headline that moved it most"],
                ends[["symbol", "sentiment", "article_count", "headline"]].itertuples(index=False),
            ),
        },
        check_results=[
            completed({context.partition_keys[-1]: outcome}),
            schema_check("news_sentiment", found),
        ],
    )
