"""What a company told the SEC, read from `companyfacts`: facts, the filings they came in, and quarters of flows.

A document lists every fact of every filing, so the same fact appears once for each filing that repeats it. Two rules
keep the future out: a filing speaks for its own period only (its comparatives are no news), and it is read with facts
filed up to its own day.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from learnfinance_dagster.errors import DataError
from resources.filings.answer import day_of

FORMS = frozenset(form + ending for form in ("10-Q", "10-K", "10-QT", "10-KT") for ending in ("", "/A"))
ANNUAL_ONLY = ("20-F", "40-F")
"""Forms of foreign companies, which owe the SEC no quarterly statements."""
SHORTEST, LONGEST = 80, 120
"""Days of a quarter. Calendars of 52 weeks have quarters of 12 and, in the last one, of 16 or 17 weeks."""
SLACK = timedelta(days=5)
"""Periods that start this close are the same one: filers mistype a day, and no fiscal year is that near another."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Fact:
    """One number of one filing."""

    start: date | None
    """None for an amount at a moment, such as assets."""
    end: date
    value: float
    filing: str
    """Accession number."""
    filed: date

    @property
    def days(self) -> int:
        """Length of its period, both ends included; 0 for an amount at a moment."""
        return (self.end - self.start).days + 1 if self.start else 0


@dataclass(frozen=True, slots=True, order=True)
class Filing:
    """A 10-Q or 10-K, or an amendment of one."""

    filed: date
    number: str
    period: date
    """The newest period it speaks about: its own."""


Book = dict[str, tuple[Fact, ...]]
"""Tag → its facts from `FORMS`, the oldest filing first."""


def read(document: Any, tags: Mapping[str, tuple[str, str]]) -> Book:
    """The facts of some tags.

    Args:
        document: an answer of `companyfacts`.
        tags: tag → (taxonomy, unit), e.g. `Assets` → (`us-gaap`, `USD`).

    Raises:
        DataError: the document has not the shape that the SEC describes; the message names the place.
    """
    book: Book = {}
    for tag, (taxonomy, unit) in tags.items():
        place = f"{taxonomy}.{tag}"
        items = _inside(_units(document, taxonomy, tag), unit, place, list, [])
        facts = [_fact(item, place) for item in items if _form(item, place) in FORMS]
        book[tag] = tuple(sorted(facts, key=lambda fact: (fact.filed, fact.filing)))
    return book


def why_nothing(document: Any, tags: Iterable[str]) -> str:
    """Why a document that can be read holds no quarterly statement in dollars."""
    kinds = [_units(document, "us-gaap", tag) for tag in tags]
    units = sorted({unit for kind in kinds for unit in kind})
    forms = {_form(item, "us-gaap") for kind in kinds for items in kind.values() for item in items}
    annual = [form for form in ANNUAL_ONLY if form in forms]
    if not units:
        return "its facts at the SEC are not in US-GAAP"
    if annual and not forms & FORMS:
        return f"files {annual[0]}: the SEC gets no quarterly statements of it"
    if "USD" not in units:
        return f"reports in {', '.join(units)}, not in USD"
    return "no 10-Q or 10-K with numbers at the SEC"


def filings(book: Book, period_tags: Iterable[str]) -> tuple[Filing, ...]:
    """The filings of a book, oldest first; a filing's period is the newest one that any of `period_tags` is about."""
    newest: dict[tuple[date, str], date] = {}
    for tag in period_tags:
        for fact in book[tag]:
            if fact.end < fact.filed:  # a period that is not over is a typing error
                key = (fact.filed, fact.filing)
                newest[key] = max(newest.get(key, fact.end), fact.end)
    return tuple(sorted(Filing(filed, number, period) for (filed, number), period in newest.items()))


@dataclass(frozen=True, slots=True)
class Statement:
    """One filing, read with what was public on its day."""

    book: Book
    filing: Filing

    def at(self, *tags: str) -> float | None:
        """The amount at the period's end, under the first of the tags that the filing uses."""
        return first(self._at(tag) for tag in tags)

    def over(self, *tags: str) -> float | None:
        """The amount of the period's last quarter, under the first of the tags that gives one."""
        return first(self._over(tag) for tag in tags)

    def on_cover(self, tag: str) -> float | None:
        """The newest amount that the filing gives under a tag, whatever day it is of."""
        own = [fact for fact in self.book[tag] if fact.filing == self.filing.number and fact.filed == self.filing.filed]
        return max(own, key=lambda fact: fact.end).value if own else None

    def _own(self, tag: str) -> list[Fact]:
        """Facts of the filing about its own period's end."""
        key = (self.filing.number, self.filing.filed, self.filing.period)
        return [fact for fact in self.book[tag] if (fact.filing, fact.filed, fact.end) == key]

    def _at(self, tag: str) -> float | None:
        return first(fact.value for fact in self._own(tag) if fact.start is None)

    def _over(self, tag: str) -> float | None:
        """Stated, or else the longer period less what came before it; the last quarter of a year is rarely stated."""
        flows = sorted((fact for fact in self._own(tag) if fact.start), key=lambda fact: fact.days)
        stated = first(fact.value for fact in flows if SHORTEST <= fact.days <= LONGEST)
        if stated is not None:
            return stated
        known = self._known(tag)
        return first(_rest(fact, known) for fact in flows if fact.days > LONGEST)

    def _known(self, tag: str) -> list[Fact]:
        """Flows filed by the filing's day, one for each period: the newest, the filing's own before others."""
        own = self.filing.number
        public = [fact for fact in self.book[tag] if fact.start and fact.filed <= self.filing.filed]
        ordered = sorted(public, key=lambda fact: (fact.filed, fact.filing == own, fact.filing))
        return list({(fact.start, fact.end): fact for fact in ordered}.values())


def _rest(whole: Fact, known: list[Fact]) -> float | None:
    """What a period's last quarter adds: the whole less one fact up to that quarter, or less the quarters before."""
    start = whole.start or whole.end
    to_date = [fact for fact in known if _near(fact.start, start) and _leaves_a_quarter(whole, fact.end)]
    if to_date:
        return whole.value - max(to_date, key=lambda fact: fact.end).value
    before, reached = 0.0, start - DAY
    while piece := _next_quarter(known, reached):
        before, reached = before + piece.value, piece.end
        if _leaves_a_quarter(whole, reached):
            return whole.value - before
    return None


def _next_quarter(known: list[Fact], reached: date) -> Fact | None:
    """The quarter that begins where another ended."""
    following = [fact for fact in known if _near(fact.start, reached + DAY) and SHORTEST <= fact.days <= LONGEST]
    return max(following, key=lambda fact: (fact.filed, fact.end)) if following else None


def _near(one: date | None, other: date) -> bool:
    return one is not None and abs(one - other) <= SLACK


def _leaves_a_quarter(whole: Fact, end: date) -> bool:
    return SHORTEST <= (whole.end - end).days <= LONGEST


def first(values: Iterable[float | None]) -> float | None:
    """The first that is known."""
    return next((value for value in values if value is not None), None)


def _units(document: Any, taxonomy: str, tag: str) -> dict[str, Any]:
    """Unit → facts of a tag; empty where the company never used it."""
    if not isinstance(document, dict) or not isinstance(document.get("facts"), dict):
        raise DataError("the answer has no facts")
    concept = _inside(_inside(document["facts"], taxonomy, taxonomy, dict, {}), tag, f"{taxonomy}.{tag}", dict, {})
    units = _inside(concept, "units", f"{taxonomy}.{tag}.units", dict, {})
    for unit, items in units.items():
        _of_type(items, list, f"{taxonomy}.{tag}.units.{unit}")
    return units


def _inside(parent: Mapping[str, Any], key: str, place: str, kind: type, empty: Any) -> Any:
    return _of_type(parent[key], kind, place) if key in parent else empty


def _of_type(value: Any, kind: type, place: str) -> Any:
    if not isinstance(value, kind):
        msg = f"{place} is a {type(value).__name__}, not a {kind.__name__}"
        raise DataError(msg)
    return value


def _form(item: Any, place: str) -> str:
    return _of_type(_of_type(item, dict, f"a fact of {place}").get("form"), str, f"the form of a fact of {place}")


def _fact(item: dict[str, Any], place: str) -> Fact:
    number = item.get("val")
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        msg = f"{place}: {number!r} is no number"
        raise DataError(msg)
    start = day_of(item["start"], place) if item.get("start") is not None else None
    filing = _of_type(item.get("accn"), str, f"the accession number of a fact of {place}")
    fact = Fact(start, day_of(item.get("end"), place), float(number), filing, day_of(item.get("filed"), place))
    if fact.start and fact.start > fact.end:
        msg = f"{place}: a period from {fact.start} to {fact.end}"
        raise DataError(msg)
    return fact
