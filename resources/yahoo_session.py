"""yfinance, asked politely and without its silence about failures. Imports yfinance: import it late."""

import json
import logging
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import yfinance
from curl_cffi.requests import Session
from yfinance.exceptions import YFRateLimitError

from learnfinance_dagster.errors import DataError, LearnFinanceError, RefusedError, SilentError, TransientError
from resources.turns import Turns

DOMAIN = "yahoo.com"
REFUSALS, FAILURES, TOO_MANY = 400, 500, 429
TIMEOUT = (5.0, 10.0)
"""Seconds to connect, and then for the whole answer. Nobody answering, yfinance tries three addresses one after the
other: two for a cookie, and what was asked for."""
T = TypeVar("T")


class YahooSession(Session):
    """The session that yfinance would make (Yahoo turns away what does not look like a browser), with turns.

    yfinance turns most failures into an empty list and only logs them, so the last answer is kept for a second look.
    Its own time-out, 30 seconds for every request, cannot be set from outside, so ours takes its place.
    """

    def __init__(self, turns: Turns, home: str | None, timeout: tuple[float, float] = TIMEOUT) -> None:
        """Wait for `turns`; with a `home`, every Yahoo host is looked for there instead."""
        super().__init__(impersonate="chrome")
        self._turns, self._home, self._timeout = turns, home, timeout
        self.answer: Any = None
        yfinance.config.network.retries = 0
        logging.getLogger("yfinance").addFilter(_is_worth_saying)

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

    def ask(self, question: Callable[[], T], *, is_good: Callable[[T], bool]) -> T | None:
        """Let yfinance put a question; None where Yahoo answered and there was nothing good in it.

        Raises:
            SilentError: Yahoo does not answer.
            TransientError: it is busy.
            RefusedError: it says no.
            DataError: it says what yfinance cannot read.
        """
        trouble: LearnFinanceError | None
        try:
            found = question()
        except YFRateLimitError:
            trouble = TransientError("Yahoo: too many requests (429)")
        except OSError as error:  # what curl_cffi raises, time-outs and lost connections included
            answered = self._look_again() if self.answer is not None else None  # e.g. a status that yfinance raised
            trouble = answered or SilentError(f"Yahoo does not answer ({type(error).__name__})")
        except Exception as error:  # noqa: BLE001  yfinance stumbles over unusual answers in any way
            trouble = self._look_again() or DataError(f"Yahoo's answer cannot be read ({type(error).__name__})")
        else:
            if is_good(found):
                return found
            trouble = self._look_again()
        if trouble is None:
            return None
        raise trouble  # out here, so that no address with its crumb hangs on as the error's context

    def _look_again(self) -> LearnFinanceError | None:
        """What was wrong with the last answer, where yfinance did not say."""
        if self.answer is None:
            return SilentError("Yahoo does not answer")
        status = self.answer.status_code
        if status == TOO_MANY or status >= FAILURES:
            return TransientError(f"Yahoo answers {status}")
        if status >= REFUSALS:
            return RefusedError(f"Yahoo answers {status}")
        try:
            json.loads(self.answer.content)
        except (ValueError, RecursionError):
            return TransientError("Yahoo's answer is not whole JSON")
        return None


@contextmanager
def unheard() -> Generator[None]:
    """While it lasts yfinance says nothing: failures are errors or reasons of ours, and pandas' advice is for it."""
    logger = logging.getLogger("yfinance")
    logger.addFilter(_nothing)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.removeFilter(_nothing)


def _is_worth_saying(record: logging.LogRecord) -> bool:
    """Not that yfinance goes on without a cookie or a crumb: whether that did harm is said by what it goes on to."""
    return "continuing without" not in record.getMessage()


def _nothing(_record: logging.LogRecord) -> bool:
    return False


def home_of(url: str, own: str) -> str | None:
    """The address that stands for all hosts of Yahoo; None where Yahoo itself is meant."""
    return None if url.rstrip("/") == own else url.rstrip("/")
