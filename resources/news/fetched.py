"""What news fetchers and the archive say to each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from typing import Protocol

NOBODY = "?"
"""Stands for the name where an item belongs to none that was asked for."""


@dataclass(frozen=True, slots=True)
class Article:
    """An article and one name that it is about; see `schemas.evidence.Articles`."""

    symbol: str
    day: date
    published_at: datetime
    headline: str
    summary: str
    publisher: str
    url: str
    article_id: str
    raw: str


@dataclass(frozen=True, slots=True)
class Skip:
    """An item that was received and not used."""

    symbol: str
    reason: str
    unread: bool = False
    """The item cannot be read; else it can, and is not what was asked for."""
    undated: bool = False
    """It can be of any day: its name is covered on none of those that were asked for."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is asked for in one go, page after page."""

    label: str
    """Names it in progress messages."""
    symbols: tuple[str, ...]
    days: tuple[date, ...]

    @property
    def key(self) -> str:
        """The same for the same question, also in another process."""
        words = "\x1f".join([*(day.isoformat() for day in self.days), *self.symbols])
        return blake2b(words.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a vendor."""

    articles: tuple[Article, ...]
    skipped: tuple[Skip, ...]
    next_token: str | None
    """Leads to the batch's next page; None on the last."""
    covered: frozenset[date]
    """Days of the batch that are complete once the last page is here, but for names of undated items."""
    gap: str = ""
    """Why its other days are not."""


class NewsFetcher(Protocol):
    """A vendor of news, without memory."""

    @property
    def name(self) -> str:
        """Names the source in evidence."""
        ...

    @property
    def unit(self) -> str:
        """What a batch is one of, for progress messages: `days`."""
        ...

    def earliest(self, now: datetime) -> date:
        """The first news day that it may know anything of."""
        ...

    def batches(self, missing: Mapping[date, Sequence[str]]) -> list[Batch]:
        """Questions for these days and names, in the order of the days as given."""
        ...

    def page(self, batch: Batch, token: str | None, now: datetime) -> Page:
        """The page of that token (None: the first), asked at `now`: nothing in it is from later.

        Raises:
            TransientError: no answer this time.
            DataError: an answer that is none.
            RefusedError: the vendor declines the question, or the token.
            ConfigurationError: a person must act.
        """
        ...
