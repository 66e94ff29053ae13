"""Calls to Alpha Vantage, each counted before it leaves. Imported late: `requests` is slow to load."""

import time
from collections.abc import Callable
from typing import Any

import requests

from resources.filings.alpha_vantage_parse import TooFastError, reports, ticker
from resources.http import PatientSession, get_json

PER_SECOND = 0.5
"""The free key allows one a second; with twenty-five a day there is no hurry."""
PAUSE = 12.0
"""Seconds to wait when told to ask more slowly: five calls a minute was the limit of earlier years."""
TRIES = 3
"""Tries a call, at most: each counts."""


class CountedSession(PatientSession):
    """A session that asks leave before every request, the repeated ones included."""

    def __init__(self, leave: Callable[[], None], sleep: Callable[[float], None] = time.sleep, **knobs: Any) -> None:
        """`leave` counts a request, or raises when there may be none; `knobs` are those of `PatientSession`."""
        super().__init__(sleep=sleep, **({"per_second": PER_SECOND, "attempts": TRIES} | knobs))
        self.pause, self._leave = sleep, leave

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """See `requests.Session.send`."""
        self._leave()
        return super().send(request, **kwargs)


def ask(session: CountedSession, base: str, symbol: str, function: str, key: str) -> Any:
    """One statement of one symbol, checked to be one; asked again, slowly, when the vendor says so.

    Raises:
        LearnFinanceError: as `reports` and `PatientSession.request` say.
    """
    for attempt in range(1, TRIES + 1):
        payload = get_json(session, f"{base}/query", {"function": function, "symbol": ticker(symbol), "apikey": key})
        try:
            reports(payload, symbol, function, key)
        except TooFastError:
            if attempt == TRIES:
                raise
            session.pause(PAUSE * attempt)
        else:
            return payload
    raise AssertionError
