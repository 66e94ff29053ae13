"""Frames that weekly assets store. Every one has a `week` column, by which runs over many weeks are split."""

import pandera.pandas as pa
from pandera.typing import Series

from learnfinance_dagster.schemas.forecasts import Forecast, WalkForward
from learnfinance_dagster.schemas.frame import ArtifactFrame
from learnfinance_dagster.schemas.policies import PolicyHistory
from learnfinance_dagster.schemas.signals import (
    DailySentiment,
    Filings,
    Fundamentals,
    HalalScreen,
    NewsArticles,
    NewsCoverage,
    NewsSentiment,
    SentimentGaps,
    StateFeatures,
    TechnicalFeatures,
)


class HalalUniverse(ArtifactFrame):
    """One row per holding of the halal funds, merged."""

    symbol: Series[str] = pa.Field(description="ticker, aliases resolved")
    max_weight: Series[float] = pa.Field(ge=0, le=100, description="largest weight in any fund, percent")
    sources: Series[str] = pa.Field(description="funds that hold it, comma separated")
    holdings_date: Series[object] = pa.Field(description="date of the newest holdings used")
    age_days: Series[int] = pa.Field(gt=0, description="days from that date to the decision; never in the future")
    excluded: Series[str] = pa.Field(description="why it may not be held; empty when it may")


class ScreenedUniverse(ArtifactFrame):
    """One row per candidate, with the reason it was kept or dropped."""

    symbol: Series[str] = pa.Field(description="ticker")
    rank: Series[int] = pa.Field(ge=0, description="1 = largest dollar volume; 0 = failed a filter")
    kept: Series[bool] = pa.Field(description="allocators may hold it")
    held: Series[bool] = pa.Field(description="an account holds it now")
    reason: Series[str] = pa.Field(str_length={"min_value": 1}, description="why it was kept or dropped")
    sessions: Series[int] = pa.Field(ge=0, description="sessions of history in the window")
    dollar_volume: Series[float] = pa.Field(ge=0, description="median USD traded a day over 60 sessions")
    price: Series[float] = pa.Field(nullable=True, gt=0, description="last close known, USD")
    price_date: Series[object] = pa.Field(nullable=True, description="session of that close")
    max_weight: Series[float] = pa.Field(ge=0, le=100, description="largest weight in any halal fund, percent")


class DailyBars(ArtifactFrame):
    """The sessions that closed since the Monday before, as the source gave them."""

    date: Series[object] = pa.Field(description="session, New York date")
    symbol: Series[str] = pa.Field(description="ticker")
    open: Series[float] = pa.Field(gt=0, description="USD")
    high: Series[float] = pa.Field(gt=0, description="USD")
    low: Series[float] = pa.Field(gt=0, description="USD")
    close: Series[float] = pa.Field(gt=0, description="USD")
    volume: Series[float] = pa.Field(ge=0, description="shares")
    split_ratio: Series[float] = pa.Field(gt=0, description="new shares per old on this ex-date; 1 = none")
    dividend: Series[float] = pa.Field(ge=0, description="USD a share on this ex-date; 0 = none")
    delisting: Series[float] = pa.Field(ge=0, description="USD paid a share when the listing ended; 0 = listed")


FRAMES: dict[str, type[ArtifactFrame]] = {
    "halal_universe": HalalUniverse,
    "screened_universe": ScreenedUniverse,
    "daily_bars": DailyBars,
    "news_articles": NewsArticles,
    "news_coverage": NewsCoverage,
    "news_sentiment": NewsSentiment,
    "filings": Filings,
    "fundamentals": Fundamentals,
    "halal_screen": HalalScreen,
    "state_features": StateFeatures,
    "technical_features": TechnicalFeatures,
    "daily_sentiment": DailySentiment,
    "sentiment_gaps": SentimentGaps,
    "lstm_forecast": Forecast,
    "patchtst_forecast": Forecast,
    "transfer_lstm_forecast": Forecast,
    "walk_forward_forecasts": WalkForward,
    "policy_history": PolicyHistory,
}
"""Asset → what it stores."""

HISTORY = frozenset({"daily_sentiment", "sentiment_gaps", "walk_forward_forecasts", "policy_history"})
"""Frames that no decision reads: they may be completed later, also for weeks that were traded."""
