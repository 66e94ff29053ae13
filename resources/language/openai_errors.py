"""What OpenAI's client raises, in this house's words.

Its messages repeat parts of the key, and its exceptions hold the request with its headers: none is quoted, and none is
chained. The short code that comes with an answer says enough.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from learnfinance_dagster.errors import (
    ConfigurationError,
    DataError,
    LearnFinanceError,
    RefusedError,
    TransientError,
)

if TYPE_CHECKING:
    from openai import APIStatusError

Answer = TypeVar("Answer")
CODE = re.compile(r"[a-z][a-z_]{2,39}")
"""How codes look, e.g. `invalid_api_key`: too simple to hold a key."""
NOT_LET_IN, NOT_THERE = (401, 403), 404
AGAIN = frozenset({408, 409, 425, 429})
FAILURES = 500
UNPAID = "insufficient_quota"


class BusyError(TransientError):
    """The other side asks to be left alone for a while."""

    def __init__(self, told: str, wait: float) -> None:
        """Ask to wait `wait` seconds."""
        super().__init__(told)
        self.wait = wait


def asked(who: str, question: Callable[[], Answer]) -> Answer:
    """The client's answer.

    Args:
        who: is asked, for messages.
        question: calls the client.

    Raises:
        LearnFinanceError: instead of whatever the client raises.
    """
    from httpx2 import HTTPError, InvalidURL
    from openai import OpenAIError

    try:
        return question()
    except (OpenAIError, HTTPError, InvalidURL, ValueError, TypeError) as error:
        trouble = translated(error, who)
    raise trouble  # out here, so that no request with its key hangs on as the error's context


def translated(error: Exception, who: str) -> LearnFinanceError:
    """One of ours, for whatever leaves the client."""
    import openai
    from httpx2 import HTTPError, TimeoutException

    if isinstance(error, openai.APIStatusError):
        return _judged(error, who)
    if isinstance(error, openai.APITimeoutError | TimeoutException):
        return TransientError(f"{who} took too long")
    if isinstance(error, openai.APIConnectionError | HTTPError):
        return TransientError(f"{who} could not be reached ({type(error.__cause__ or error).__name__})")
    if isinstance(error, openai.LengthFinishReasonError | openai.ContentFilterFinishReasonError):
        return DataError(f"{who} broke its answer off ({type(error).__name__})")
    if isinstance(error, openai.APIResponseValidationError | openai.APIError):
        return DataError(f"{who} answered with something else than an answer ({type(error).__name__})")
    return ConfigurationError(f"{who} cannot be asked ({type(error).__name__}): check the address and the key")


def _judged(error: "APIStatusError", who: str) -> LearnFinanceError:
    """By what it answered."""
    status = error.status_code
    code = error.code if isinstance(error.code, str) and CODE.fullmatch(error.code) else ""
    told = f"{who} answered {status}{f' ({code})' if code else ''}"
    if status in NOT_LET_IN:
        return ConfigurationError(f"{told}: the key is missing, wrong, or not enough")
    if status == NOT_THERE:
        return ConfigurationError(f"{told}: it has no such model, or that is not its address")
    if code == UNPAID:
        return ConfigurationError(f"{told}: the account has no credit left")
    if status in AGAIN or status >= FAILURES:
        return BusyError(told, _asks(error))
    return RefusedError(told)


def _asks(error: "APIStatusError") -> float:
    """Seconds that it asks to wait; 0 where it does not say."""
    asked_for = error.response.headers.get("retry-after", "").strip()
    return float(asked_for) if re.fullmatch(r"\d{1,6}(\.\d+)?", asked_for) else 0.0
