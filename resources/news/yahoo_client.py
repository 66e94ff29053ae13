"""yfinance, asked politely and without its silence about failures. Imports yfinance: import it late."""

import json
import logging
from typing import Any, cast
from urllib.parse import urlsplit

import yfinance
from curl_cffi.requests import Session
from yfinance.exceptions import YFRateLimitError

from learnfinance_dagster.errors import DataError, LearnFinanceError, RefusedError, TransientError
from resources.turns import SilentError, Turns

DOMAIN = "yahoo.com"
REFUSALS, FAILURES, TOO_MANY = 400, 500, 429
TIMEOUT = (5.0, 10.0)
"""Seconds to connect, and then for the whole answer. Nobody answering, yfinance tries three addresses one after the
other: two for a cookie, and the news."""


class YahooSession(Session):
    """The session that yfinance would make (Yahoo turns away what does not look like a browser), with turns.

    yfinance turns most failures into an empty list and only logs them, so the last answer is kept for a second look.
    Its own time-out, 30 seconds for every request, cannot be set from outside, so ours takes its place.
    """

    def __init__(self, turns: Turns, home: str | None, timeout: tuple[float, float]) -> None:
        """Wait for `turns`; with a `home`, every Yahoo host is looked for there instead."""
        super().__init__(impersonate="chrome")
        self._turns, self._home, self._timeout = turns, home, timeout
        self.answer: Any = None

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        """See curl_cffi."""
        self._turns.wait()
        self.answer = None
        self.answer = super().request(method, self._at_home(url), *args, **kwargs | {"timeout": self._timeout})
        return self.answer

    def _at_home(self, url: str) -> str:
        parts = urlsplit(url)
        if self._home is None or not f".{parts.hostname}".endswith(f".{DOMAIN}"):
            return url
        return f"{self._home}{parts.path}{'?' if parts.query else ''}{parts.query}"


class YahooClient:
    """Asks for the newest articles of one name."""

    def __init__(self, turns: Turns, home: str | None, timeout: tuple[float, float] = TIMEOUT) -> None:
        """See `YahooSession`."""
        self._session = YahooSession(turns, home, timeout)
        yfinance.config.network.retries = 0
        logging.getLogger("yfinance").addFilter(_is_worth_saying)

    def newest(self, ticker: str, count: int) -> list[Any]:
        """Items as Yahoo gave them.

        Raises:
            SilentError: Yahoo does not answer.
            TransientError: it is busy.
            RefusedError: it says no.
            DataError: it says what yfinance cannot read.
        """
        trouble: LearnFinanceError
        try:
            items = yfinance.Ticker(ticker, session=cast("Any", self._session)).get_news(count=count, tab="news")
        except YFRateLimitError:
            trouble = TransientError("Yahoo: too many requests (429)")
        except OSError as error:  # what curl_cffi raises, time-outs and lost connections included
            trouble = SilentError(f"Yahoo does not answer ({type(error).__name__})")
        except Exception as error:  # noqa: BLE001  yfinance stumbles over unusual answers in any way
            trouble = self._look_again() or DataError(f"Yahoo's answer cannot be read ({type(error).__name__})")
        else:
            if items and isinstance(items, list):
                return items
            found = self._look_again()
            if found is None:
                return []
            trouble = found
        raise trouble  # out here, so that no address with its crumb hangs on as the error's context

    def _look_again(self) -> LearnFinanceError | None:
        """What was wrong with the last answer, where yfinance did not say."""
        if self._session.answer is None:
            return SilentError("Yahoo does not answer")
        status = self._session.answer.status_code
        if status == TOO_MANY or status >= FAILURES:
            return TransientError(f"Yahoo answers {status}")
        if status >= REFUSALS:
            return RefusedError(f"Yahoo answers {status}")
        try:
            json.loads(self._session.answer.content)
        except (ValueError, RecursionError):
            return TransientError("Yahoo's answer is not whole JSON")
        return None


def _is_worth_saying(record: logging.LogRecord) -> bool:
    """Not that yfinance goes on without a cookie or a crumb: whether that did harm is said by what it goes on to."""
    return "continuing without" not in record.getMessage()
