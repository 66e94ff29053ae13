"""Yahoo's ten largest holdings of a fund: the last resort, and never called more than that."""

from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from learnfinance_dagster.errors import DataError, RefusedError
from learnfinance_dagster.universe.halal import exclusion
from resources.live_market.fetched import FundHoldings
from resources.live_market.fund_csv import ticker_of
from resources.turns import Turns

if TYPE_CHECKING:
    from resources.live_market.yahoo_client import YahooMarketClient

URL = "https://finance.yahoo.com"


class YahooFunds:
    """`FundSource` of Yahoo."""

    name = "yahoo"
    label = "Yahoo"

    def __init__(self, url: str = URL, turns: Turns | None = None, timeout: tuple[float, float] | None = None) -> None:
        """Nothing is asked yet; see `YahooPrices`."""
        self._url, self._turns, self._timeout = url, turns or Turns(2.0), timeout

    def holdings(self, fund: str, today: date) -> FundHoldings:
        """See `FundSource.holdings`. Yahoo does not say of which day they are: they count as yesterday's."""
        table = self._client.top_holdings(fund)
        if table is None:
            msg = f"Yahoo tells no holdings of {fund}"
            raise RefusedError(msg)
        weights: dict[str, float] = {}
        left_out: dict[str, str] = {}
        for symbol, share in table["Holding Percent"].items():
            ticker = ticker_of(str(symbol))
            if not isinstance(share, int | float) or not 0 < share <= 1:
                msg = f"Yahoo says that {fund} holds {share!r} of {ticker}"
                raise DataError(msg)
            if why := exclusion(ticker, frozenset(), frozenset()):
                left_out[ticker] = why
            else:
                weights[ticker] = weights.get(ticker, 0.0) + 100 * float(share)
        return FundHoldings(fund, today - timedelta(days=1), weights, left_out, scope="top 10 only")

    @cached_property
    def _client(self) -> "YahooMarketClient":
        from resources.live_market.yahoo_client import YahooMarketClient

        return YahooMarketClient(self._turns, self._url, self._timeout)
