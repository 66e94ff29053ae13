"""yfinance's prices and fund data. Imports yfinance: import it late."""

import json
from datetime import date
from typing import Any, cast

import pandas as pd
import yfinance

from learnfinance_dagster.errors import DataError, RefusedError
from resources.turns import Turns
from resources.yahoo_session import TIMEOUT, YahooSession, home_of, unheard

URL = "https://finance.yahoo.com"
HERE = "America/New_York"
NOT_FOUND = 404


class YahooMarketClient:
    """Asks about one name at a time."""

    def __init__(self, turns: Turns, url: str, timeout: tuple[float, float] | None) -> None:
        """Ask at `url`; one other than Yahoo's stands for all its hosts."""
        self._session = YahooSession(turns, home_of(url, URL), timeout or TIMEOUT)

    def daily(self, ticker: str, since: date) -> pd.DataFrame:
        """The daily table since that day, to today, with dividends and splits; prices divided by every split.

        Raises:
            DataError: Yahoo has none, in its words; or they are no prices in USD of an American exchange.
            LearnFinanceError: see `YahooSession.ask`.
        """
        asked = self._ticker(ticker)
        asked._tz = HERE  # noqa: SLF001  else yfinance asks for each name's zone first: twice the requests
        with unheard():
            try:
                # Without an end yfinance does not remember the answer, an error as little as a good one.
                table = self._session.ask(
                    lambda: asked.history(start=since, auto_adjust=False, actions=True, keepna=True),
                    is_good=lambda found: isinstance(found, pd.DataFrame) and not found.empty,
                )
            except RefusedError as refused:
                why = _words(self._answer())
                if why is None or self._session.answer.status_code != NOT_FOUND:
                    raise
                msg = f"{refused}: {why}"
                raise DataError(msg) from None
        answer = self._answer()
        if table is None:
            msg = f"Yahoo has no bars: {_words(answer) or 'an empty answer'}"
            raise DataError(msg)
        _check_here(answer)
        return table

    def top_holdings(self, fund: str) -> pd.DataFrame | None:
        """Index symbol, column `Holding Percent` (a share of one); None where Yahoo gives none."""
        asked = self._ticker(fund)
        with unheard():
            return self._session.ask(
                lambda: asked.funds_data.top_holdings,
                is_good=lambda found: isinstance(found, pd.DataFrame) and not found.empty,
            )

    def _ticker(self, ticker: str) -> yfinance.Ticker:
        return yfinance.Ticker(ticker, session=cast("Any", self._session))

    def _answer(self) -> Any:
        try:
            return json.loads(self._session.answer.content)
        except (ValueError, RecursionError, AttributeError):
            return None


def _words(answer: Any) -> str | None:
    """Yahoo's own words for why there is nothing."""
    chart = answer.get("chart") if isinstance(answer, dict) else None
    error = chart.get("error") if isinstance(chart, dict) else None
    text = error.get("description") if isinstance(error, dict) else None
    return text if isinstance(text, str) else None


def _check_here(answer: Any) -> None:
    meta = answer["chart"]["result"][0]["meta"]  # yfinance has read it already
    currency, zone = meta.get("currency"), meta.get("exchangeTimezoneName")
    if currency != "USD" or zone != HERE:
        msg = f"priced in {currency} on an exchange in {zone}, not in USD in New York"
        raise DataError(msg)
