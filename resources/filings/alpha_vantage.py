"""Filings of Alpha Vantage: twenty-five calls a day, so answers are kept and gathered over many days."""

import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from learnfinance_dagster.calendar import new_york_day
from learnfinance_dagster.errors import ConfigurationError, LearnFinanceError, RefusedError, SilentError, TransientError
from learnfinance_dagster.ports import FilingsAnswer
from resources.filings.alpha_vantage_parse import FUNCTIONS, TooFastError, UsedUpError
from resources.filings.alpha_vantage_rows import latest_quarter, publications
from resources.filings.answer import Say, answer, names_of
from resources.filings.rounds import Round, RoundStore

if TYPE_CHECKING:
    from resources.filings.alpha_vantage_http import CountedSession

NO_KEY = "set ALPHA_VANTAGE_API_KEY; a free key comes from https://www.alphavantage.co/support/#api-key"
CALLS_A_DAY = 25
"""Of the free key."""
NEXT_QUARTER = timedelta(days=105)
"""From the end of the newest known quarter: the next one ends after 91 days, and two weeks is a quick report."""
AGAIN = timedelta(days=7)
"""A name that was asked in vain is asked again after a week; so is one whose round was begun and not finished."""
GIVE_UP_AFTER = 3
"""Names in a row that the vendor fails, each tried several times: then the rest is not asked. One silence is enough."""


class AlphaVantageFilings:
    """Adapter of `ports.FilingsSource` that spends its calls on names which were never fetched, then on the oldest.

    A name costs three calls, and one when there is no new quarter. Names that today's calls do not reach are answered
    from what is kept, or are missing.
    """

    name = "alpha_vantage"

    def __init__(  # noqa: PLR0913  what settings say, and knobs for tests
        self,
        api_key: str | None,
        database: Path,
        clock: Callable[[], datetime],
        base: str = "https://www.alphavantage.co",
        say: Say | None = None,
        *,
        calls_a_day: int = CALLS_A_DAY,
        sleep: Callable[[float], None] = time.sleep,
        knobs: Mapping[str, Any] | None = None,
    ) -> None:
        """Nothing is asked yet.

        Args:
            api_key: the vendor's key; it is told to nobody else.
            database: SQLite file with what was fetched and counted; made when needed.
            clock: now.
            base: the vendor's address.
            say: hears of progress.
            calls_a_day: allowed by the key, counted by UTC days.
            sleep: waits; for tests.
            knobs: of `PatientSession`, in place of this adapter's.
        """
        self._key, self._clock, self._base = (api_key or "").strip(), clock, base
        self._store, self._allowed = RoundStore(database), calls_a_day
        self._sleep, self._knobs, self._say = sleep, dict(knobs or {}), say or (lambda _text: None)
        self._http: CountedSession | None = None

    def filings(self, symbols: Collection[str], known_at: datetime) -> FilingsAnswer:
        """See `ports.FilingsSource`; spends what calls the day has left."""
        names, day = names_of(symbols), new_york_day(known_at)
        if not self._key:
            return answer({}, dict.fromkeys(names, NO_KEY), names, day)
        why = self._refresh(names, day)
        found: dict[str, pd.DataFrame] = {}
        for name in names:
            whole = _whole(self._store.rounds(name))
            try:
                if whole:
                    found[name] = publications(whole, name, self.name, self._key)
            except LearnFinanceError as error:
                why[name] = str(error)
        return answer(found, why, names, day)

    def _refresh(self, names: list[str], day: date) -> dict[str, str]:
        """Ask for what a question about a day needs; name → why it was not fetched."""
        why: dict[str, str] = {}
        failures, queue = 0, self._queue(names, day, why)
        for done, name in enumerate(queue):
            try:
                self._fetch(name)
                failures = 0
                self._say(f"alpha_vantage: {name}, {done + 1} of {len(queue)} names that are due")
            except UsedUpError:
                left = queue[done:]
                reason = f"Alpha Vantage allows {self._allowed} calls a day: {len(left)} names left for tomorrow"
                self._say(reason)
                return why | dict.fromkeys(left, reason)
            except ConfigurationError as error:
                return why | dict.fromkeys(queue[done:], str(error))
            except TransientError as error:
                why[name], failures = str(error), failures + 1
                if failures == GIVE_UP_AFTER or isinstance(error, TooFastError | SilentError):
                    reason = f"not asked: Alpha Vantage gave no answer before ({error})"
                    return why | dict.fromkeys(queue[done + 1 :], reason)
            except LearnFinanceError as error:
                why[name] = str(error)
        return why

    def _queue(self, names: list[str], day: date, why: dict[str, str]) -> list[str]:
        """Names to ask for, the most wanting first; a refusal that still stands goes to `why` instead."""
        today = new_york_day(self._clock())
        due: list[tuple[int, date, str]] = []
        for name in names:
            rounds, check = self._store.rounds(name), self._store.check(name)
            whole = _whole(rounds)
            if check and today < check.day + AGAIN:
                why[name] = check.refusal
            elif not whole:
                due.append((0 if rounds else 1, date.min, name))
            elif min(day, today) >= self._next(name, whole[-1]):
                due.append((2, whole[-1].last_day, name))
        return [name for _, _, name in sorted(due)]

    def _next(self, name: str, last: Round) -> date:
        """When a name is worth asking again."""
        return max(latest_quarter(last.answers, name, self._key) + NEXT_QUARTER, last.last_day + AGAIN)

    def _fetch(self, name: str) -> None:
        """Finish the round of a name, or begin one and finish it.

        Raises:
            UsedUpError: the day has no calls left; what was fetched so far is kept.
            LearnFinanceError: as `ask` says; that it refused a name is remembered for a while.
        """
        today, rounds = new_york_day(self._clock()), self._store.rounds(name)
        whole = _whole(rounds)
        number = (whole[-1].number if whole else 0) + 1
        begun = next((each for each in rounds if each.number == number), None)
        if begun and today >= begun.first_day + AGAIN:  # its parts would tell of different quarters
            self._store.drop(name, number)
            begun = None
        for function in FUNCTIONS:
            if begun and function in begun.answers:
                continue
            payload = self._ask(name, function, today)
            if function == FUNCTIONS[0] and whole and self._nothing_newer(name, payload, whole[-1]):
                self._store.checked(name, today)
                return
            self._store.keep(name, number, function, today, payload)

    def _nothing_newer(self, name: str, payload: Any, last: Round) -> bool:
        before = latest_quarter(last.answers, name, self._key)
        return latest_quarter({FUNCTIONS[0]: payload}, name, self._key) <= before

    def _ask(self, name: str, function: str, today: date) -> Any:
        from resources.filings.alpha_vantage_http import CountedSession, ask

        if self._http is None:
            self._http = CountedSession(self._leave, self._sleep, **self._knobs)
        try:
            return ask(self._http, self._base, name, function, self._key)
        except UsedUpError:
            self._store.use_up(self._utc_day(), self._allowed)
            raise
        except RefusedError as error:
            self._store.checked(name, today, str(error))
            raise

    def _leave(self) -> None:
        """Count a call before it is sent."""
        if not self._store.spend(self._utc_day(), self._allowed):
            raise UsedUpError("today's calls are used up")

    def _utc_day(self) -> date:
        return self._clock().astimezone(UTC).date()


def _whole(rounds: tuple[Round, ...]) -> tuple[Round, ...]:
    return tuple(each for each in rounds if set(each.answers) == set(FUNCTIONS))
