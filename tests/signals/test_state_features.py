from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.schemas.signals import Fundamentals, NewsSentiment, StateFeatures, TechnicalFeatures
from learnfinance_dagster.signals import SIGNALS
from learnfinance_dagster.signals.state import FEATURES, state_features

WEEK, NEXT = "2025-12-22", "2025-12-29"
RATIOS = [name for name in Fundamentals.to_schema().columns if name.endswith(("_ttm", "_quarter", "_ratio", "_equity"))]


def news(*rows):
    """Rows of (week, symbol, sentiment or None, days missing)."""
    frame = pd.DataFrame(rows, columns=["week", "symbol", "sentiment", "days_missing"])
    frame = frame.assign(
        confidence=0.9,
        article_count=1,
        insufficient_news=frame["sentiment"].isna(),
        headline="",
        headline_score=np.nan,
        headline_at=pd.NaT,
        headline_publisher="",
        top_articles="[]",
        model="vader@3.3.2",
        reason="",
    )
    return NewsSentiment.validate(frame)


def ratios(*rows):
    """Rows of (week, symbol, value): every ratio has that value, the age ten times as much."""
    frame = pd.DataFrame([row[:2] for row in rows], columns=["week", "symbol"])
    values = pd.Series([row[2] for row in rows], dtype="float64")
    frame = frame.assign(**dict.fromkeys(RATIOS, values), fundamental_age=values * 10, source="edgar", reason="")
    dates = pd.Series([date(2025, 9, 30)] * len(rows), dtype=object)
    return Fundamentals.validate(frame.assign(fiscal_date_ending=dates, available_on=dates))


def state(sentiment, fundamentals):
    return StateFeatures.validate(state_features(sentiment, fundamentals))


def test_features_are_the_columns_of_the_documented_table_in_its_order():
    table = state_features(news((WEEK, "AAPL", 0.5, 0)), ratios((WEEK, "AAPL", 0.1)))
    assert tuple(table.columns) == ("week", "symbol", *FEATURES)
    assert tuple(table.columns) == tuple(StateFeatures.to_schema().columns)


def test_every_feature_belongs_to_exactly_one_registered_signal():
    stored = {"state_features": FEATURES, "technical_features": tuple(TechnicalFeatures.to_schema().columns)[2:]}
    for asset, columns in stored.items():
        assert tuple(name for each in SIGNALS if each.asset == asset for name in each.features) == columns
    assert {each.asset for each in SIGNALS} == set(stored)
    assert len({each.name for each in SIGNALS}) == len(SIGNALS)


def test_a_name_of_either_table_has_a_row_and_what_is_not_known_is_null():
    table = state(news((WEEK, "AAPL", 0.5, 0)), ratios((WEEK, "MSFT", 0.1))).set_index("symbol")
    assert table.index.tolist() == ["AAPL", "MSFT"]
    assert table.loc["AAPL", ["gross_margin", "debt_to_equity", "fundamental_age"]].isna().all()
    assert np.isnan(table.loc["MSFT", "news_sentiment"])
    assert table.loc["MSFT", ["insufficient_news", "news_unknown"]].tolist() == [1.0, 1.0]


def test_days_that_were_not_fetched_are_told_as_a_share_of_the_week():
    table = state(news((WEEK, "AAPL", None, 7), (WEEK, "MSFT", 0.5, 1)), ratios())
    assert table["news_unknown"].tolist() == [1.0, pytest.approx(1 / 7)]
    assert table["insufficient_news"].tolist() == [1.0, 0.0]


def test_margins_are_those_of_four_quarters():
    """D10: the predecessor trained on quarters and served four."""
    statements = ratios((WEEK, "AAPL", 0.1)).assign(gross_margin_ttm=0.4, operating_margin_ttm=0.2, net_margin_ttm=0.3)
    row = state(news((WEEK, "AAPL", 0.5, 0)), statements).iloc[0]
    assert row[["gross_margin", "operating_margin", "net_margin"]].tolist() == [0.4, 0.2, 0.3]


def test_rows_in_another_order_are_joined_on_week_and_name():
    """D31: series were put side by side by position, whatever their dates."""
    pairs = [(week, name) for week in (WEEK, NEXT) for name in ("AAPL", "MSFT", "NVDA")]
    sentiment = news(*((*pair, n / 10, 0) for n, pair in enumerate(pairs)))
    fundamentals = ratios(*((*pair, n / 10 + 1) for n, pair in enumerate(pairs)))
    planted = fundamentals.iloc[[3, 0, 5, 1, 4, 2]].set_index(pd.Index([9, 9, 9, 1, 2, 3]))
    table = state(sentiment.iloc[::-1], planted)
    pd.testing.assert_frame_equal(table, state(sentiment, fundamentals))
    assert table["gross_margin"].tolist() == pytest.approx((table["news_sentiment"] + 1).tolist())


def test_a_week_holds_only_its_own_evidence_and_nothing_is_carried_over():
    """D2: the state of a week held the news and statements of the next."""
    sentiment = news((WEEK, "AAPL", 0.1, 0), (NEXT, "AAPL", 0.9, 0), (WEEK, "MSFT", 0.2, 0))
    fundamentals = ratios((WEEK, "AAPL", 0.1), (NEXT, "AAPL", 0.9), (NEXT, "MSFT", 0.7))
    table = state(sentiment, fundamentals).set_index(["week", "symbol"])
    assert table.loc[(WEEK, "AAPL"), ["news_sentiment", "gross_margin"]].tolist() == [0.1, 0.1]
    assert np.isnan(table.loc[(WEEK, "MSFT"), "gross_margin"])
    assert np.isnan(table.loc[(NEXT, "MSFT"), "news_sentiment"])
    later = state(sentiment.assign(sentiment=-1.0).where(sentiment["week"] == NEXT, sentiment), fundamentals)
    pd.testing.assert_frame_equal(later.iloc[:2], table.reset_index().iloc[:2])


def test_one_week_alone_reads_the_same_as_in_a_call_with_ten_years():
    """D10: history and today were computed by different code."""
    weeks = [str(date(2016, 1, 4) + timedelta(weeks=n)) for n in range(520)]
    rng = np.random.default_rng(7)
    rows = [(week, name, *rng.random(2)) for week in weeks for name in ("AAPL", "MSFT") if rng.random() < 0.9]
    sentiment = news(*((week, name, tone, 0) for week, name, tone, _ in rows))
    fundamentals = ratios(*((week, name, value) for week, name, _, value in rows[::2]))
    together = state(sentiment, fundamentals)
    for week in (weeks[0], weeks[300], weeks[-1]):
        alone = state(*(table[table["week"] == week] for table in (sentiment, fundamentals)))
        pd.testing.assert_frame_equal(alone, together[together["week"] == week].reset_index(drop=True))


def test_a_name_that_is_twice_in_a_week_is_refused():
    once, twice = news((WEEK, "AAPL", 0.5, 0)), ratios((WEEK, "AAPL", 0.1), (WEEK, "AAPL", 0.2))
    with pytest.raises(DataError, match="fundamentals: AAPL is there twice in the week 2025-12-22"):
        state_features(once, twice)
    with pytest.raises(DataError, match="news sentiment"):
        state_features(pd.concat([once, once]), ratios())


def test_no_names_are_an_empty_table_that_can_be_stored():
    assert len(state(news(), ratios())) == 0


def test_a_model_that_failed_is_not_the_state_of_a_name_about_which_nothing_was_written():
    """Both are imputed as no opinion; only the flag keeps a failure from passing for silence."""
    silent = news((WEEK, "AAPL", None, 0)).assign(reason="no articles")
    failed = news((WEEK, "AAPL", None, 0)).assign(reason="failed: no weights")
    assert state(silent, ratios())["news_unknown"].tolist() == [0.0]
    assert state(failed, ratios())["news_unknown"].tolist() == [1.0]
