"""Asking a fetcher for what the archive lacks, page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from learnfinance_dagster.errors import ConfigurationError, DataError, LearnFinanceError, RefusedError
from resources.news.fetched import Batch, NewsFetcher, Page
from resources.news.progress import Progress
from resources.news.store import NewsStore

FAILURES = 3
"""Batches that may fail in a row before the rest is not asked for."""
Reasons = dict[tuple[date, str], str]


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a batch ended."""

    articles: int
    error: LearnFinanceError | None = None
    gap: str = ""


@dataclass(frozen=True, slots=True)
class Backfill:
    """One round of asking."""

    fetcher: NewsFetcher
    store: NewsStore
    now: datetime
    """Wall clock."""
    last_over: date
    """Later days can still change: they are asked from their start each time, and never covered."""

    def fill(self, missing: Mapping[date, Sequence[str]], progress: Progress) -> Reasons:
        """Ask for these days and names, in order; returns why something is still missing.

        A failure costs its batch; after a few in a row, or when a person must act, nothing more is asked.
        """
        start = self.fetcher.earliest(self.now)
        too_early = f"{self.fetcher.name} has no news from before {start}"
        reasons = {(day, name): too_early for day, names in missing.items() if day < start for name in names}
        batches = self.fetcher.batches({day: names for day, names in missing.items() if day >= start})
        progress.begin(len(batches))
        failures, given_up = 0, ""
        for batch in batches:
            ended = _Ended(0, gap=given_up) if given_up else self._fetch(batch)
            why = ended.gap if ended.error is None else str(ended.error)
            reasons |= {(day, name): why for day in batch.days for name in batch.symbols}
            if given_up:
                continue
            progress.done(batch.label, ended.articles, trouble=str(ended.error or ""))
            failures = failures + 1 if ended.error else 0
            if isinstance(ended.error, ConfigurationError):
                given_up = why
            elif failures == FAILURES:
                given_up = f"not asked for, after {failures} failures in a row: {why}"
        return reasons

    def _fetch(self, batch: Batch) -> _Ended:
        """Page after page, each kept at once, from the page where an earlier round was."""
        is_over = max(batch.days) <= self.last_over
        token = self.store.token(batch)
        if token is None:
            self.store.restart(batch)
        seen: set[str | None] = {token}
        articles, may_restart = 0, True
        while True:
            page = self._page(batch, token)
            if isinstance(page, RefusedError) and token is not None and may_restart:  # tokens grow old
                self.store.restart(batch)
                token, may_restart = None, False
                seen = {token}
                continue
            if isinstance(page, LearnFinanceError):
                return _Ended(articles, page)
            is_last = page.next_token is None
            covered = [day for day in page.covered if day <= self.last_over] if is_last else []
            self.store.keep(batch, page, covered, self.now, resumable=is_over)
            articles += len(page.articles)
            if is_last:
                return _Ended(articles, gap=page.gap)
            token = page.next_token
            if token in seen:
                self.store.restart(batch)
                return _Ended(articles, DataError(f"{self.fetcher.name} leads in circles from page to page"))
            seen.add(token)

    def _page(self, batch: Batch, token: str | None) -> Page | LearnFinanceError:
        try:
            return self.fetcher.page(batch, token, self.now)
        except LearnFinanceError as error:
            return error
