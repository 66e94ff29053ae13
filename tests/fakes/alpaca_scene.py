"""Alpaca's news service on this machine: filters, sorts and pages as the real one says it does.

As a process: `python alpaca_scene.py URL ARCHIVE` fills the archive with the whole scene, until it is killed.
"""

import base64
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from vendor_server import Reply, Seen

from resources.http import PatientSession
from resources.news.alpaca import AlpacaNews
from resources.news.archive import ArchivedNews

NEWS = "/v1beta1/news"
KEY, SECRET = "AK-canary-key-1234", "canary-secret-5678"
FIRST, LAST = date(2024, 5, 6), date(2024, 5, 12)
NOW = datetime(2024, 5, 20, 9, tzinfo=UTC)
NAMES = ("AAPL", "META", "MSFT")


def item(number: int, published: datetime | str, *symbols: str, **fields: object) -> dict[str, object]:
    """An item as Alpaca writes it."""
    stamp = published if isinstance(published, str) else published.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    plain = {
        "id": number,
        "headline": f"Headline {number}",
        "summary": f"Summary {number}.",
        "author": "A. Writer",
        "source": "benzinga",
        "url": f"https://news.example/{number}",
        "content": "",
        "images": [],
        "created_at": stamp,
        "updated_at": stamp,
        "symbols": list(symbols),
    }
    return plain | fields


def noon(day: date, minutes: float = 0) -> datetime:
    """Noon UTC belongs to the news day of its date."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC) - timedelta(minutes=minutes)


def busy_week() -> list[dict[str, object]]:
    """Seven days; two of them with more than a page, one without anything, and names that come and go."""
    counts = {0: 130, 1: 3, 2: 60, 3: 0, 4: 1, 5: 7, 6: 50}
    items = []
    for offset, count in counts.items():
        for n in range(count):
            tags = [name for place, name in enumerate(NAMES) if (n + place) % 3 != 0 and not (offset == 1 and n)]
            items.append(item(1000 * offset + n, noon(FIRST + timedelta(days=offset), 8 * n), *tags))
    return items


class Alpaca:
    """Callable as an answer of `VendorServer`; pages are cut from what fits the question, by updated_at."""

    def __init__(self, items: list[dict[str, object]]) -> None:
        self.items = items

    def __call__(self, seen: Seen) -> Reply:
        if seen.headers.get("apca-api-key-id") != KEY or seen.headers.get("apca-api-secret-key") != SECRET:
            return Reply({"message": "forbidden."}, status=403)
        query = seen.query
        start, end = (datetime.fromisoformat(query[name]) for name in ("start", "end"))
        wanted = set(query["symbols"].split(","))
        found = sorted(
            (each for each in self.items if wanted & set(each["symbols"]) and start <= _updated(each) <= end),
            key=lambda each: (_updated(each), each["id"]),
        )
        offset = self._offset(query)
        if offset is None:
            return Reply({"message": "invalid page_token"}, status=400)
        stop = offset + int(query["limit"])
        token = _token(query, stop) if stop < len(found) else None
        return Reply({"news": found[offset:stop], "next_page_token": token})

    def _offset(self, query):
        token = query.get("page_token")
        if token is None:
            return 0
        offset, _, _ = base64.b64decode(token).decode().partition(" ")
        return int(offset) if token == _token(query, int(offset)) else None


def _updated(each) -> datetime:
    return datetime.fromisoformat(each["updated_at"])


def _token(query, offset: int) -> str:
    question = " ".join(query[name] for name in ("symbols", "start", "end"))
    return base64.b64encode(f"{offset} {question}".encode()).decode()


def fetcher(url: str, **options) -> AlpacaNews:
    """Alpaca at `url`, without waiting for turns."""
    return AlpacaNews(KEY, SECRET, url, PatientSession(**{"per_second": 1e6, "attempts": 1, **options}))


def archived(url: str, path: Path, **options) -> ArchivedNews:
    """The archive at `path`, filled from `url`."""
    return ArchivedNews(fetcher(url), path, **{"clock": lambda: NOW, **options})


def whole_week(source):
    """The question that the tests ask."""
    return source.articles(NAMES, FIRST, LAST, NOW)


if __name__ == "__main__":
    whole_week(archived(sys.argv[1], Path(sys.argv[2])))
