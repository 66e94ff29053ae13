"""Asking a fetcher for what the archive lacks, page by page, and telling how far that is."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from learnfinance_dagster.errors import ConfigurationError, DataError, LearnFinanceError, RefusedError, SilentError
from resources.news.fetched import Batch, NewsFetcher, Page
from resources.news.store import NewsStore

FAILURES = 3
"""Batches that may fail in a row before the rest is not asked for."""
UNDATED = "an article could not be dated"
Pair = tuple[date, str]
"""A news day and a name."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What a round of asking came to."""

    whole: set[Pair] = field(default_factory=set)
    """Fetched to their end. Those of days that have not settled are not in the archive's coverage."""
    reasons: dict[Pair, str] = field(default_factory=dict)
    """Why the others were not."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a batch ended."""

    articles: int
    error: LearnFinanceError | None = None
    gap: str = ""
    whole: frozenset[Pair] = frozenset()
    undated: frozenset[str] = frozenset()

    def reason(self, name: str) -> str:
        """Why days of a name are missing."""
        if self.error:
            return str(self.error)
        return UNDATED if name in self.undated else self.gap


@dataclass(frozen=True, slots=True)
class Backfill:
    """One round of asking."""

    fetcher: NewsFetcher
    store: NewsStore
    now: datetime
    """Wall clock."""
    last_over: date
    """Later days go on: their articles so far are kept, and they are whole at no time."""
    last_settled: date
    """Later days can still gain articles: they are asked from their start each time, and never covered for good."""

    def fill(self, missing: Mapping[date, Sequence[str]], progress: "Progress") -> Filled:
        """Ask for these days and names, in order.

        A failure costs its batch; after a few in a row, when nobody answers, or when a person must act, nothing more is
        asked.
        """
        start = self.fetcher.earliest(self.now)
        too_early = f"{self.fetcher.name} has no news from before {start}"
        filled = Filled(reasons={(day, name): too_early for day in missing if day < start for name in missing[day]})
        batches = self.fetcher.batches({day: names for day, names in missing.items() if day >= start})
        progress.begin(len(batches))
        failures, given_up = 0, ""
        for batch in batches:
            ended = _Ended(0, gap=given_up) if given_up else self._fetch(batch)
            filled.whole.update(ended.whole)
            filled.reasons.update({(day, name): ended.reason(name) for day in batch.days for name in batch.symbols})
            if given_up:
                continue
            progress.done(batch.label, ended.articles, trouble=str(ended.error or ""))
            failures = failures + 1 if ended.error else 0
            if isinstance(ended.error, ConfigurationError):
                given_up = str(ended.error)
            elif isinstance(ended.error, SilentError):
                given_up = f"not asked for, {self.fetcher.name} did not answer before: {ended.error}"
            elif failures == FAILURES:
                given_up = f"not asked for, after {failures} failures in a row: {ended.error}"
        return filled

    def _fetch(self, batch: Batch) -> _Ended:
        """Page after page, each kept at once, from the page where an earlier round was."""
        resumable = max(batch.days) <= self.last_settled
        token, undated = self.store.progress(batch)
        if token is None:
            self.store.restart(batch)
        seen: set[str | None] = {token}
        articles, may_restart = 0, True
        while True:
            page = self._page(batch, token)
            if isinstance(page, RefusedError) and token is not None and may_restart:  # tokens grow old
                self.store.restart(batch)
                token, undated, may_restart = None, set[str](), False
                seen = {token}
                continue
            if isinstance(page, LearnFinanceError):
                return _Ended(articles, page)
            articles += len(page.articles)
            undated |= {skip.symbol for skip in page.skipped if skip.undated}
            if page.next_token is None:
                whole = self._whole(batch, page, undated)
                self.store.finish(batch, page, [pair for pair in whole if pair[0] <= self.last_settled], self.now)
                return _Ended(articles, gap=page.gap, whole=whole, undated=frozenset(undated))
            self.store.keep(batch, page, undated, resumable=resumable)
            token = page.next_token
            if token in seen:
                self.store.restart(batch)
                return _Ended(articles, DataError(f"{self.fetcher.name} leads in circles from page to page"))
            seen.add(token)

    def _whole(self, batch: Batch, page: Page, undated: set[str]) -> frozenset[Pair]:
        days = [day for day in page.covered if day <= self.last_over]
        return frozenset((day, name) for day in days for name in batch.symbols if name not in undated)

    def _page(self, batch: Batch, token: str | None) -> Page | LearnFinanceError:
        try:
            return self.fetcher.page(batch, token, self.now)
        except LearnFinanceError as error:
            return error


class Progress:
    """Says a line after every batch, with an estimate of what is left."""

    def __init__(self, say: Callable[[str], None], unit: str, ticks: Callable[[], float] = time.monotonic) -> None:
        """Lines go to `say`; a batch is one of `unit`, e.g. days; `ticks` are monotonic seconds."""
        self._say, self._unit, self._ticks = say, unit, ticks
        self.begin(0)

    def begin(self, batches: int) -> None:
        """That many batches will follow."""
        self._total, self._done, self._articles, self._started = batches, 0, 0, self._ticks()

    def done(self, label: str, articles: int, trouble: str = "") -> None:
        """One more batch is over."""
        self._done += 1
        self._articles += articles
        left = (self._ticks() - self._started) / self._done * (self._total - self._done)
        rest = f"about {_spoken(left)} left" if self._done < self._total else "done"
        failed = f" was not fetched ({trouble})" if trouble else ""
        count = f"{self._articles:,}".replace(",", " ")
        self._say(f"news {label}{failed}: {self._done} of {self._total} {self._unit}, {count} articles, {rest}")


def _spoken(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
