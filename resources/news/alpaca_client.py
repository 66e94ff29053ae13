"""Alpaca's own client over a patient session. Imports alpaca-py: import it late."""

from typing import Any

from alpaca.data.historical.news import NewsClient

from resources.http import PatientSession


class PatientNewsClient(NewsClient):
    """`NewsClient` that asks for one page at a time."""

    def __init__(self, key: str, secret: str, url: str, session: PatientSession) -> None:
        """Ask at `url` with those credentials."""
        super().__init__(key, secret, raw_data=True, url_override=url)
        # Its own session has no time-out, so a silent server would hold a Monday for ever; and its own retries wait
        # three seconds whatever Retry-After says, and not at all for a lost connection. The session does both.
        self._session = session
        self._retry = 0

    def one_page(self, parameters: dict[str, Any]) -> Any:
        """The answer as it came. `get_news` would fetch all pages at once, and lose them all when one fails."""
        return self.get("/news", parameters)
