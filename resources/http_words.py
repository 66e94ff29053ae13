"""What of a request and its answer may be told: neither query strings nor headers, where keys are."""

import html
import json
import logging
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

import requests

PLAIN_HEADERS = frozenset({"accept", "accept-encoding", "connection", "content-type", "content-length", "user-agent"})
SECRET_NAME = re.compile("key|token|secret|auth|crumb|pass", re.IGNORECASE)
UNREADABLE = "an address that cannot be read"
CHATTY = {
    "urllib3.connectionpool": logging.INFO,
    "httpx2": logging.WARNING,
    "httpcore2": logging.WARNING,
    "openai": logging.INFO,
}
"""Loggers of clients, and the first level at which they tell no secrets."""
WORDS = 200
"""Characters of a vendor's words that a message repeats."""


def place(url: str) -> str:
    """Host and path: what of an address may be told."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return UNREADABLE
    return f"{parts.hostname or 'no host'}{parts.path}"


def words(response: requests.Response) -> str:
    """What a vendor says for itself, shortened, with echoes of our secrets blotted out."""
    return spoken(response.text, response.request)


def spoken(text: str, request: requests.PreparedRequest) -> str:
    """A part of what a vendor says in answer to `request`, shortened, with echoes of our secrets blotted out."""
    return shortened(" ".join(blotted(text, _secrets(request)).split()))


def elsewhere(response: requests.Response) -> str:
    """The host that a redirect leads to, shortened, with echoes of our secrets blotted out."""
    location = blotted(response.headers.get("Location", ""), _secrets(response.request))
    try:
        return shortened(urlsplit(location).hostname or "another path")
    except ValueError:
        return UNREADABLE


def shortened(text: str) -> str:
    """As much of a vendor's words as a message repeats."""
    return text if len(text) <= WORDS else f"{text[:WORDS]}…"


def blotted(text: str, secrets: Iterable[str]) -> str:
    """Text with every spelling of the secrets replaced by `***`."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        spelled = "".join(f"(?:{'|'.join(map(re.escape, _spellings(letter)))})" for letter in secret)
        text = re.sub(spelled, "***", text, flags=re.IGNORECASE)
    return text


def _spellings(letter: str) -> set[str]:
    """As it is, and as addresses, forms, JSON and HTML write it: an echo may mix them."""
    code = ord(letter)
    return {
        *(letter, f"\\{letter}", quote(letter, safe=""), quote_plus(letter), html.escape(letter)),
        *(json.dumps(letter)[1:-1], f"\\u{code:04x}", f"&#{code};", f"&#x{code:x};"),
    }


def _secrets(request: requests.PreparedRequest) -> set[str]:
    query = [value for name, value in parse_qsl(urlsplit(request.url or "").query) if SECRET_NAME.search(name)]
    headers = [as_text(value) for name, value in request.headers.items() if name.lower() not in PLAIN_HEADERS]
    return {value for value in (*query, *headers) if value}


def as_text(value: str | bytes) -> str:
    """Text of what requests takes as text or bytes."""
    return value.decode() if isinstance(value, bytes) else value


def hush() -> None:
    """Clients write down whole addresses and headers, keys and echoes of them included.

    Who wants that must ask for it by name.
    """
    for name, level in CHATTY.items():
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(level)
