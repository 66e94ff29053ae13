"""Frames of the stage signals. Null means not known; a number is never made up in its place."""

import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from learnfinance_dagster.schemas import evidence
from learnfinance_dagster.schemas.evidence import COVERAGE, COVERED, DAY
from learnfinance_dagster.schemas.frame import ArtifactFrame


class NewsArticles(ArtifactFrame, evidence.Article):
    """One row per article and name that it is about, published in the seven news days before the decision."""


class NewsCoverage(ArtifactFrame, evidence.NewsCoverage):
    """One row per news day and name: what is known of its news."""

    source: Series[str] = pa.Field(description="who was asked")


class NewsSentiment(ArtifactFrame):
    """One row per name: the tone of the week's articles, the newest counting most."""

    symbol: Series[str] = pa.Field(description="name")
    sentiment: Series[float] = pa.Field(
        ge=-1, le=1, nullable=True, description="Σ w·score / Σ w, w = exp(-age in days / 7); null without articles"
    )
    confidence: Series[float] = pa.Field(
        ge=0, le=1, nullable=True, description="the model's confidence, averaged with the same weights"
    )
    article_count: Series[int] = pa.Field(ge=0, description="articles scored")
    insufficient_news: Series[bool] = pa.Field(description="fewer articles than `min_articles`: hardly a signal")
    days_missing: Series[int] = pa.Field(ge=0, le=7, description="news days of the week that were not fetched")
    headline: Series[str] = pa.Field(description="the headline that moved the score most; empty without articles")
    headline_score: Series[float] = pa.Field(ge=-1, le=1, nullable=True, description="that article's own score")
    headline_at: Series[pd.DatetimeTZDtype] = pa.Field(
        dtype_kwargs={"unit": "us", "tz": "UTC"}, nullable=True, description="when it was published, UTC"
    )
    headline_publisher: Series[str] = pa.Field(description="who published it")
    top_articles: Series[str] = pa.Field(description="the articles that moved the score most, JSON, strongest first")
    model: Series[str] = pa.Field(description="which model scored, name@revision")
    reason: Series[str] = pa.Field(description="why there is no score; empty when there is one")


class DailySentiment(ArtifactFrame):
    """One row per news day and name: the history that training reads."""

    date: Series[object] = pa.Field(description=DAY)
    symbol: Series[str] = pa.Field(description="name")
    state: Series[str] = pa.Field(isin=COVERAGE, description=COVERED)
    sentiment: Series[float] = pa.Field(
        ge=-1, le=1, nullable=True, description="Σ confidence·score / Σ confidence; null without articles"
    )
    article_count: Series[int] = pa.Field(ge=0, description="articles scored")
    confidence: Series[float] = pa.Field(ge=0, le=1, nullable=True, description="mean confidence of the model")
    p_pos: Series[float] = pa.Field(ge=0, le=1, nullable=True, description="mean probability of good news")
    p_neg: Series[float] = pa.Field(ge=0, le=1, nullable=True, description="mean probability of bad news")
    model: Series[str] = pa.Field(description="which model scored, name@revision")
    reason: Series[str] = pa.Field(description="why the day was not fetched; empty when it was")


class SentimentGaps(ArtifactFrame):
    """One row per name with news days that matter (a session lies in them or follows them) and were not fetched."""

    symbol: Series[str] = pa.Field(description="name")
    days: Series[int] = pa.Field(ge=1, le=7, description="news days of the week that matter")
    missing: Series[int] = pa.Field(ge=1, le=7, description="of them, not fetched")
    first_missing: Series[object] = pa.Field(description="first of them")
    last_missing: Series[object] = pa.Field(description="last of them")
    reason: Series[str] = pa.Field(description="why they are missing")


class Filings(ArtifactFrame):
    """The newest statements of each name that were public at the decision; a name without any has one empty row."""

    symbol: Series[str] = pa.Field(description="name")
    fiscal_date_ending: Series[object] = pa.Field(nullable=True, description="end of the fiscal quarter")
    available_on: Series[object] = pa.Field(nullable=True, description="day it became public")
    total_revenue: Series[float] = pa.Field(nullable=True, description="of the quarter, USD")
    gross_profit: Series[float] = pa.Field(nullable=True, description="of the quarter, USD")
    operating_income: Series[float] = pa.Field(nullable=True, description="of the quarter, USD")
    net_income: Series[float] = pa.Field(nullable=True, description="of the quarter, USD")
    total_assets: Series[float] = pa.Field(nullable=True, description="USD")
    total_current_assets: Series[float] = pa.Field(nullable=True, description="USD")
    cash_and_equivalents: Series[float] = pa.Field(nullable=True, description="USD")
    net_receivables: Series[float] = pa.Field(nullable=True, description="USD")
    total_current_liabilities: Series[float] = pa.Field(nullable=True, description="USD")
    total_liabilities: Series[float] = pa.Field(nullable=True, description="USD")
    total_debt: Series[float] = pa.Field(nullable=True, description="USD")
    total_shareholder_equity: Series[float] = pa.Field(nullable=True, description="USD; may be negative")
    shares_outstanding: Series[float] = pa.Field(nullable=True, description="as the source gives them")
    source: Series[str] = pa.Field(description="who gave it")
    missing: Series[str] = pa.Field(description="why there is no statement; empty when there is one")


class Fundamentals(ArtifactFrame):
    """One row per name: ratios of the newest filing that was public, and why those that are null are null."""

    symbol: Series[str] = pa.Field(description="name")
    fiscal_date_ending: Series[object] = pa.Field(nullable=True, description="period of the newest public filing")
    available_on: Series[object] = pa.Field(nullable=True, description="day it became public")
    fundamental_age: Series[float] = pa.Field(
        gt=0, nullable=True, description="quarters (of 365.25/4 days) from that day to the decision"
    )
    gross_margin_quarter: Series[float] = pa.Field(nullable=True, description="gross profit / revenue, that quarter")
    operating_margin_quarter: Series[float] = pa.Field(
        nullable=True, description="operating income / revenue, that quarter"
    )
    net_margin_quarter: Series[float] = pa.Field(nullable=True, description="net income / revenue, that quarter")
    gross_margin_ttm: Series[float] = pa.Field(nullable=True, description="gross profit / revenue, four quarters")
    operating_margin_ttm: Series[float] = pa.Field(
        nullable=True, description="operating income / revenue, four quarters"
    )
    net_margin_ttm: Series[float] = pa.Field(nullable=True, description="net income / revenue, four quarters")
    current_ratio: Series[float] = pa.Field(nullable=True, description="current assets / current liabilities")
    debt_to_equity: Series[float] = pa.Field(nullable=True, description="total debt / shareholder equity")
    source: Series[str] = pa.Field(description="who gave the filing; empty without one")
    reason: Series[str] = pa.Field(description="why ratios are null, one clause each; empty when none is")


class HalalScreen(ArtifactFrame):
    """One row per name that halal funds hold: the house's own ratio screen. A fail disagrees with the funds."""

    symbol: Series[str] = pa.Field(description="name")
    verdict: Series[str] = pa.Field(
        isin=["pass", "fail", "unknown"],
        description="fail: a known ratio is at its limit; unknown: none is, but one is missing",
    )
    basis: Series[str] = pa.Field(isin=["total_assets", "market_value"], description="what the ratios are taken of")
    denominator: Series[float] = pa.Field(nullable=True, gt=0, description="that amount, USD")
    debt_ratio: Series[float] = pa.Field(nullable=True, description="interest-bearing debt / denominator")
    cash_ratio: Series[float] = pa.Field(
        nullable=True, description="cash and interest-bearing securities / denominator"
    )
    receivables_ratio: Series[float] = pa.Field(nullable=True, description="receivables / denominator")
    fiscal_date_ending: Series[object] = pa.Field(nullable=True, description="period of the filing used")
    available_on: Series[object] = pa.Field(nullable=True, description="day it became public")
    reason: Series[str] = pa.Field(description="which ratio fails or is missing; empty for a pass")


class StateFeatures(ArtifactFrame):
    """One row per name: what learned allocators read, in this order. Null is missing; imputation comes later."""

    symbol: Series[str] = pa.Field(description="name")
    news_sentiment: Series[float] = pa.Field(ge=-1, le=1, nullable=True, description="`news_sentiment.sentiment`")
    insufficient_news: Series[float] = pa.Field(isin=[0.0, 1.0], description="1: fewer articles than `min_articles`")
    news_unknown: Series[float] = pa.Field(
        ge=0, le=1, description="share of the week's seven news days that were not fetched; 1 where scoring failed"
    )
    gross_margin: Series[float] = pa.Field(nullable=True, description="`fundamentals.gross_margin_ttm`")
    operating_margin: Series[float] = pa.Field(nullable=True, description="`fundamentals.operating_margin_ttm`")
    net_margin: Series[float] = pa.Field(nullable=True, description="`fundamentals.net_margin_ttm`")
    current_ratio: Series[float] = pa.Field(nullable=True, description="`fundamentals.current_ratio`")
    debt_to_equity: Series[float] = pa.Field(nullable=True, description="`fundamentals.debt_to_equity`")
    fundamental_age: Series[float] = pa.Field(gt=0, nullable=True, description="`fundamentals.fundamental_age`")


class TechnicalFeatures(ArtifactFrame):
    """One row per name: what prices alone say, from total-return prices up to the week's last session."""

    symbol: Series[str] = pa.Field(description="name")
    rsi_14: Series[float] = pa.Field(ge=0, le=100, nullable=True, description="Wilder's relative strength index")
    macd: Series[float] = pa.Field(nullable=True, description="EMA12 - EMA26, as a share of the close")
    macd_signal: Series[float] = pa.Field(nullable=True, description="EMA9 of the MACD line, as a share of the close")
    atr_14: Series[float] = pa.Field(ge=0, nullable=True, description="Wilder's average true range / close")
    volatility_21: Series[float] = pa.Field(
        ge=0, nullable=True, description="standard deviation of 21 daily log returns, a year"
    )
    momentum_4w: Series[float] = pa.Field(nullable=True, description="return of the last 20 sessions")
    momentum_12w: Series[float] = pa.Field(nullable=True, description="return of the last 60 sessions")
    momentum_26w: Series[float] = pa.Field(nullable=True, description="return of the last 130 sessions")
    dc_trend: Series[float] = pa.Field(
        isin=[-1.0, 1.0], nullable=True, description="direction of the last confirmed directional change"
    )
    dc_overshoot: Series[float] = pa.Field(
        nullable=True, description="return since that change was confirmed, in thresholds"
    )
    dc_age: Series[float] = pa.Field(ge=0, nullable=True, description="sessions since it was confirmed")
    dc_count: Series[float] = pa.Field(ge=0, nullable=True, description="changes confirmed in the last 60 sessions")
