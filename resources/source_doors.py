"""Doors to articles, filings and sentiment models, by the words of the settings."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from learnfinance_dagster.orchestration.handles import MarketDoor
from learnfinance_dagster.parameters import EndpointParameters, FinbertParameters
from learnfinance_dagster.ports import FilingsSource, NewsSource, SentimentModel

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class MarketNewsDoor:
    """The articles that the market source holds."""

    market: MarketDoor
    name: str = "market"

    def open(self, say: Say) -> NewsSource:
        """Needs no network, so there is nothing to `say`."""
        del say
        return self.market.open().news


@dataclass(frozen=True, slots=True)
class AlpacaNewsDoor:
    """Alpaca's news, kept in `root`."""

    root: Path
    endpoints: EndpointParameters
    name: str = "alpaca"

    def open(self, say: Say) -> NewsSource:
        """With the credentials of ALPACA_API_KEY and ALPACA_API_SECRET; without them nothing is fetched."""
        from resources.news.alpaca import AlpacaNews
        from resources.news.archive import ArchivedNews

        key, secret = os.environ.get("ALPACA_API_KEY"), os.environ.get("ALPACA_API_SECRET")
        return ArchivedNews(AlpacaNews(key, secret, self.endpoints.alpaca_data), _archive(self.root), _now, say)


@dataclass(frozen=True, slots=True)
class YahooNewsDoor:
    """Yahoo's news, kept in `root`."""

    root: Path
    endpoints: EndpointParameters
    name: str = "yahoo"

    def open(self, say: Say) -> NewsSource:
        """Only the newest articles of a name can be had: each run adds to what is kept."""
        from resources.news.archive import ArchivedNews
        from resources.news.yahoo import YahooNews

        return ArchivedNews(YahooNews(self.endpoints.yahoo), _archive(self.root), _now, say)


@dataclass(frozen=True, slots=True)
class MarketFilingsDoor:
    """The filings that the market source holds."""

    market: MarketDoor
    name: str = "market"

    def open(self, say: Say) -> FilingsSource:
        """Needs no network, so there is nothing to `say`."""
        del say
        return self.market.open().statements


@dataclass(frozen=True, slots=True)
class EdgarDoor:
    """The company facts of the SEC."""

    root: Path
    endpoints: EndpointParameters
    user_agent: str
    name: str = "edgar"

    def open(self, say: Say) -> FilingsSource:
        """Asks as `user_agent`; without one nothing is fetched."""
        from resources.filings.edgar import EdgarFilings

        return EdgarFilings(
            self.user_agent, self.root / "edgar", _now, self.endpoints.edgar, self.endpoints.edgar_files, say
        )


@dataclass(frozen=True, slots=True)
class AlphaVantageDoor:
    """Alpha Vantage's statements, 25 calls a day."""

    root: Path
    endpoints: EndpointParameters
    name: str = "alpha_vantage"

    def open(self, say: Say) -> FilingsSource:
        """With the key of ALPHA_VANTAGE_API_KEY; without it nothing is fetched."""
        from resources.filings.alpha_vantage import AlphaVantageFilings

        key = os.environ.get("ALPHA_VANTAGE_API_KEY")
        return AlphaVantageFilings(key, self.root / "alpha_vantage.sqlite", _now, self.endpoints.alpha_vantage, say)


@dataclass(frozen=True, slots=True)
class VaderDoor:
    """A word list, in every installation."""

    scores: Path
    name: str = "vader"

    def open(self) -> SentimentModel:
        """With the scores that are known already."""
        from resources.sentiment.score_cache import CachedModel
        from resources.sentiment.vader import VaderModel

        return CachedModel(VaderModel(), self.scores)


@dataclass(frozen=True, slots=True)
class FinbertDoor:
    """A language model for financial text; its weights are fetched or lie in a folder."""

    scores: Path
    parameters: FinbertParameters
    name: str = "finbert"

    def open(self) -> SentimentModel:
        """Loaded once per process, with the scores that are known already."""
        from resources.sentiment.finbert import FinbertModel
        from resources.sentiment.score_cache import CachedModel

        return CachedModel(FinbertModel(self.parameters), self.scores)


def _archive(root: Path) -> Path:
    return root / "news.sqlite"


def _now() -> datetime:
    return datetime.now(UTC)
