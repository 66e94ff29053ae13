"""What Alpaca's refusals mean. One code stands for several of them, so its words decide."""

import json
from dataclasses import dataclass
from typing import Any

import requests

from learnfinance_dagster.errors import ConfigurationError, LearnFinanceError, RefusedError, TransientError
from resources.http_words import place, spoken

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, TIMED_OUT, UNPROCESSABLE = 401, 403, 404, 408, 422
DUPLICATE = "client_order_id must be unique"


@dataclass(eq=False)
class Declined(Exception):  # noqa: N818  whether a no is an error is for the caller to say
    """A 4xx that is no "too many requests"."""

    status: int
    code: int
    """Alpaca's own, e.g. 40310000; 0 where the body has none: then it is not Alpaca's API that speaks."""
    message: str
    """Alpaca's words, without echoes of credentials."""
    where: str
    """Host and path."""

    @property
    def is_duplicate(self) -> bool:
        """The id was used before. Its code, 40010001, says other things too."""
        return self.status == UNPROCESSABLE and DUPLICATE in self.message

    @property
    def is_no_such_order(self) -> bool:
        """Alpaca knows no such order. Any other 404 may come from anybody: a proxy, or a wrong address."""
        return self.status == NOT_FOUND and (str(self.code).startswith("404") or "order not found" in self.message)

    @property
    def is_silence(self) -> bool:
        """Not a no, but no answer in time."""
        return self.status == TIMED_OUT

    def as_error(self) -> LearnFinanceError:
        """What it is to whoever cannot go on without an answer."""
        code = f" ({self.code})" if self.code else ""
        told = f"Alpaca answers {self.status}{code}: {self.message}"
        if self.status == UNAUTHORIZED or (self.status == FORBIDDEN and not self.code):
            return ConfigurationError(
                f"{self.where}: the credentials are missing, wrong, or of another account: {told}"
            )
        if self.status == NOT_FOUND:
            return ConfigurationError(f"{self.where}: there is no such page, check the address: {told}")
        return TransientError(f"{self.where}: {told}") if self.is_silence else RefusedError(told)


def declined(response: requests.Response) -> Declined:
    """What that answer says; nothing of the request hangs on to it."""
    told = _object(response.text)
    code, message, more = told.get("code"), told.get("message"), told.get("reject_reason")
    said = message if isinstance(message, str) else response.text
    if isinstance(more, str):
        said = f"{said} ({more})"
    number = code if type(code) is int else 0
    return Declined(response.status_code, number, spoken(said, response.request), place(response.url))


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
