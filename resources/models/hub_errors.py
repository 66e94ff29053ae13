"""What the Hub and its library raise, in this house's words.

The library's messages hold signed addresses and answers that may echo a token, its exceptions the request with its
headers: none is quoted unread, and none is chained.
"""

from collections.abc import Callable, Iterator
from io import BytesIO
from json import JSONDecodeError
from typing import TYPE_CHECKING, TypeVar

import requests
from requests.structures import CaseInsensitiveDict

from learnfinance_dagster.errors import (
    ConfigurationError,
    DataError,
    LearnFinanceError,
    RefusedError,
    TransientError,
)
from resources.http_words import words
from resources.models.hub_library import asked_wait, mannered

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

Answer = TypeVar("Answer")

UNKNOWN, FORBIDDEN, UNPAID = 401, 403, 402
NOT_FOUND = 404
AGAIN = frozenset({408, 409, 412, 423, 425, 429})
"""Refusals of a moment: too slow, too early, too many, or somebody else was faster."""
FAILURES = 500
SENSELESS = (ValueError, LookupError, TypeError, AttributeError, RuntimeError)
"""What the library raises where an answer has not the shape it expects."""


class BusyError(TransientError):
    """The Hub asks to be left alone for a while."""


class OfflineError(ConfigurationError):
    """The library was told not to use the network."""


class NoRepositoryError(ConfigurationError):
    """The Hub shows no such repository to whoever asks."""


class NotOnHubError(DataError):
    """The repository is there, the branch or the file is not."""


def asked(doing: str, token: str | None, question: Callable[[], Answer]) -> Answer:
    """The library's answer.

    Args:
        doing: what for and where, for messages.
        token: blotted out of what the Hub says.
        question: calls the library.

    Raises:
        LearnFinanceError: instead of whatever the library raises.
    """
    try:
        with mannered():
            return question()
    except LearnFinanceError:
        raise
    except Exception as error:  # noqa: BLE001  the library raises dozens of kinds; unknown ones go on below
        trouble = translated(error, doing, token) or error
    raise trouble  # out here, so that no request with its token hangs on as the error's context


def translated(error: Exception, doing: str, token: str | None) -> LearnFinanceError | None:
    """One of ours for an exception that left the library; None for one that is a mistake of ours."""
    from huggingface_hub.errors import HfHubHTTPError

    error = _root(error)
    if isinstance(error, HfHubHTTPError):
        return _judged(error, doing, token)
    return _unanswered(error, doing)


def _root(error: Exception) -> Exception:
    """The library wraps what went wrong in threads, and where it looked in its cache afterwards."""
    from huggingface_hub.errors import LocalEntryNotFoundError, RevisionResolutionError

    wrappers = (RuntimeError, ValueError, LocalEntryNotFoundError, RevisionResolutionError)
    while isinstance(error, wrappers) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return error


def _judged(error: "HfHubHTTPError", doing: str, token: str | None) -> LearnFinanceError:
    """By what the Hub answered."""
    from huggingface_hub.errors import (
        DisabledRepoError,
        RemoteEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    status = error.response.status_code
    told = f"{doing}: the Hub answers {status}{_said(error, token)}"
    if isinstance(error, RevisionNotFoundError | RemoteEntryNotFoundError):
        return NotOnHubError(f"{told}: no such branch or file")
    if status == UNKNOWN:
        missing = "is not set" if not token else "is wrong or has expired"
        return ConfigurationError(f"{told}: HF_TOKEN {missing}; a token is made at huggingface.co/settings/tokens")
    if isinstance(error, DisabledRepoError):
        return ConfigurationError(f"{told}: the repository is disabled; its owner must ask the Hub why")
    if status == FORBIDDEN:
        return ConfigurationError(
            f"{told}: HF_TOKEN may not do that; it needs the scope `write` for the owner of this repository,"
            " or to read it"
        )
    if status == UNPAID:
        return ConfigurationError(f"{told}: the account's storage or plan does not allow it")
    if isinstance(error, RepositoryNotFoundError) and status == NOT_FOUND:
        return NoRepositoryError(
            f"{told}: the repository is not there, or HF_TOKEN may not see it; check its name and the token's scope"
        )
    if status == NOT_FOUND:
        return ConfigurationError(f"{told}: is that the address of a Hub?")
    if status in AGAIN or status >= FAILURES:
        wait = asked_wait(error.response.headers)
        return BusyError(f"{told}; it asks to wait {wait} s") if wait else TransientError(told)
    return RefusedError(told)


def _said(error: "HfHubHTTPError", token: str | None) -> str:
    """The Hub's own words, shortened, without the secrets of the question."""
    question = requests.PreparedRequest()
    question.url = str(error.response.request.url)
    question.headers = CaseInsensitiveDict({"Token": token or "", "Authorization": f"Bearer {token}"})
    answer = requests.Response()
    answer.request, answer.encoding = question, "utf-8"
    answer.raw = BytesIO((error.server_message or "").encode())
    said = words(answer)
    return f" ({said})" if said else ""


def _unanswered(error: Exception, doing: str) -> LearnFinanceError | None:
    """By kind: nobody answered, the question could not be put, or the answer makes no sense."""
    told = f"{doing}: {type(error).__name__}"
    for kinds, ours, why in _kinds():
        if isinstance(error, kinds):
            return ours(f"{told}: {why}")
    if isinstance(error, OSError) and error.errno is not None:
        return ConfigurationError(f"{told}: the folder for temporary files cannot be used ({error.strerror})")
    if isinstance(error, OSError):
        return TransientError(f"{told}: no whole answer")
    if type(error).__module__ == "huggingface_hub.errors" or isinstance(error, SENSELESS):
        return RefusedError(f"{told}: the library cannot make sense of the answer")
    return None


def _kinds() -> Iterator[tuple[tuple[type[Exception], ...], type[LearnFinanceError], str]]:
    """Exceptions of the library, what each is here, and why; the first that fits counts."""
    import httpx2
    from huggingface_hub import errors

    yield (errors.OfflineModeIsEnabled,), OfflineError, "HF_HUB_OFFLINE is set; unset it to reach the Hub"
    yield (
        (errors.LocalTokenNotFoundError, errors.OIDCError, errors.DeviceCodeError),
        ConfigurationError,
        "this machine's login is not used; set HF_TOKEN",
    )
    yield (
        (errors.HFValidationError, errors.HfUriError),
        ConfigurationError,
        "no name of a repository; it is owner/name, in A-Z a-z 0-9 . _ -",
    )
    yield (
        (errors.FileMetadataError,),
        ConfigurationError,
        "the answer lacks what a Hub tells of a file; is that the address of one?",
    )
    yield (
        (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError),
        ConfigurationError,
        "the request cannot be sent; check the Hub's address and HF_TOKEN",
    )
    yield (httpx2.TooManyRedirects,), RefusedError, "it sends from one address to the next"
    yield (
        (httpx2.HTTPError, ConnectionError, TimeoutError, JSONDecodeError, errors.XetDownloadError),
        TransientError,
        "no whole answer",
    )
    yield (errors.LocalEntryNotFoundError, errors.RevisionResolutionError), TransientError, "the Hub was not reached"
    yield (errors.EntryNotFoundError,), NotOnHubError, "no such file"
