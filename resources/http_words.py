"""What of a request and its answer may be told: neither query strings nor headers, where keys are."""

import logging
import re
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

import requests

PLAIN_HEADERS = frozenset({"accept", "accept-encoding", "connection", "content-type", "content-length", "user-agent"})
SECRET_NAME = re.compile("key|token|secret|auth|crumb|pass", re.IGNORECASE)
WORDS = 200
"""Characters of a vendor's words that a message repeats."""


def place(url: str) -> str:
    """Host and path: what of an address may be told."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that cannot be read"
    return f"{parts.hostname or 'no host'}{parts.path}"


def words(response: requests.Response) -> str:
    """What a vendor says for itself, shortened, with echoes of our secrets blotted out."""
    text = " ".join(response.text.split())
    for secret in sorted(_secrets(response.request), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text if len(text) <= WORDS else f"{text[:WORDS]}…"


def _secrets(request: requests.PreparedRequest) -> set[str]:
    query = [value for name, value in parse_qsl(urlsplit(request.url or "").query) if SECRET_NAME.search(name)]
    headers = [as_text(value) for name, value in request.headers.items() if name.lower() not in PLAIN_HEADERS]
    plain = {value for value in (*query, *headers) if value}
    return plain | {quote(value) for value in plain} | {quote_plus(value) for value in plain}


def as_text(value: str | bytes) -> str:
    """Text of what requests takes as text or bytes."""
    return value.decode() if isinstance(value, bytes) else value


def hush() -> None:
    """At DEBUG, urllib3 writes whole request lines, keys included; who wants that must ask for it by name."""
    logger = logging.getLogger("urllib3.connectionpool")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
