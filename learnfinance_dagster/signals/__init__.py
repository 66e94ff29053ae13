"""Signals: what a decision may read of the evidence. Adding one is a file and a line here."""

from learnfinance_dagster.schemas.signals import TechnicalFeatures
from learnfinance_dagster.signals.signal import Signal
from learnfinance_dagster.signals.state import FEATURES

_NEWS = ("news_sentiment", "insufficient_news", "news_unknown")
_RATIOS = tuple(name for name in FEATURES if name not in _NEWS)
_PRICES = tuple(name for name in TechnicalFeatures.to_schema().columns if name not in {"week", "symbol"})

SIGNALS: tuple[Signal, ...] = (
    Signal("news_sentiment", "tone of the week's articles, and how much of the week is known", "state_features", _NEWS),
    Signal("fundamentals", "ratios of the newest public filing, and its age", "state_features", _RATIOS),
    Signal("technical", "what prices alone say", "technical_features", _PRICES),
)
