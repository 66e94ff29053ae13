"""Yahoo's news, as yfinance gets it: the newest articles of one name, and no history."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from learnfinance_dagster.calendar import news_day
from learnfinance_dagster.signals.news import clean
from learnfinance_dagster.symbols import name_at
from resources.news.fetched import Article, Batch, Page, Skip
from resources.news.parse import as_json, child, epoch, flaw, identity, link, moment
from resources.turns import Turns

if TYPE_CHECKING:
    from resources.news.yahoo_client import YahooClient

URL = "https://finance.yahoo.com"
PER_SECOND = 2.0
NEWEST = 100
"""Articles asked for."""
REACH = timedelta(days=30)
"""Days further back are not asked for, and not believed to be complete."""
GAP = timedelta(days=4)
"""A long weekend. After more than that without an article, an older one may have been dug out, and between the two the
list may have been cut."""
EMPTY = "Yahoo gave an empty answer, which cannot be told from a failure"


class YahooNews:
    """`NewsFetcher` of Yahoo, by names."""

    name = "yahoo"
    unit = "names"

    def __init__(
        self,
        url: str = URL,
        turns: Turns | None = None,
        count: int = NEWEST,
        timeout: tuple[float, float] | None = None,
    ) -> None:
        """Nothing is asked yet.

        Args:
            url: one other than Yahoo's stands for all hosts of Yahoo.
            turns: spread the requests; by default two a second.
            count: articles to ask for.
            timeout: seconds to connect, and then for an answer; by default `yahoo_client.TIMEOUT`.
        """
        self._home = None if url.rstrip("/") == URL else url.rstrip("/")
        self._turns, self._count, self._timeout = turns or Turns(PER_SECOND), count, timeout

    def earliest(self, now: datetime) -> date:
        """See `REACH`."""
        return news_day(now - REACH)

    def batches(self, missing: Mapping[date, Sequence[str]]) -> list[Batch]:
        """One name and all its days."""
        days: dict[str, list[date]] = {}
        for day, names in missing.items():
            for name in names:
                days.setdefault(name, []).append(day)
        return [Batch(name, (name,), tuple(wanted)) for name, wanted in sorted(days.items())]

    def page(self, batch: Batch, token: str | None, now: datetime) -> Page:
        """See `NewsFetcher.page`: there is only one. Covered are the days as far back as the list has no gap.

        The day of the last article before the gap may be cut, so it is not covered itself.
        """
        del token
        (symbol,) = batch.symbols
        found = [article_of(item, symbol, now) for item in self._client.newest(_wire(symbol), self._count)]
        articles = tuple(each for each in found if isinstance(each, Article))
        oldest = _gapless_since(articles)
        covered = [day for day in batch.days if oldest and oldest < day]
        return Page(
            articles=articles,
            skipped=tuple(each for each in found if isinstance(each, Skip)),
            next_token=None,
            covered=frozenset(covered),
            gap=f"Yahoo gave {len(found)} articles, without a gap only back to {oldest}" if oldest else _nothing(found),
        )

    @cached_property
    def _client(self) -> "YahooClient":
        from resources.news.yahoo_client import TIMEOUT, YahooClient

        return YahooClient(self._turns, self._home, self._timeout or TIMEOUT)


def article_of(item: Any, symbol: str, now: datetime) -> Article | Skip:
    """An item in Yahoo's nested layout, or in the flat one that it had until 2024."""
    content = child(item, "content")
    fields = _nested(content) if isinstance(content, dict) else _flat(item)
    published, headline = fields["published"], fields["headline"]
    key = identity(child(item, "id") or child(item, "uuid"), published, headline, fields["url"])
    why = flaw(headline, published, now) if isinstance(item, dict) else "an item that is no object"
    if published is None or why:
        return Skip(symbol, f"{why} (id {key})", unread=True, undated=published is None)
    day = news_day(published)
    if name_at(symbol, day) is None:
        return Skip(symbol, f"that day another company had this ticker (id {key})")
    return Article(
        symbol=symbol,
        day=day,
        published_at=published,
        headline=clean(headline),
        summary=clean(fields["summary"]),
        publisher=clean(fields["publisher"]),
        url=fields["url"],
        article_id=key,
        raw=as_json(item),
    )


def _nested(content: dict[str, Any]) -> dict[str, Any]:
    stamps = [moment(content[name]) for name in ("pubDate", "displayTime") if content.get(name) is not None]
    known = [stamp for stamp in stamps if stamp]
    link_of = {name: link(child(content, name, "url")) for name in ("canonicalUrl", "clickThroughUrl")}
    return {
        # Shown later than written: what is served may be a later version, so the later stamp counts.
        "published": max(known) if known and len(known) == len(stamps) else None,
        "headline": content.get("title"),
        "summary": content.get("summary"),
        "publisher": child(content, "provider", "displayName"),
        "url": link_of["canonicalUrl"] or link_of["clickThroughUrl"],
    }


def _flat(item: Any) -> dict[str, Any]:
    return {
        "published": epoch(child(item, "providerPublishTime")),
        "headline": child(item, "title"),
        "summary": child(item, "summary"),
        "publisher": child(item, "publisher"),
        "url": link(child(item, "link")),
    }


def _gapless_since(articles: Sequence[Article]) -> date | None:
    """The oldest day that is reached from the newest article without a step of more than `GAP`."""
    newest_first = sorted(articles, key=lambda article: article.published_at, reverse=True)
    for later, earlier in pairwise(newest_first):
        if later.published_at - earlier.published_at > GAP:
            return later.day
    return newest_first[-1].day if newest_first else None


def _nothing(found: Sequence[Article | Skip]) -> str:
    return f"Yahoo gave {len(found)} items, none of them usable" if found else EMPTY


def _wire(symbol: str) -> str:
    """Yahoo writes share classes with a hyphen."""
    return symbol.replace(".", "-")
