"""The door to the live market: vendors are asked when something can be new, then a market directory answers."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from learnfinance_dagster.parameters import EndpointParameters, LiveParameters
from learnfinance_dagster.ports import Market
from resources.doors import claim, opened
from resources.live_market.fetched import FundSource, PriceSource
from resources.turns import Turns

IDENTITY = "live market"


@dataclass(frozen=True, slots=True)
class LiveMarketDoor:
    """Prices and holdings of vendors, kept in `folder`; what is made from them goes to `root`."""

    folder: Path
    root: Path
    funds: Sequence[str]
    parameters: LiveParameters
    endpoints: EndpointParameters
    clock: Callable[[], datetime]
    say: Callable[[str], None] = logging.getLogger(__name__).info

    def open(self) -> Market:
        """Look at the vendors if a session closed or a decision came since the last look; then load.

        Raises:
            ConfigurationError: `root` belongs to another market, or credentials are missing.
            TransientError: a vendor is silent or busy: without it prices would silently be old.
            DataError: a vendor's answer or the folder cannot be read.
        """
        from resources.live_market.folder import MarketFolder
        from resources.live_market.refresh import Refresher

        claim(self.root, IDENTITY)
        folder = MarketFolder(self.folder)
        Refresher(
            folder, self._prices(), self._fund_sources(), self.funds, self.parameters, self.clock, self.say
        ).refresh()
        return opened(self.folder)

    def _prices(self) -> PriceSource:
        if self.parameters.prices == "alpaca":
            from resources.live_market.alpaca_prices import AlpacaPrices

            return AlpacaPrices(self.endpoints.alpaca_data, self.parameters.alpaca_feed)
        from resources.live_market.yahoo_prices import YahooPrices

        return YahooPrices(self.endpoints.yahoo, Turns(self.parameters.yahoo_per_second))

    def _fund_sources(self) -> list[FundSource]:
        from resources.live_market.fund_files import sp_funds, wahed
        from resources.live_market.yahoo_funds import YahooFunds

        makers: dict[str, Callable[[], FundSource]] = {
            "sp_funds": lambda: sp_funds(self.endpoints.sp_funds),
            "wahed": lambda: wahed(self.endpoints.wahed, self.parameters.wahed_sheets),
            "yahoo": lambda: YahooFunds(self.endpoints.yahoo),
        }
        return [makers[name]() for name in self.parameters.holdings]
