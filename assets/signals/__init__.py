"""Stage signals: what a decision may read of news, filings and prices."""

from typing import Any

from assets.signals.features import state_features, technical_features
from assets.signals.filings import filings, fundamentals, halal_screen
from assets.signals.history import daily_sentiment, sentiment_gaps, sentiment_upload
from assets.signals.news import news, news_sentiment


def signal_assets() -> list[Any]:  # shared arguments of a decorator hide from the type checker what it makes
    """Every asset of the stage."""
    return [
        news,
        news_sentiment,
        filings,
        fundamentals,
        halal_screen,
        state_features,
        technical_features,
        daily_sentiment,
        sentiment_gaps,
        sentiment_upload,
    ]
