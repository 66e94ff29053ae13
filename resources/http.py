"""Asking vendors over HTTP: not too fast, not for ever, again where that may help, and without telling secrets.

Messages name host and path only. Query strings and headers hold keys, and so do the messages of `requests`: its
exceptions are therefore neither quoted nor chained.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests.exceptions import ChunkedEncodingError, ContentDecodingError
from urllib3.exceptions import HTTPError, ReadTimeoutError

from learnfinance_dagster.errors import ConfigurationError, RefusedError, SilentError, TransientError
from resources.http_words import as_text, elsewhere, hush, place, words
from resources.turns import Budget, Turns

SAFE_TO_REPEAT = frozenset({"GET", "HEAD"})
CHUNK = 65536
REDIRECTS, REFUSALS, FAILURES = 300, 400, 500
"""First status of each class."""
TOO_MANY = 429
CREDENTIALS = (401, 403)


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why an attempt gave nothing, and how many seconds the other side asks to wait."""

    what: str
    asks: float = 0.0
    silent: bool = False
    """It was not even an error: nobody answered, or not to the end in time."""


class PatientSession(requests.Session):
    """A session that waits its turn, gives up in time, and repeats GET and HEAD where that may help.

    Connection errors, time-outs, 429, 5xx and bodies that are not whole JSON are tried again; redirects are errors,
    because they would carry the credentials to another place.
    """

    def __init__(  # noqa: PLR0913  one knob for each way to lose patience
        self,
        *,
        per_second: float = 3.0,
        a_minute: int = 0,
        timeout: tuple[float, float] = (5.0, 15.0),
        attempts: int = 3,
        patience: float = 60.0,
        whole: float = 45.0,
        expects_json: bool = True,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is asked yet. As it is by default, a request whom nobody answers takes less than a minute.

        Args:
            per_second: requests a second, at most; repeated ones count.
            a_minute: where given, requests in any minute instead, at whatever pace: a burst need not be spread.
            timeout: seconds to connect, and between two pieces of an answer.
            attempts: tries a request, at most.
            patience: seconds of waiting between the tries of a request, in sum; Retry-After cannot exceed it.
            whole: seconds for the answers of all tries together, however steadily they drip.
            expects_json: a successful answer that is no JSON is tried again.
            sleep: waits; for tests.
            clock: monotonic seconds; for tests.
        """
        super().__init__()
        self._timeout, self._attempts = timeout, attempts
        self._patience, self._whole, self._expects_json = patience, whole, expects_json
        self._sleep, self._clock = sleep, clock
        self._turns = Budget(a_minute, 60.0, sleep, clock) if a_minute else Turns(per_second, sleep, clock)
        hush()

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """See `requests.Session.request`; the answer is successful, whole, and JSON unless told otherwise.

        Raises:
            SilentError: nobody answers, or not in time.
            TransientError: no usable answer within the attempts and the patience.
            ConfigurationError: the credentials are refused, or the request cannot even be sent.
            RefusedError: the other side says no in other words, or sends elsewhere.
        """
        verb, address = as_text(method).upper(), as_text(url)
        tries = self._attempts if verb in SAFE_TO_REPEAT else 1
        kwargs |= {"allow_redirects": False, "stream": True, "timeout": kwargs.get("timeout") or self._timeout}
        left, listen, attempt = self._patience, self._whole, 0
        while True:
            attempt += 1
            self._turns.wait()
            begun = self._clock()
            answer = self._once(begun + listen, verb, address, *args, **kwargs)
            if isinstance(answer, requests.Response):
                return answer
            listen -= self._clock() - begun
            wait = max(answer.asks, 0.5 * 2 ** (attempt - 1))
            if attempt == tries or wait > left or listen <= 0:
                break
            left -= wait
            self._sleep(wait)
        asked = f"; it asks to wait {answer.asks:.0f} s" if answer.asks else ""
        msg = f"{place(address)}: {answer.what}{asked} (tried {attempt}x)"
        raise (SilentError if answer.silent else TransientError)(msg)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None: `requests` need not even read where a redirect leads."""
        del resp

    def _once(self, end: float, verb: str, url: str, *args: Any, **kwargs: Any) -> requests.Response | _Trouble:
        """One try, over by `end`: the answer, or why there is none. What a person must solve is raised."""
        try:
            response = super().request(verb, url, *args, **kwargs)
            self._read(response, end)
        except (requests.Timeout, ReadTimeoutError, TimeoutError) as error:
            return _Trouble(f"took too long ({type(error).__name__})", silent=True)
        except (requests.ConnectionError, ChunkedEncodingError, ContentDecodingError, HTTPError) as error:
            # An answer that breaks off was one, and the next may be whole.
            silent = isinstance(error, requests.ConnectionError)
            return _Trouble(f"the connection failed ({type(error).__name__})", silent=silent)
        except (OSError, UnicodeError) as error:  # requests' other errors are OSErrors too
            unusable = type(error).__name__
        else:
            return self._judged(response, response.status_code)
        # Raised out here, so that no message of `requests` hangs on as the error's context.
        msg = f"{place(url)}: the request cannot be sent ({unusable}): check the address and the credentials"
        raise ConfigurationError(msg)

    def _read(self, response: requests.Response, end: float) -> None:
        """Read the body piece by piece: the socket's time-out alone never ends an answer that drips."""
        pieces = []
        with response:
            while piece := response.raw.read1(CHUNK, decode_content=True):
                pieces.append(piece)
                if self._clock() > end:
                    raise TimeoutError
        response._content = b"".join(pieces)  # noqa: SLF001  requests has no door for a body that was read by hand

    def _judged(self, response: requests.Response, status: int) -> requests.Response | _Trouble:
        where = place(response.url)
        if status == TOO_MANY:
            return _Trouble("too many requests (429)", _retry_after(response))
        if status >= FAILURES:
            return _Trouble(f"answers {status}", _retry_after(response))
        if status in CREDENTIALS:
            msg = f"{where}: answers {status}, the credentials are missing, wrong, or not enough: {words(response)}"
            raise ConfigurationError(msg)
        if status >= REFUSALS:
            msg = f"{where}: answers {status}: {words(response)}"
            raise RefusedError(msg)
        if status >= REDIRECTS:
            there = elsewhere(response)
            msg = f"{where}: sends on to {there} ({status}); redirects are not followed, they would carry credentials"
            raise RefusedError(msg)
        if self._expects_json and response.request.method != "HEAD" and not _is_json(response.content):
            return _Trouble(f"the answer is not whole JSON ({len(response.content)} bytes)")
        return response


def get_json(
    session: requests.Session,
    url: str,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Any:
    """GET and parse; see `PatientSession.request` for the errors."""
    return session.get(url, params=params, headers=headers).json()


def _retry_after(response: requests.Response) -> float:
    """Seconds that the other side asks to wait; 0 where it does not say."""
    asked = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", asked):
        return float(asked)
    until, now = _moment(asked), _moment(response.headers.get("Date", ""))  # its own clock decides where it shows it
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds()) if until else 0.0


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
