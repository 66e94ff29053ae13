"""Filings of the SEC: key-less, complete, and dated by the day they were filed. The reference source."""

from collections.abc import Callable, Collection
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from learnfinance_dagster.calendar import new_york_day
from learnfinance_dagster.errors import (
    ConfigurationError,
    DataError,
    LearnFinanceError,
    RefusedError,
    SilentError,
    TransientError,
)
from learnfinance_dagster.ports import FilingsAnswer
from resources.filings.answer import Say, answer, names_of
from resources.filings.day_cache import DayCache
from resources.filings.edgar_items import statements

if TYPE_CHECKING:
    import requests

NO_USER_AGENT = "set LEARNFINANCE_EDGAR_USER_AGENT to your name and e-mail: the SEC requires it"
PER_SECOND = 8.0
"""The SEC allows ten requests a second, and locks out who asks faster."""
GIVE_UP_AFTER = 3
"""Names in a row that the SEC fails, each tried several times: then the rest is not asked. One silence is enough."""
REPORT_EVERY = 25
TICKERS = "company_tickers"


class EdgarFilings:
    """Adapter of `ports.FilingsSource` on the SEC's `companyfacts`.

    A document is the whole past of a company, so one that was fetched on a day answers every question about the days up
    to then: a back-fill over years asks once, and so does a second run of a day.
    """

    name = "edgar"

    def __init__(  # noqa: PLR0913  what settings say, and a session for tests
        self,
        user_agent: str | None,
        folder: Path,
        clock: Callable[[], datetime],
        base: str = "https://data.sec.gov",
        files: str = "https://www.sec.gov",
        say: Say | None = None,
        *,
        session: "requests.Session | None" = None,
    ) -> None:
        """Nothing is asked yet.

        Args:
            user_agent: name and e-mail of who asks; the SEC answers nobody else.
            folder: keeps what was fetched; made when needed.
            clock: now.
            base: address of the facts.
            files: address of the list of tickers.
            say: hears of progress.
            session: asks; by default patiently, eight times a second at most.
        """
        self._user_agent, self._clock, self._session = (user_agent or "").strip(), clock, session
        self._cache, self._base, self._files = DayCache(folder), base, files
        self._say = say or (lambda _text: None)

    def filings(self, symbols: Collection[str], known_at: datetime) -> FilingsAnswer:
        """See `ports.FilingsSource`; fetches what was not fetched since the day before `known_at`."""
        names, day = names_of(symbols), new_york_day(known_at)
        if not self._user_agent:
            return answer({}, dict.fromkeys(names, NO_USER_AGENT), names, day)
        today = new_york_day(self._clock())
        try:
            numbers = self._numbers(today, day) if names else {}
        except LearnFinanceError as error:
            return answer({}, dict.fromkeys(names, f"the SEC's list of tickers: {error}"), names, day)
        found, why = self._all(names, numbers, today, day)
        return answer(found, why, names, day)

    def _all(
        self, names: list[str], numbers: dict[str, int], today: date, day: date
    ) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
        """Name → its publications, and name → why there are none."""
        found: dict[str, pd.DataFrame] = {}
        why: dict[str, str] = {}
        failures, closed = 0, ""
        for count, name in enumerate(names, start=1):
            number = numbers.get(ticker_at_sec(name))
            if number is None:
                why[name] = f"the SEC's list of tickers has no {ticker_at_sec(name)}"
                continue
            try:
                found[name], why[name] = self._one(name, number, today, day, closed)
                failures = 0
            except TransientError as error:
                why[name], failures = str(error), failures + 1
                if not closed and (failures == GIVE_UP_AFTER or isinstance(error, SilentError)):
                    closed = f"not asked: the SEC gave no answer before ({error})"
            except ConfigurationError as error:
                why[name] = closed = str(error)
            except LearnFinanceError as error:
                why[name] = str(error)
            if count % REPORT_EVERY == 0:
                self._say(f"edgar: {count} of {len(names)} names")
        return found, why

    def _one(self, name: str, number: int, today: date, day: date, closed: str) -> tuple[pd.DataFrame, str]:
        """A company's publications, or why there are none; only a document that can be read is kept.

        Args:
            name: of the company.
            number: its CIK.
            today: New York date of now.
            day: New York date of the question.
            closed: why nobody is asked any more; empty while the SEC answers.
        """
        key = f"CIK{number:010d}"
        kept = self._cache.read(key, min(today, day))
        if kept is not None:
            return statements(kept, name, self.name)
        if closed:
            raise TransientError(closed)
        try:
            document = self._get(f"{self._base}/api/xbrl/companyfacts/{key}.json")
        except RefusedError as error:
            msg = f"the SEC has no facts of it: {error}"
            raise RefusedError(msg) from None
        try:
            result = statements(document, name, self.name)
        except DataError as error:
            msg = f"the SEC's facts of {key} cannot be read: {error}"
            raise DataError(msg) from None
        self._cache.write(key, today, document)
        return result

    def _numbers(self, today: date, day: date) -> dict[str, int]:
        """Ticker, as the SEC writes it → CIK."""
        document = self._cache.read(TICKERS, min(today, day))
        if document is not None:
            return read_tickers(document)
        document = self._get(f"{self._files}/files/company_tickers.json")
        numbers = read_tickers(document)
        self._cache.write(TICKERS, today, document)
        return numbers

    def _get(self, url: str) -> Any:
        from resources.http import PatientSession, get_json

        if self._session is None:
            self._session = PatientSession(per_second=PER_SECOND)
        return get_json(self._session, url, headers={"User-Agent": self._user_agent})


def ticker_at_sec(name: str) -> str:
    """The SEC writes share classes with a dash: BRK-B."""
    return name.replace(".", "-")


def read_tickers(document: Any) -> dict[str, int]:
    """Ticker → CIK, of the SEC's `company_tickers.json`.

    Raises:
        DataError: it is something else.
    """
    try:
        return {str(row["ticker"]).upper(): int(row["cik_str"]) for row in document.values()}
    except (AttributeError, TypeError, KeyError, ValueError) as error:
        msg = f"it cannot be read ({type(error).__name__})"
        raise DataError(msg) from None
