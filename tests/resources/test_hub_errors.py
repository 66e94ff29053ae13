"""Whatever the Hub's library raises is one of our errors, and tells no secret."""

import httpx2
import huggingface_hub.errors
import pytest

from learnfinance_dagster.errors import ConfigurationError, RefusedError, TransientError
from resources.models.hub_errors import NoRepositoryError, NotOnHubError, OfflineError, asked, translated


def http_error(kind, status):
    request = httpx2.Request("GET", "http://127.0.0.1/api/models/alice/lstm", headers={"authorization": "Bearer hf_x"})
    return kind("words of the library: Bearer hf_x", response=httpx2.Response(status, request=request))


def errors_of_the_library():
    for kind in vars(huggingface_hub.errors).values():
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            continue
        if issubclass(kind, huggingface_hub.errors.HfHubHTTPError):
            yield http_error(kind, 400)
        else:
            error = kind.__new__(kind)
            error.args = ("words of the library: hf_x",)
            yield error


EXPECTED = {
    "RevisionNotFoundError": NotOnHubError,
    "RemoteEntryNotFoundError": NotOnHubError,
    "EntryNotFoundError": NotOnHubError,
    "OfflineModeIsEnabled": OfflineError,
    "LocalTokenNotFoundError": ConfigurationError,
    "OIDCError": ConfigurationError,
    "DeviceCodeError": ConfigurationError,
    "HFValidationError": ConfigurationError,
    "HfUriError": ConfigurationError,
    "FileMetadataError": ConfigurationError,
    "DisabledRepoError": ConfigurationError,
    "LocalEntryNotFoundError": TransientError,
    "IncompleteSnapshotError": TransientError,
    "InferenceEndpointTimeoutError": TransientError,
    "DryRunError": TransientError,
    "XetDownloadError": TransientError,
    "RevisionResolutionError": TransientError,
}


@pytest.mark.parametrize("error", list(errors_of_the_library()), ids=lambda error: type(error).__name__)
def test_every_error_of_the_library_is_one_of_ours(error):
    ours = translated(error, "alice/lstm", "hf_x")
    transient = isinstance(error, httpx2.HTTPError) and not isinstance(error, huggingface_hub.errors.HfHubHTTPError)
    expected = EXPECTED.get(type(error).__name__, TransientError if transient else RefusedError)
    assert type(ours) is expected
    assert "hf_x" not in str(ours)
    assert "alice/lstm" in str(ours)


STATUSES = {
    **dict.fromkeys([401, 402, 403], ConfigurationError),
    404: ConfigurationError,
    **dict.fromkeys([408, 409, 412, 423, 425, 429, 500, 502, 503, 504, 599], TransientError),
    **dict.fromkeys([400, 405, 406, 410, 411, 413, 414, 415, 416, 417, 422, 428, 431, 451], RefusedError),
}


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_its_meaning(status):
    error = http_error(huggingface_hub.errors.HfHubHTTPError, status)
    assert type(translated(error, "alice/lstm", None)) is STATUSES[status]


def test_a_repository_that_is_not_shown_differs_from_a_token_that_is_not_taken():
    kind = huggingface_hub.errors.RepositoryNotFoundError
    assert type(translated(http_error(kind, 404), "", "hf_x")) is NoRepositoryError
    assert type(translated(http_error(kind, 401), "", "hf_x")) is ConfigurationError


def network_errors():
    for kind in vars(httpx2).values():
        if isinstance(kind, type) and issubclass(kind, httpx2.RequestError):
            yield kind


@pytest.mark.parametrize("kind", list(network_errors()), ids=lambda kind: kind.__name__)
def test_every_failure_to_ask_is_one_of_ours(kind):
    person = {"LocalProtocolError": ConfigurationError, "UnsupportedProtocol": ConfigurationError}
    expected = person | {"TooManyRedirects": RefusedError}
    assert type(translated(kind("hf_x"), "", "hf_x")) is expected.get(kind.__name__, TransientError)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError("Consistency check failed"), TransientError),
        (ConnectionResetError(104, "reset"), TransientError),
        (TimeoutError(), TransientError),
        (PermissionError(13, "denied"), ConfigurationError),
        (OSError(28, "No space left"), ConfigurationError),
        (ValueError("malformed"), RefusedError),
        (KeyError("commitUrl"), RefusedError),
    ],
)
def test_errors_of_the_machine_are_told_from_errors_of_the_network(error, expected):
    assert type(translated(error, "", None)) is expected


def test_a_mistake_of_ours_stays_what_it_is():
    with pytest.raises(ZeroDivisionError):
        asked("", None, lambda: 1 / 0)
