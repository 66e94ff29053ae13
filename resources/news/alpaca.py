"""Alpaca News: every article of a day that is tagged with one of the names, page by page."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from learnfinance_dagster.calendar import decision_time, news_day
from learnfinance_dagster.errors import ConfigurationError, DataError
from learnfinance_dagster.signals.news import clean
from learnfinance_dagster.symbols import name_at, normalise, with_aliases
from resources.alpaca_data import NEWS_A_MINUTE, NO_CREDENTIALS, URL
from resources.http import PatientSession
from resources.news.fetched import NOBODY, Article, Batch, Page, Skip
from resources.news.parse import as_json, child, flaw, identity, link, moment

if TYPE_CHECKING:
    from resources.news.alpaca_client import PatientNewsClient

PAGE = 50
"""Articles a page; Alpaca gives no more."""
NAMES_A_REQUEST = 400
"""Keeps the address below the 8 kB that web servers take."""
FIRST_DAY = date(2015, 1, 1)
"""Alpaca's archive starts in 2015."""
TICK = timedelta(microseconds=1)


class AlpacaNews:
    """`NewsFetcher` of Alpaca, by news days."""

    name = "alpaca"
    unit = "days"

    def __init__(
        self, key: str | None, secret: str | None, url: str = URL, session: PatientSession | None = None
    ) -> None:
        """Nothing is asked yet, and without credentials nothing ever is."""
        self._key, self._secret, self._url = key, secret, url.rstrip("/")
        self._session = session or PatientSession(a_minute=NEWS_A_MINUTE)

    def earliest(self, now: datetime) -> date:
        """See `FIRST_DAY`; it does not move."""
        del now
        return FIRST_DAY

    def batches(self, missing: Mapping[date, Sequence[str]]) -> list[Batch]:
        """One day and all its names, as long as they fit into one request."""
        return [
            Batch(day.isoformat(), tuple(names[start : start + NAMES_A_REQUEST]), (day,))
            for day, names in missing.items()
            for start in range(0, len(names), NAMES_A_REQUEST)
        ]

    def page(self, batch: Batch, token: str | None, now: datetime) -> Page:
        """See `NewsFetcher.page`."""
        day = batch.days[0]
        parameters = {
            "symbols": ",".join(map(_wire, with_aliases(batch.symbols))),
            "start": _stamp(decision_time(day - timedelta(days=1)) + TICK),
            "end": _stamp(min(decision_time(day), now)),
            "limit": PAGE,
            "sort": "asc",
            "include_content": "false",
        }
        answer = self._client.one_page(parameters | ({"page_token": token} if token else {}))
        items, next_token = _contents(answer)
        found = [each for item in items for each in articles_of(item, batch.symbols, day, now)]
        _refuse_unread(found)
        return Page(
            articles=tuple(each for each in found if isinstance(each, Article)),
            skipped=tuple(each for each in found if isinstance(each, Skip)),
            next_token=next_token,
            covered=frozenset(batch.days),
        )

    @cached_property
    def _client(self) -> "PatientNewsClient":
        if not self._key or not self._secret:
            raise ConfigurationError(NO_CREDENTIALS)
        from resources.news.alpaca_client import PatientNewsClient

        return PatientNewsClient(self._key, self._secret, self._url, self._session)


def _contents(answer: Any) -> tuple[list[Any], str | None]:
    """Items and the token of the next page. Where the token's field is missing, nobody knows whether this was all."""
    if isinstance(answer, dict) and "next_page_token" in answer:
        items, token = child(answer, "news"), answer["next_page_token"]
        if isinstance(items, list) and (token is None or _is_token(token)):
            return items, token or None
    msg = "Alpaca's answer is no page of news"
    raise DataError(msg)


def _refuse_unread(found: Sequence[Article | Skip]) -> None:
    """One odd item is an accident; when all are, the vendor has changed its format, and that is not "no articles"."""
    unread = [each for each in found if isinstance(each, Skip) and each.unread]
    if unread and len(unread) == len(found):
        msg = f"Alpaca: no item of a page can be read: {unread[0].reason}"
        raise DataError(msg)


def articles_of(item: Any, symbols: Sequence[str], day: date, now: datetime) -> Iterator[Article | Skip]:
    """What an item says about the asked names on the asked day, and what of it cannot be used."""
    tags, named = child(item, "symbols"), f"(id {identity(child(item, 'id'), as_json(item))})"
    if not isinstance(tags, list):
        yield Skip(NOBODY, f"an item without a list of symbols {named}", unread=True)
        return
    tickers = [tag for tag in tags if isinstance(tag, str)]
    asked = {_wire(symbol): symbol for symbol in symbols}
    about = _asked(map(normalise, tickers), asked)
    if not about:
        yield Skip(NOBODY, f"an article about none of the asked names {named}", unread=True)
        return
    published = _published(item)
    why = flaw(child(item, "headline"), published, now)
    if published is None or why:
        yield from (Skip(name, f"{why} {named}", unread=True, undated=published is None) for name in sorted(about))
        return
    if news_day(published) != day:
        yield from (
            Skip(symbol, f"an article of {news_day(published)}, not of {day} {named}") for symbol in sorted(about)
        )
        return
    meant = _asked((name_at(ticker, day) for ticker in tickers), asked)
    yield from (Skip(symbol, f"that day another company had this ticker {named}") for symbol in sorted(about - meant))
    yield from (_article(symbol, day, published, item) for symbol in sorted(meant))


def _article(symbol: str, day: date, published: datetime, item: dict[str, Any]) -> Article:
    headline = clean(item["headline"])
    return Article(
        symbol=symbol,
        day=day,
        published_at=published,
        headline=headline,
        summary=clean(item.get("summary")),
        publisher=clean(item.get("source")) or clean(item.get("author")),
        url=link(item.get("url")),
        article_id=identity(item.get("id"), published, headline),
        raw=as_json(item),
    )


def _published(item: Any) -> datetime | None:
    """When the text became public as it was served: an update may have rewritten all of it.

    A stamp that is there and cannot be read is no date, rather than an update that is overlooked.
    """
    stamps = [child(item, name) for name in ("created_at", "updated_at")]
    read = [moment(stamp) for stamp in stamps if stamp is not None]
    known = [stamp for stamp in read if stamp]
    return max(known) if known and len(known) == len(read) else None


def _asked(names: Iterable[str | None], asked: Mapping[str, str]) -> set[str]:
    return {asked[_wire(name)] for name in names if name and _wire(name) in asked}


def _is_token(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable()


def _wire(symbol: str) -> str:
    """Alpaca writes share classes with a dot."""
    return symbol.replace("-", ".")


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
