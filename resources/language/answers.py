"""What every adapter holds an answer to."""

import json
from typing import Any

from learnfinance_dagster.errors import DataError

Json = dict[str, Any]


def object_text(text: object, who: str) -> str:
    """The text of an answer, which must be a JSON object.

    Raises:
        DataError: it is not.
    """
    if not isinstance(text, str) or not text.strip():
        msg = f"{who} answered without any text"
        raise DataError(msg)
    found = _parsed(text)
    if found is None:
        msg = f"{who} answered with text that is not JSON"
        raise DataError(msg)  # without the parser's error, which holds the whole text
    if not isinstance(found, dict):
        msg = f"{who} answered with JSON that is no object"
        raise DataError(msg)
    return text


def _parsed(text: str) -> Any:
    """None where it is no JSON (or null, which is no object either)."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def envelope(body: str, who: str) -> Json:
    """What an answer came in.

    Raises:
        DataError: it is no JSON object.
    """
    return json.loads(object_text(body, who))


def at(found: Any, *path: str | int) -> Any:
    """What lies there; None where the way does not lead there, whatever was sent instead."""
    for step in path:
        try:
            found = found[step]
        except (KeyError, IndexError, TypeError):
            return None
    return found


def tokens(found: Any) -> int:
    """A count of tokens; 0 where nobody counted."""
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else 0
