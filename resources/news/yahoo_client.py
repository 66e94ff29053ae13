"""yfinance's news. Imports yfinance: import it late."""

from typing import Any, cast

import yfinance

from resources.turns import Turns
from resources.yahoo_session import TIMEOUT, YahooSession

__all__ = ["TIMEOUT", "YahooClient"]


class YahooClient:
    """Asks for the newest articles of one name."""

    def __init__(self, turns: Turns, home: str | None, timeout: tuple[float, float] = TIMEOUT) -> None:
        """See `YahooSession`."""
        self._session = YahooSession(turns, home, timeout)

    def newest(self, ticker: str, count: int) -> list[Any]:
        """Items as Yahoo gave them; errors as `YahooSession.ask` says."""
        session = cast("Any", self._session)
        found = self._session.ask(
            lambda: yfinance.Ticker(ticker, session=session).get_news(count=count, tab="news"),
            is_good=lambda items: bool(items) and isinstance(items, list),
        )
        return found or []
