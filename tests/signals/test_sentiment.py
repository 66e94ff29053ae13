import json
import math
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnfinance_dagster.calendar import decision_time, news_day
from learnfinance_dagster.errors import DataError, LookAheadError
from learnfinance_dagster.parameters import SignalParameters
from learnfinance_dagster.schemas.signals import NewsArticles, NewsCoverage, NewsSentiment
from learnfinance_dagster.signals.sentiment import unscored, weekly_sentiment

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "spec" / "cases.json"
MONDAY = date(2025, 12, 29)
AS_OF = decision_time(MONDAY)
MODEL = "vader@3.3.2"


def golden(case_id):
    if not CASES.exists():
        pytest.skip("the predecessor's cases are not on this machine")
    return next(case for case in json.loads(CASES.read_text())["cases"] if case["id"].startswith(case_id))


def coverage(*names, mondays=(MONDAY,), lost=None):
    """Seven days of each name and week; `lost`: (name, days before the Monday) → why that day was not fetched."""
    lost = lost or {}
    rows = [
        (
            str(monday),
            monday - timedelta(days=back),
            name,
            "not_fetched" if (name, back) in lost else "no_articles",
            lost.get((name, back), ""),
        )
        for monday in mondays
        for name in names
        for back in range(6, -1, -1)
    ]
    frame = pd.DataFrame(rows, columns=["week", "day", "symbol", "state", "reason"])
    texts = dict.fromkeys(["week", "symbol", "state", "reason"], "str")
    return frame.astype({**texts, "day": object})


def articles(*rows):
    """Rows of (symbol, age in days at the decision, score, confidence = 0.9, Monday = 2025-12-29) and their scores."""
    full = [(*row, *(0.9, MONDAY)[len(row) - 3 :]) for row in rows]
    times = [decision_time(monday) - timedelta(days=age) for _, age, _, _, monday in full]
    frame = pd.DataFrame(
        {
            "week": pd.Series([str(row[4]) for row in full], dtype="str"),
            "day": pd.Series([news_day(each) for each in times], dtype=object),
            "symbol": pd.Series([row[0] for row in full], dtype="str"),
            "published_at": pd.Series(times, dtype="datetime64[us, UTC]"),
            "headline": pd.Series([f"headline {n}" for n in range(len(rows))], dtype="str"),
            "article_id": pd.Series([f"id {n}" for n in range(len(rows))], dtype="str"),
        }
    ).assign(summary="", publisher="Wire", url="https://example.org")
    scores = pd.DataFrame([row[2:4] for row in full], columns=["score", "confidence"], dtype="float64")
    return frame, scores.assign(p_pos=0.3, p_neg=0.3, p_neu=0.4, label="neutral")


def sentiment(*rows, names=("AAPL",), lost=None, **parameters):
    """The stored table for one week, by symbol."""
    table = weekly_sentiment(coverage(*names, lost=lost), *articles(*rows), MODEL, SignalParameters(**parameters))
    return NewsSentiment.validate(table).set_index("symbol")


def test_the_scene_is_what_the_evidence_assets_store():
    NewsCoverage.validate(coverage("AAPL", lost={("AAPL", 1): "busy"}).assign(source="market"))
    NewsArticles.validate(articles(("AAPL", 1, 0.5))[0])


def test_the_predecessors_weights_give_the_same_score():
    """Its ages were counted from midnight UTC; the same two ages, half a day younger, weigh alike."""
    case = golden("sent-01")
    as_of = datetime.fromisoformat(case["input"]["as_of"])
    dated = case["input"]["articles"][:2]
    ages = [(as_of - datetime.fromisoformat(each["published"])) / timedelta(days=1) for each in dated]
    rows = [("AAPL", age - 0.5, each["score"]) for age, each in zip(ages, dated, strict=True)]
    row = sentiment(*rows).loc["AAPL"]
    assert row["sentiment"] == pytest.approx(case["expected"]["score_first_two"], abs=case["abs_tolerance"])
    assert row["insufficient_news"] == case["expected"]["insufficient_first_two"]


def test_without_articles_the_predecessors_zero_is_null_here():
    assert golden("sent-01")["expected"]["score_none"] == 0.0
    assert math.isnan(sentiment().loc["AAPL", "sentiment"])


def test_the_predecessors_article_from_the_future_with_full_weight_is_refused_here():
    case = golden("sent-01")
    future = max(each["published"] for each in case["input"]["articles"] if each["published"])
    assert datetime.fromisoformat(future) > datetime.fromisoformat(case["input"]["as_of"])
    with pytest.raises(LookAheadError, match=r"AAPL.*id 0"):
        sentiment(("AAPL", -1.5, 0.1))


def test_an_article_of_the_decisions_own_moment_counts_and_one_of_a_microsecond_later_is_refused():
    assert sentiment(("AAPL", 0, 0.5)).loc["AAPL", "sentiment"] == 0.5
    with pytest.raises(LookAheadError):
        sentiment(("AAPL", -1e-6 / 86400, 0.5))


@pytest.mark.parametrize("age", [7, 7.5, 30])
def test_an_article_from_before_the_week_is_refused(age):
    with pytest.raises(DataError, match="from before the week"):
        sentiment(("AAPL", age, 0.5))


def test_the_newest_count_most_and_confidence_is_weighed_alike():
    table = sentiment(("AAPL", 0, 1.0, 0.9), ("AAPL", 3.5, -1.0, 0.5), news_decay_days=3.5).loc["AAPL"]
    weight = math.exp(-1)
    assert table["sentiment"] == round((1 - weight) / (1 + weight), 4)
    assert table["confidence"] == round((0.9 + 0.5 * weight) / (1 + weight), 4)


@pytest.mark.parametrize(
    ("count", "enough", "insufficient"), [(2, 3, True), (3, 3, False), (0, 1, True), (1, 1, False)]
)
def test_fewer_articles_than_asked_for_are_insufficient(count, enough, insufficient):
    row = sentiment(*[("AAPL", n, 0.1) for n in range(count)], min_articles=enough).loc["AAPL"]
    assert row["article_count"] == count
    assert row["insufficient_news"] == insufficient


def test_every_name_of_the_coverage_has_its_own_row_and_its_own_articles():
    """D22: the first caller's names were served to the next, and those that were missing stayed zero."""
    table = sentiment(("MSFT", 1, -0.4), ("AAPL", 1, 0.4), names=("NVDA", "MSFT", "AAPL"))
    assert table.index.tolist() == ["AAPL", "MSFT", "NVDA"]
    assert table["article_count"].tolist() == [1, 1, 0]
    assert table["sentiment"].tolist()[:2] == [0.4, -0.4]
    assert table["reason"].tolist() == ["", "", "no articles"]


def test_days_that_were_not_fetched_are_not_days_without_news():
    """D11: failed requests became permanent rows that said there was nothing."""
    lost = {("AAPL", 1): "HTTP 503", ("AAPL", 0): "HTTP 503", ("MSFT", 3): "no credentials", ("MSFT", 2): "HTTP 503"}
    table = sentiment(("NVDA", 1, 0.2), names=("AAPL", "MSFT", "NVDA", "TSLA"), lost={**lost, ("NVDA", 5): "HTTP 503"})
    assert table["reason"].tolist() == [
        "not fetched: HTTP 503",
        "not fetched: no credentials; HTTP 503",
        "",
        "no articles",
    ]
    assert table["days_missing"].tolist() == [2, 2, 1, 0]
    assert table["sentiment"].isna().tolist() == [True, True, False, True]


def test_when_scoring_failed_every_score_is_null_with_the_reason_and_never_neutral():
    """D29: a failure of the model was stored as a neutral score."""
    table = NewsSentiment.validate(unscored(coverage("MSFT", "AAPL", lost={("AAPL", 1): "busy"}), "model broke", MODEL))
    assert table["symbol"].tolist() == ["AAPL", "MSFT"]
    assert table["reason"].tolist() == ["model broke", "model broke"]
    assert table[["sentiment", "confidence", "headline_score", "headline_at"]].isna().all(axis=None)
    assert table["article_count"].tolist() == [0, 0]
    assert table["days_missing"].tolist() == [1, 0]
    assert table["insufficient_news"].all()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_score_that_is_no_number_is_refused(bad):
    with pytest.raises(DataError, match="id 1"):
        sentiment(("AAPL", 1, 0.5), ("AAPL", 1, bad))


def test_scores_of_other_articles_are_refused():
    texts, scores = articles(("AAPL", 1, 0.5), ("AAPL", 2, 0.5))
    with pytest.raises(DataError, match="1 scores for 2 articles"):
        weekly_sentiment(coverage("AAPL"), texts, scores.head(1), MODEL, SignalParameters())


def test_an_article_of_a_name_without_coverage_is_refused():
    with pytest.raises(DataError, match="MSFT"):
        sentiment(("AAPL", 1, 0.5), ("MSFT", 1, 0.5))


@pytest.mark.parametrize("change", [lambda days: days.iloc[1:], lambda days: pd.concat([days, days.iloc[:1]])])
def test_a_week_that_does_not_say_what_is_known_of_each_of_its_days_is_refused(change):
    with pytest.raises(DataError, match="AAPL"):
        weekly_sentiment(change(coverage("AAPL")), *articles(), MODEL, SignalParameters())


def test_the_headline_is_the_one_that_moved_the_score_most():
    row = sentiment(("AAPL", 0, 0.3), ("AAPL", 1, -0.9), ("AAPL", 6.5, 0.95), names=("AAPL", "MSFT")).loc["AAPL"]
    assert row["headline"] == "headline 1"
    assert row["headline_score"] == -0.9
    assert row["headline_at"] == AS_OF - timedelta(days=1)
    assert row["headline_publisher"] == "Wire"


def test_of_headlines_that_moved_it_alike_the_newest_is_named_then_the_first_by_id():
    assert sentiment(("AAPL", 3, 0.0), ("AAPL", 1, 0.0), ("AAPL", 2, 0.0)).loc["AAPL", "headline"] == "headline 1"
    assert sentiment(("AAPL", 1, 0.2), ("AAPL", 1, -0.2)).loc["AAPL", "headline"] == "headline 0"


def test_the_strongest_articles_are_told_with_what_they_weighed():
    row = sentiment(("AAPL", 1, 0.1), ("AAPL", 1, 0.9), ("AAPL", 1, -0.5), top_articles=2).loc["AAPL"]
    told = json.loads(row["top_articles"])
    assert [each["score"] for each in told] == [0.9, -0.5]
    assert told[0] == {
        "headline": "headline 1",
        "publisher": "Wire",
        "published_at": "2025-12-28T12:30:00Z",
        "url": "https://example.org",
        "score": 0.9,
        "label": "neutral",
        "weight": round(math.exp(-1 / 7), 4),
    }


def test_a_name_without_articles_names_none():
    row = sentiment().loc["AAPL"]
    assert (row["headline"], row["headline_publisher"], row["top_articles"]) == ("", "", "[]")
    assert pd.isna(row["headline_score"])
    assert pd.isna(row["headline_at"])


def test_no_names_are_an_empty_table_that_can_be_stored():
    table = weekly_sentiment(coverage(), *articles(), MODEL, SignalParameters())
    assert len(NewsSentiment.validate(table)) == 0
    assert len(NewsSentiment.validate(unscored(coverage(), "model broke", MODEL))) == 0


def invented(weeks, seed):
    """Coverage, articles and scores of some names over some weeks."""
    rng = np.random.default_rng(seed)
    names, mondays = ["AAPL", "MSFT", "NVDA"], [MONDAY - timedelta(weeks=n) for n in reversed(range(weeks))]
    rows = [
        (names[rng.integers(3)], rng.uniform(0, 6.99), round(rng.uniform(-1, 1), 4), rng.uniform(0.3, 1), monday)
        for monday in mondays
        for _ in range(rng.poisson(6))
    ]
    return coverage(*names, mondays=mondays, lost={("MSFT", 3): "busy"}), *articles(*rows)


def test_one_week_alone_reads_the_same_as_in_a_call_with_ten_years():
    """D10: history and today were computed by different code."""
    days, texts, scores = invented(520, seed=1)
    together = weekly_sentiment(days, texts, scores, MODEL, SignalParameters())
    for week in (str(MONDAY), str(MONDAY - timedelta(weeks=300))):
        inside = (texts["week"] == week).to_numpy()
        alone = weekly_sentiment(days[days["week"] == week], texts[inside], scores[inside], MODEL, SignalParameters())
        pd.testing.assert_frame_equal(alone, together[together["week"] == week].reset_index(drop=True))


def test_what_is_written_later_changes_no_earlier_week():
    """D2: the state of a week held the evidence of the next."""
    days, texts, scores = invented(6, seed=2)
    before = weekly_sentiment(days, texts, scores, MODEL, SignalParameters())
    changed = scores.assign(score=scores["score"].where(texts["week"] < str(MONDAY), -1.0))
    after = weekly_sentiment(days, texts, changed, MODEL, SignalParameters())
    earlier = before["week"] < str(MONDAY)
    pd.testing.assert_frame_equal(before[earlier], after[earlier])
    assert not before[~earlier].equals(after[~earlier])


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_any_order_of_the_same_articles_gives_the_same_table_and_the_score_of_the_formula(seed):
    days, texts, scores = invented(3, seed)
    table = weekly_sentiment(days, texts, scores, MODEL, SignalParameters())
    order = np.random.default_rng(seed).permutation(len(texts))
    mixed = weekly_sentiment(
        days.sample(frac=1, random_state=1), texts.iloc[order], scores.iloc[order], MODEL, SignalParameters()
    )
    pd.testing.assert_frame_equal(table, mixed)
    for row in table.itertuples():
        mine = ((texts["week"] == row.week) & (texts["symbol"] == row.symbol)).to_numpy()
        as_of = decision_time(date.fromisoformat(row.week))
        ages = [(as_of - each).total_seconds() / 86400 for each in texts.loc[mine, "published_at"]]
        weights = [math.exp(-age / 7) for age in ages]
        if weights:
            expected = math.fsum(w * s for w, s in zip(weights, scores.loc[mine, "score"], strict=True)) / math.fsum(
                weights
            )
            assert row.sentiment == pytest.approx(expected, abs=5.1e-5)
        else:
            assert math.isnan(row.sentiment)
