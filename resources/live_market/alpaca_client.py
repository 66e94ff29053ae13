"""Alpaca's own clients over a patient session. Imports alpaca-py: import it late."""

from typing import Any

from alpaca.data.historical.corporate_actions import CorporateActionsClient
from alpaca.data.historical.stock import StockHistoricalDataClient

from resources.http import PatientSession


class PatientBarsClient(StockHistoricalDataClient):
    """Asks for one page of bars at a time. See `resources.news.alpaca_client` for why its own session is not used."""

    def __init__(self, key: str, secret: str, url: str, session: PatientSession) -> None:
        """Ask at `url` with those credentials."""
        super().__init__(key, secret, raw_data=True, url_override=url)
        self._session = session
        self._retry = 0

    def one_page(self, parameters: dict[str, Any]) -> Any:
        """The answer as it came."""
        return self.get("/stocks/bars", parameters)


class PatientActionsClient(CorporateActionsClient):
    """Asks for one page of corporate actions at a time."""

    def __init__(self, key: str, secret: str, url: str, session: PatientSession) -> None:
        """Ask at `url` with those credentials."""
        super().__init__(key, secret, raw_data=True, url_override=url)
        self._session = session
        self._retry = 0

    def one_page(self, parameters: dict[str, Any]) -> Any:
        """The answer as it came."""
        return self.get("/corporate-actions", parameters)
