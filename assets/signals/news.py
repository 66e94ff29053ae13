"""News: what was published about the universe's names, what was not fetched, and what the tone was."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pandas as pd

from assets.gathering import Frames, gathered
from assets.signals.asking import answers, tones
from assets.signals.shared import (
    SHOWN,
    TRIED,
    WEEKLY_FRAME,
    names_of,
    of_week,
    spec,
    warned,
)
from learnfinance_dagster.calendar import news_days
from learnfinance_dagster.orchestration.failures import COMPLETED, completed
from learnfinance_dagster.orchestration.floor import Shelf
from learnfinance_dagster.orchestration.handles import Parameters, Sources
from learnfinance_dagster.orchestration.tables import markdown
from learnfinance_dagster.ports import Coverage, NewsAnswer
from learnfinance_dagster.signals.news import deduplicated, nothing_fetched
from learnfinance_dagster.signals.sentiment import unscored, weekly_sentiment
from learnfinance_dagster.values import Week

ARTICLES, COVERAGE, SENTIMENT = "news_articles", "news_coverage", "news_sentiment"
ENOUGH, FLAT, EXTREME = 10, 0.01, 0.99
"""Scores from which a judgement is possible, a spread that is none, and a score that hardly any text deserves."""
FRESH_DAYS = 3
"""Without any article in so many days before the decision, something is wrong with the source."""


@dg.multi_asset(
    name="news",
    outs={
        ARTICLES: dg.AssetOut(
            description=(
                "What was published about the universe's names in the seven news days before the decision. A news day"
                " ends at 18:00 in Kolkata, so the decision knows all of its last one. The answers as they came are"
                " kept beside it (`raw_evidence`). Distrust it where `news_coverage` says not_fetched."
            ),
            **spec(ARTICLES),
        ),
        COVERAGE: dg.AssetOut(
            description=(
                "For each name and news day: fetched with articles, fetched without, or not fetched, and then why. Only"
                " the first two mean that we know; no article on a day that was not fetched says nothing."
            ),
            **spec(COVERAGE),
        ),
    },
    ins={"halal_universe": dg.AssetIn()},
    check_specs=[
        dg.AssetCheckSpec("freshness", asset=ARTICLES, description="Is there an article of the last days?"),
        dg.AssetCheckSpec(COMPLETED, asset=COVERAGE, description=TRIED),
        dg.AssetCheckSpec("coverage", asset=COVERAGE, description="Was nearly all news of names and days fetched?"),
    ],
    **WEEKLY_FRAME,
)
def news(
    context: dg.AssetExecutionContext,
    halal_universe: pd.DataFrame,
    sources: dg.ResourceParam[Sources],
    shelf: dg.ResourceParam[Shelf],
    parameters: dg.ResourceParam[Parameters],
) -> Iterator[dg.MaterializeResult]:
    """Ask the source of articles, keep its answers, and say how far they reach."""
    told: dict[str, Any] = {"source": sources.news.name, "skipped": [], "raw_evidence": "kept by an earlier run"}

    def asked(weeks: list[Week]) -> Frames:
        source = sources.news.open(context.log.info)
        found = answers(context, source, weeks, lambda week: names_of(halal_universe, week))
        for week, answer in found.items():
            folder = sources.raw.keep(week.run_id, source.name, answer)
            told["raw_evidence"] = dg.MetadataValue.path(str(folder))
            told["skipped"] += answer.skipped
        return {
            COVERAGE: pd.concat([_coverage(each, source.name, week) for week, each in found.items()]),
            ARTICLES: pd.concat([_articles(each, week) for week, each in found.items()]),
        }

    def nothing(week: Week, why: str) -> Frames:
        answer = nothing_fetched(names_of(halal_universe, week), news_days(week), why)
        return {COVERAGE: _coverage(answer, sources.news.name, week), ARTICLES: _articles(answer, week)}

    outcome = gathered(context, shelf, (COVERAGE, ARTICLES), asked, nothing, says_nothing=_says_nothing)
    articles, coverage = outcome.value[ARTICLES], outcome.value[COVERAGE]
    skipped = [item.partition(": ")[::2] for item in told.pop("skipped")]
    yield dg.MaterializeResult(
        asset_key=ARTICLES,
        value=articles,
        metadata={
            "dagster/row_count": len(articles),
            "names": int(articles["symbol"].nunique()),
            "skipped": markdown(["item", "why"], skipped[:SHOWN]),
            "busiest": markdown(["symbol", "articles"], articles["symbol"].value_counts().head(SHOWN).items()),
            **told,
        },
        check_results=[_freshness(articles, coverage, context.partition_keys[-1])],
    )
    yield dg.MaterializeResult(
        asset_key=COVERAGE,
        value=coverage,
        metadata={
            "dagster/row_count": len(coverage),
            "not_fetched": round(_missing_share(coverage), 4),
            "states": markdown(["state", "days of names"], coverage["state"].value_counts().items()),
            "why": markdown(
                ["reason", "days of names"], coverage.loc[coverage["reason"] != "", "reason"].value_counts().items()
            ),
        },
        check_results=[
            completed({context.partition_keys[-1]: outcome}, COVERAGE),
            _reach(coverage, parameters.signals.max_not_fetched, context.partition_keys[-1]),
        ],
    )


def _says_nothing(frames: Frames) -> bool:
    return bool((frames[COVERAGE]["state"] == Coverage.NOT_FETCHED).all())


def _articles(answer: NewsAnswer, week: Week) -> pd.DataFrame:
    return deduplicated(answer.articles).drop(columns="raw").assign(week=week.key)


def _coverage(answer: NewsAnswer, source: str, week: Week) -> pd.DataFrame:
    return answer.coverage.assign(week=week.key, source=source)


def _missing_share(coverage: pd.DataFrame) -> float:
    return float((coverage["state"] == Coverage.NOT_FETCHED).mean()) if len(coverage) else 0.0


def _reach(coverage: pd.DataFrame, most: float, week: str) -> dg.AssetCheckResult:
    """How much of the week nobody knows, and the commonest reason."""
    share = _missing_share(coverage)
    told = f"news of {share:.0%} of all names and days was not fetched; more than {most:.0%} is too much"
    why = coverage.loc[coverage["state"] == Coverage.NOT_FETCHED, "reason"]
    if len(why):
        told += f". Mostly: {why.mode()[0]}"
    return warned("coverage", COVERAGE, week, passed=share <= most, told=told)


def _freshness(articles: pd.DataFrame, coverage: pd.DataFrame, week: str) -> dg.AssetCheckResult:
    """How old the newest article was at the decision; a whole market without news is a broken source."""
    if articles.empty or coverage.empty:
        told = "there is no article at all: see the checks of news_coverage"
        return warned("freshness", ARTICLES, week, passed=coverage.empty, told=told)
    age = (max(coverage["day"]) - max(articles["day"])).days
    told = f"the newest article is {age} news days old at the decision; more than {FRESH_DAYS} is suspicious"
    return warned("freshness", ARTICLES, week, passed=age <= FRESH_DAYS, told=told)


@dg.asset(
    ins={"news_articles": dg.AssetIn(), "news_coverage": dg.AssetIn()},
    dagster_type=dg.Any,
    check_specs=[
        dg.AssetCheckSpec(COMPLETED, asset=SENTIMENT, description=TRIED),
        dg.AssetCheckSpec("score_range", asset=SENTIMENT, description="Do the scores differ, and are none extreme?"),
    ],
    **WEEKLY_FRAME,
    **spec(SENTIMENT),
)
def news_sentiment(
    context: dg.AssetExecutionContext,
    news_articles: pd.DataFrame,
    news_coverage: pd.DataFrame,
    sources: dg.ResourceParam[Sources],
    shelf: dg.ResourceParam[Shelf],
    parameters: dg.ResourceParam[Parameters],
) -> dg.MaterializeResult:
    """The tone of each name's articles, the newest counting most, with the headline that moved it.

    A name without articles has no score, and `reason` tells whether there was no news or nobody fetched it. When the
    check `completed` is red, the model failed and nobody has a score. Distrust scores with `insufficient_news`.
    """

    def scored(weeks: list[Week]) -> Frames:
        keys = {week.key for week in weeks}
        articles, coverage = (each[each["week"].isin(keys)] for each in (news_articles, news_coverage))
        model = sources.model.open()
        scores = tones(model, articles)
        return {SENTIMENT: weekly_sentiment(coverage, articles, scores, str(model.identity), parameters.signals)}

    def nobody(week: Week, why: str) -> Frames:
        return {SENTIMENT: unscored(of_week(news_coverage, week), why, sources.model.name)}

    outcome = gathered(context, shelf, (SENTIMENT,), scored, nobody)
    found = outcome.value[SENTIMENT]
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
            _score_range(ranked["sentiment"], context.partition_keys[-1]),
        ],
    )


def _score_range(scores: "pd.Series[float]", week: str) -> dg.AssetCheckResult:
    """A model that says the same of everything, or only extremes, has stopped reading."""
    told = f"{len(scores)} scores from {scores.min():.2f} to {scores.max():.2f}" if len(scores) else "no scores"
    extreme = float((scores.abs() >= EXTREME).mean()) if len(scores) else 0.0
    is_odd = len(scores) >= ENOUGH and (scores.std() < FLAT or extreme > 0.5)  # noqa: PLR2004 - half of them
    return warned("score_range", SENTIMENT, week, passed=not is_odd, told=told)
