"""Doors to articles, filings and sentiment models, by the words of the settings.

Nothing is opened, and nothing heavy imported, before it is used.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from learnfinance_dagster.orchestration.handles import MarketDoor
from learnfinance_dagster.parameters import EndpointParameters, FinbertParameters
from learnfinance_dagster.ports import FilingsSource, NewsSource, SentimentModel
from resources.credentials import secret

Say = Callable[[str], None]
Clock = Callable[[], datetime]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SourceDoor(Generic[T]):
    """A source by its name in the settings."""

    name: str
    make: Callable[[Say], T]

    def open(self, say: Say) -> T:
        """The source; `say` is told about long work."""
        return self.make(say)


def market_news(market: MarketDoor) -> SourceDoor[NewsSource]:
    """The articles that the market source holds."""
    return SourceDoor("market", lambda _say: market.open().news)


def alpaca_news(root: Path, endpoints: EndpointParameters, clock: Clock) -> SourceDoor[NewsSource]:
    """Alpaca's news, kept in `root`, with the credentials of ALPACA_API_KEY and ALPACA_API_SECRET."""

    def make(say: Say) -> NewsSource:
        from resources.news.alpaca import AlpacaNews
        from resources.news.archive import ArchivedNews

        key, hidden = secret("ALPACA_API_KEY"), secret("ALPACA_API_SECRET")
        return ArchivedNews(AlpacaNews(key, hidden, endpoints.alpaca_data), _archive(root), clock, say)

    return SourceDoor("alpaca", make)


def yahoo_news(root: Path, endpoints: EndpointParameters, clock: Clock) -> SourceDoor[NewsSource]:
    """Yahoo's news, kept in `root`: only the newest can be had, so each run adds to what is kept."""

    def make(say: Say) -> NewsSource:
        from resources.news.archive import ArchivedNews
        from resources.news.yahoo import YahooNews

        return ArchivedNews(YahooNews(endpoints.yahoo), _archive(root), clock, say)

    return SourceDoor("yahoo", make)


def market_filings(market: MarketDoor) -> SourceDoor[FilingsSource]:
    """The filings that the market source holds."""
    return SourceDoor("market", lambda _say: market.open().statements)


def edgar_filings(
    root: Path, endpoints: EndpointParameters, clock: Clock, user_agent: str
) -> SourceDoor[FilingsSource]:
    """The company facts of the SEC, asked as `user_agent`."""

    def make(say: Say) -> FilingsSource:
        from resources.filings.edgar import EdgarFilings

        return EdgarFilings(user_agent, root / "edgar", clock, endpoints.edgar, endpoints.edgar_files, say)

    return SourceDoor("edgar", make)


def alpha_vantage_filings(root: Path, endpoints: EndpointParameters, clock: Clock) -> SourceDoor[FilingsSource]:
    """Alpha Vantage's statements, 25 calls a day, with the key of ALPHA_VANTAGE_API_KEY."""

    def make(say: Say) -> FilingsSource:
        from resources.filings.alpha_vantage import AlphaVantageFilings

        key = secret("ALPHA_VANTAGE_API_KEY")
        return AlphaVantageFilings(key, root / "alpha_vantage.sqlite", clock, endpoints.alpha_vantage, say)

    return SourceDoor("alpha_vantage", make)


@dataclass(frozen=True, slots=True)
class ModelDoor:
    """A sentiment model by its name in the settings, with the scores that are known already."""

    name: str
    make: Callable[[], SentimentModel]
    scores: Path

    def open(self) -> SentimentModel:
        """The model behind its cache."""
        from resources.sentiment.score_cache import CachedModel

        return CachedModel(self.make(), self.scores)


def vader(scores: Path) -> ModelDoor:
    """A word list, in every installation."""

    def make() -> SentimentModel:
        from resources.sentiment.vader import VaderModel

        return VaderModel()

    return ModelDoor("vader", make, scores)


def finbert(scores: Path, parameters: FinbertParameters) -> ModelDoor:
    """A language model for financial text; its weights are fetched, or lie in a folder."""

    def make() -> SentimentModel:
        from resources.sentiment.finbert import FinbertModel

        return FinbertModel(parameters)

    return ModelDoor("finbert", make, scores)


def _archive(root: Path) -> Path:
    return root / "news.sqlite"
