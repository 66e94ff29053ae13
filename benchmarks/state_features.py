"""How long ten years of state take, and one Monday: `python benchmarks/state_features.py`.

Invented articles (about 1.2 a name and week) with random scores and a filing a quarter, for 100 names over 520 weeks:
sentiment, ratios and their join in one call each. The baseline, in the same run: the same functions week by week.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from learnfinance_dagster.calendar import mondays_between, news_day, news_days, week_of  # noqa: E402 - the path first
from learnfinance_dagster.parameters import SignalParameters  # noqa: E402
from learnfinance_dagster.signals.daily_sentiment import daily_sentiment, sentiment_gaps  # noqa: E402
from learnfinance_dagster.signals.filings import ITEMS  # noqa: E402
from learnfinance_dagster.signals.fundamentals import fundamentals  # noqa: E402
from learnfinance_dagster.signals.sentiment import weekly_sentiment  # noqa: E402
from learnfinance_dagster.signals.state import state_features  # noqa: E402

SYMBOLS, WEEKS, ARTICLES, SEED = 100, 520, 1.2, 7
FIRST = date(2016, 1, 4)
MODEL = "invented@1"
NAMES = [f"N{n:03}" for n in range(SYMBOLS)]
MONDAYS = mondays_between(FIRST, FIRST + timedelta(weeks=WEEKS - 1))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the state of some weeks is made of."""

    coverage: pd.DataFrame
    articles: pd.DataFrame
    scores: pd.DataFrame
    filings: pd.DataFrame
    points: pd.DataFrame

    def of(self, week: str) -> "Evidence":
        """One week's part; filings are those of all years, as a Monday loads them."""
        inside = (self.articles["week"] == week).to_numpy()
        coverage, points = self.coverage[self.coverage["week"] == week], self.points[self.points["week"] == week]
        return Evidence(coverage, self.articles[inside], self.scores[inside], self.filings, points)


def invented_articles(rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for monday in MONDAYS:
        as_of = week_of(monday).as_of
        for n in rng.integers(0, SYMBOLS, rng.poisson(ARTICLES * SYMBOLS)):
            published = as_of - timedelta(seconds=int(rng.integers(0, 7 * 86400)))
            text = f"{NAMES[n]} says something about its quarter, and {published:%B} is over"
            rows.append((str(monday), news_day(published), NAMES[n], published, text, str(len(rows))))
    columns = ["week", "day", "symbol", "published_at", "headline", "article_id"]
    frame = pd.DataFrame(rows, columns=columns).astype({"published_at": "datetime64[us, UTC]", "day": object})
    return frame.assign(summary="", publisher="Wire", url="https://example.org/article")


def invented_scores(rng: np.random.Generator, count: int) -> pd.DataFrame:
    chances = rng.dirichlet((1, 1, 1), count).round(4)
    scores = pd.DataFrame(chances, columns=["p_pos", "p_neg", "p_neu"])
    scores["score"], scores["confidence"] = scores["p_pos"] - scores["p_neg"], chances.max(axis=1)
    return scores.assign(label=np.array(["positive", "negative", "neutral"])[chances.argmax(axis=1)])


def invented_coverage(rng: np.random.Generator, articles: pd.DataFrame) -> pd.DataFrame:
    rows = [(str(monday), day, name) for monday in MONDAYS for day in news_days(week_of(monday)) for name in NAMES]
    frame = pd.DataFrame(rows, columns=["week", "day", "symbol"]).astype({"day": object})
    written = set(zip(articles["day"], articles["symbol"], strict=True))
    busy = np.array([(day, name) in written for _, day, name in rows])
    lost = rng.random(len(frame)) < 0.02
    frame["state"] = np.where(lost, "not_fetched", np.where(busy, "articles", "no_articles"))
    return frame.assign(reason=np.where(lost, "the source was busy", ""))


def invented_filings(rng: np.random.Generator) -> pd.DataFrame:
    ends = [date(year, month, 28) for year in range(2014, 2026) for month in (3, 6, 9, 12)]
    rows = [(name, end, end + timedelta(days=int(rng.integers(25, 50)))) for name in NAMES for end in ends]
    frame = pd.DataFrame(rows, columns=["symbol", "fiscal_date_ending", "available_on"])
    frame = frame.astype({"fiscal_date_ending": object, "available_on": object})
    amounts = rng.uniform(1e6, 1e9, (len(frame), len(ITEMS)))
    amounts[rng.random(amounts.shape) < 0.05] = np.nan
    return frame.assign(**dict(zip(ITEMS, amounts.T, strict=True)), source="invented")


def invented() -> Evidence:
    rng = np.random.default_rng(SEED)
    articles = invented_articles(rng)
    points = pd.DataFrame(
        [(str(monday), name, monday) for monday in MONDAYS for name in NAMES], columns=["week", "symbol", "today"]
    ).astype({"today": object})
    scores = invented_scores(rng, len(articles))
    return Evidence(invented_coverage(rng, articles), articles, scores, invented_filings(rng), points)


def state_of(evidence: Evidence) -> pd.DataFrame:
    sentiment = weekly_sentiment(evidence.coverage, evidence.articles, evidence.scores, MODEL, SignalParameters())
    return state_features(sentiment, fundamentals(evidence.filings, evidence.points))


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    took = seconds(lambda: week_of(FIRST))
    evidence = invented()
    print(f"exchange calendar {took:.2f} s (once a process)")
    print(f"{SYMBOLS} names, {WEEKS} weeks, {len(evidence.articles):,} articles, {len(evidence.filings):,} filings")
    found: list[pd.DataFrame] = []
    together = seconds(lambda: found.append(state_of(evidence)))
    weeks = [str(monday) for monday in MONDAYS]
    cuts = [evidence.of(week) for week in weeks[-52:]]
    apart = seconds(lambda: found.extend(state_of(cut) for cut in cuts))
    pd.testing.assert_frame_equal(
        pd.concat(found[1:], ignore_index=True), found[0].tail(52 * SYMBOLS).reset_index(drop=True)
    )
    looped = apart / 52 * WEEKS  # a year is measured, ten would take too long
    print(f"state        in one call {together:.2f} s   week by week {looped:.1f} s   ratio {looped / together:.1f}")
    print(f"one Monday   {min(seconds(lambda: state_of(cuts[-1])) for _ in range(3)):.3f} s")
    steps = {
        "sentiment": lambda: weekly_sentiment(
            evidence.coverage, evidence.articles, evidence.scores, MODEL, SignalParameters()
        ),
        "fundamentals": lambda: fundamentals(evidence.filings, evidence.points),
        "daily": lambda: daily.append(daily_sentiment(evidence.coverage, evidence.articles, evidence.scores, MODEL)),
        "gaps": lambda: sentiment_gaps(daily[0]),
    }
    daily: list[pd.DataFrame] = []
    print("             " + "   ".join(f"{name} {seconds(step):.2f} s" for name, step in steps.items()))


if __name__ == "__main__":
    main()
