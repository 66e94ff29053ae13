"""The library `huggingface_hub`, held to this house's manners.

Left alone it takes the machine's login where no token is given, tells the Hub about this machine, keeps notes in the
user's home, waits for ever where the Hub asks for it or says nothing, and speaks xet, for which no local server can
stand in. None of that can be said by argument, so it is said where the library looks: in its constants and its client.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from threading import RLock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

OFF = ("HF_HUB_DISABLE_XET", "HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_IMPLICIT_TOKEN")
"""Constants of the library that are true while we ask, and as they were afterwards."""
LIMITS = {"connect": 10.0, "read": 30.0, "write": 30.0, "pool": 30.0}
"""Seconds without progress before a request is over, where the library sets none."""
PATIENCE = 30
"""Seconds: when the Hub asks for a longer wait, the library is not let to sleep, it raises."""
CHATTY = ("httpx2", "httpcore2")
"""Loggers that write down whole addresses, signatures included; who wants that must ask for it by name."""
_ONE_AT_A_TIME = RLock()


@contextmanager
def mannered() -> Iterator[None]:
    """Everything of `huggingface_hub` is called in here, by one thread at a time."""
    from huggingface_hub import constants
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    _teach_client()
    with _ONE_AT_A_TIME:
        before = {name: getattr(constants, name) for name in OFF}
        has_bars = constants.HF_HUB_DISABLE_PROGRESS_BARS is None and not are_progress_bars_disabled()
        try:
            for name in OFF:
                setattr(constants, name, True)
            if has_bars:
                disable_progress_bars()
            yield
        finally:
            for name, value in before.items():
                setattr(constants, name, value)
            if has_bars:
                enable_progress_bars()


def asked_wait(headers: Mapping[str, str]) -> int:
    """Seconds that the Hub asks to wait; 0 where it does not say."""
    from huggingface_hub.utils import parse_ratelimit_headers

    limit = parse_ratelimit_headers(headers)
    if limit is not None and limit.remaining == 0:
        return limit.reset_in_seconds
    asked = headers.get("Retry-After", "").strip()
    return int(asked) if asked.isdecimal() else 0


@cache
def _teach_client() -> None:
    """Once a process: the library has one client for all its users; time limits hurt none of them."""
    from huggingface_hub import set_client_factory

    set_client_factory(_client)
    for name in CHATTY:
        if logging.getLogger(name).level == logging.NOTSET:
            logging.getLogger(name).setLevel(logging.WARNING)


def _client() -> "httpx2.Client":
    from huggingface_hub.utils._http import default_client_factory

    client = default_client_factory()
    hooks: dict[str, list[Any]] = client.event_hooks
    client.event_hooks = {
        "request": [*hooks["request"], _limit],
        "response": [*hooks["response"], _refuse_long_waits],
    }
    return client


def _limit(request: "httpx2.Request") -> None:
    """The library passes `timeout=None` by hand, so a client's own limits would not count."""
    told = {name: value for name, value in request.extensions.get("timeout", {}).items() if value is not None}
    request.extensions["timeout"] = {**LIMITS, **told}


def _refuse_long_waits(response: "httpx2.Response") -> None:
    from huggingface_hub.utils import hf_raise_for_status

    if response.is_error and asked_wait(response.headers) > PATIENCE:
        response.read()
        hf_raise_for_status(response)
