"""Fields of vendors' items. What cannot be read is None or empty: nothing is guessed, nothing raises."""

import json
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from learnfinance_dagster.signals.news import clean


def moment(value: object) -> datetime | None:
    """An ISO 8601 moment with its time zone, as UTC; None for anything else."""
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) else None
        return read.astimezone(UTC) if read and read.tzinfo else None
    except (ValueError, OverflowError):
        return None


def epoch(value: object) -> datetime | None:
    """Seconds since 1970 as UTC; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def flaw(headline: object, published: datetime | None, now: datetime) -> str:
    """Why an item cannot be used; empty when it can."""
    if published is None:
        return "an article without a date"
    if published > now:
        return f"an article from the future ({published.isoformat()})"
    if headline is not None and not isinstance(headline, str):
        return "an article whose headline is no text"
    return "" if clean(headline) else "an article without a headline"


def identity(value: object, *words: object) -> str:
    """The vendor's id; without one, a hash of what makes the article."""
    named = storable(str(value)).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return named or blake2b("\x1f".join(map(str, words)).encode(errors="replace"), digest_size=8).hexdigest()


def link(value: object) -> str:
    """An address for the web; empty for anything else, so that no report links to a script."""
    text = storable(value).strip() if isinstance(value, str) else ""
    return text if text.lower().startswith(("https://", "http://")) else ""


def as_json(item: object) -> str:
    """The item as it came, keys sorted."""
    try:
        return storable(json.dumps(item, sort_keys=True, ensure_ascii=False))
    except RecursionError:
        return '"nested too deeply to be kept"'


def child(item: object, *names: str) -> Any:
    """What lies below these names; None where the way is blocked."""
    for name in names:
        item = item.get(name) if isinstance(item, dict) else None
    return item


def storable(text: str) -> str:
    """Without halves of characters and NULs, which JSON can carry and files cannot."""
    return text.encode(errors="replace").decode().replace("\0", " ")
