import json
import math
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from learnfinance_dagster.calendar import decision_time, matters, monday_of
from learnfinance_dagster.errors import DataError, LookAheadError
from learnfinance_dagster.schemas.signals import DailySentiment, SentimentGaps
from learnfinance_dagster.signals.daily_sentiment import daily_sentiment, sentiment_gaps

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "spec" / "cases.json"
MONDAY = date(2025, 12, 29)  # the Thursday before it was Christmas
MODEL = "vader@3.3.2"


def golden(case_id):
    if not CASES.exists():
        pytest.skip("the predecessor's cases are not on this machine")
    return next(case for case in json.loads(CASES.read_text())["cases"] if case["id"].startswith(case_id))


def week_of_day(day):
    """The Monday whose decision learns of a news day."""
    return str(monday_of(day + timedelta(days=6)))


def coverage(*rows):
    """Rows of (day, symbol), (day, symbol, state) or (day, symbol, state, reason)."""
    full = [(*row, *("no_articles", "")[len(row) - 2 :]) for row in rows]
    frame = pd.DataFrame(full, columns=["day", "symbol", "state", "reason"])
    frame.insert(0, "week", [week_of_day(day) for day in frame["day"]])
    return frame.astype({**dict.fromkeys(["week", "symbol", "state", "reason"], "str"), "day": object})


def articles(*rows, late=timedelta()):
    """Rows of (day, symbol, p_pos, p_neg, p_neu) → articles published at the end of their day, and their scores."""
    frame = pd.DataFrame(
        {
            "week": pd.Series([week_of_day(row[0]) for row in rows], dtype="str"),
            "day": pd.Series([row[0] for row in rows], dtype=object),
            "symbol": pd.Series([row[1] for row in rows], dtype="str"),
            "published_at": pd.Series([decision_time(row[0]) + late for row in rows], dtype="datetime64[us, UTC]"),
        }
    ).assign(headline="news", summary="", publisher="", url="", article_id="1")
    scores = pd.DataFrame([row[2:] for row in rows], columns=["p_pos", "p_neg", "p_neu"], dtype="float64")
    confidence = scores.max(axis=1).astype("float64")
    return frame, scores.assign(score=scores["p_pos"] - scores["p_neg"], confidence=confidence, label="neutral")


def daily(days, *rows, **kwargs):
    return DailySentiment.validate(daily_sentiment(days, *articles(*rows, **kwargs), MODEL))


def days_before(monday, name, lost):
    """The seven news days of a week for a name; `lost`: day → reason."""
    days = [monday - timedelta(days=back) for back in range(6, -1, -1)]
    return [(day, name, *(("not_fetched", lost[day]) if day in lost else ())) for day in days]


def test_the_predecessors_gap_fill_gives_the_same_days_and_its_other_producer_is_not_ours():
    """It had two producers that disagreed; here every article counts, so there are no `bulk_etl_rows`."""
    case = golden("sent-02")
    rows = [
        (date.fromisoformat(each["date"]), each["symbol"], each["p_pos"], each["p_neg"], each["p_neu"])
        for each in case["input"]["articles"]
    ]
    table = daily(coverage(*dict.fromkeys((row[0], row[1], "articles") for row in rows)), *rows)
    expected = case["expected"]["gap_fill_rows"]
    assert [(str(day), name) for day, name in zip(table["date"], table["symbol"], strict=True)] == [
        (each["date"], each["symbol"]) for each in expected
    ]
    pairs = {"sentiment": "sentiment_score", "confidence": "avg_confidence", "p_pos": "p_pos_avg", "p_neg": "p_neg_avg"}
    for ours, theirs in {**pairs, "article_count": "article_count"}.items():
        assert table[ours].tolist() == pytest.approx([each[theirs] for each in expected], abs=case["abs_tolerance"])


def test_a_day_without_articles_and_a_day_that_nobody_fetched_are_null_and_told_apart():
    """D11: failed requests became permanent rows that said there was nothing."""
    table = daily(coverage((MONDAY, "AAPL"), (MONDAY, "MSFT", "not_fetched", "HTTP 503")))
    assert table["state"].tolist() == ["no_articles", "not_fetched"]
    assert table["reason"].tolist() == ["", "HTTP 503"]
    assert table["article_count"].tolist() == [0, 0]
    assert table[["sentiment", "confidence", "p_pos", "p_neg"]].isna().all(axis=None)


def test_the_first_articles_of_a_day_that_is_not_over_are_counted_but_are_not_the_day():
    days = coverage((MONDAY, "AAPL", "not_fetched", "the day is not over"))
    row = daily(days, (MONDAY, "AAPL", 0.9, 0.05, 0.05)).iloc[0]
    assert row["article_count"] == 1
    assert math.isnan(row["sentiment"])


def test_articles_of_another_day_or_name_do_not_count():
    sunday = MONDAY - timedelta(days=1)
    days = coverage((MONDAY, "AAPL"), (MONDAY, "MSFT"), (sunday, "AAPL"))
    table = daily(days, (MONDAY, "MSFT", 0.8, 0.1, 0.1))
    assert table[["date", "symbol", "article_count"]].to_numpy().tolist() == [
        [sunday, "AAPL", 0],
        [MONDAY, "AAPL", 0],
        [MONDAY, "MSFT", 1],
    ]


def test_an_article_from_after_its_news_day_is_refused():
    with pytest.raises(LookAheadError, match="AAPL"):
        daily(coverage((MONDAY, "AAPL")), (MONDAY, "AAPL", 0.8, 0.1, 0.1), late=timedelta(microseconds=1))


def test_an_article_of_a_day_without_coverage_is_refused():
    with pytest.raises(DataError, match="coverage"):
        daily(coverage((MONDAY, "AAPL")), (MONDAY, "MSFT", 0.8, 0.1, 0.1))


def test_a_day_that_is_covered_twice_is_refused():
    with pytest.raises(DataError, match="AAPL: two rows"):
        daily(coverage((MONDAY, "AAPL"), (MONDAY, "AAPL")))


def test_one_week_alone_reads_the_same_as_among_others():
    """D10: history and today were computed by different code."""
    mondays = [MONDAY - timedelta(weeks=n) for n in (2, 1, 0)]
    days = [row for monday in mondays for name in ("AAPL", "MSFT") for row in days_before(monday, name, {})]
    rows = [(day, name, 0.1 + day.day / 50, 0.1, 0.1) for day, name in days[::3]]
    together = daily(coverage(*days), *rows)
    week = str(mondays[1])
    alone = daily(
        coverage(*(row for row in days if week_of_day(row[0]) == week)),
        *(row for row in rows if week_of_day(row[0]) == week),
    )
    pd.testing.assert_frame_equal(alone, together[together["week"] == week].reset_index(drop=True))


def test_a_name_whose_days_were_all_fetched_has_no_gap():
    assert len(SentimentGaps.validate(sentiment_gaps(daily(coverage(*days_before(MONDAY, "AAPL", {})))))) == 0


def test_no_days_have_no_gaps():
    assert len(SentimentGaps.validate(sentiment_gaps(daily(coverage())))) == 0


def test_weekends_and_holidays_are_no_gaps():
    """The predecessor counted every calendar day. The day after a session still matters: it holds that afternoon."""
    idle = [day for day, _ in days_before(MONDAY, "AAPL", {}) if not matters(day)]
    assert idle == [date(2025, 12, 28)]
    table = sentiment_gaps(daily(coverage(*days_before(MONDAY, "AAPL", dict.fromkeys(idle, "busy")))))
    assert len(table) == 0


def test_a_gap_says_how_much_is_missing_from_when_to_when_and_why():
    tuesday, friday, sunday = (MONDAY - timedelta(days=back) for back in (6, 3, 1))
    lost = {tuesday: "HTTP 503", friday: "not asked", sunday: "asleep"}
    rows = days_before(MONDAY, "MSFT", {friday: "HTTP 503", tuesday: "HTTP 503"}) + days_before(MONDAY, "AAPL", lost)
    table = SentimentGaps.validate(sentiment_gaps(daily(coverage(*rows))))
    assert table.drop(columns="week").to_numpy().tolist() == [
        ["AAPL", 6, 2, tuesday, friday, "HTTP 503; not asked"],
        ["MSFT", 6, 2, tuesday, friday, "HTTP 503"],
    ]
    assert table["week"].tolist() == [str(MONDAY)] * 2


def test_each_week_has_its_own_gaps():
    earlier = MONDAY - timedelta(weeks=1)
    rows = days_before(MONDAY, "AAPL", {MONDAY: "busy"}) + days_before(earlier, "AAPL", {earlier: "asleep"})
    table = sentiment_gaps(daily(coverage(*rows)))
    assert table[["week", "missing", "reason"]].to_numpy().tolist() == [
        [str(earlier), 1, "asleep"],
        [str(MONDAY), 1, "busy"],
    ]
