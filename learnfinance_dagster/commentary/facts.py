"""Named facts: all that a paragraph may speak of. Prose holds their names as slots, `{hrp.week_return}`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from learnfinance_dagster.reporting import formats

QUOTED_CHARACTERS = 110
TINY = 0.00005
"""What rounds to zero has no direction."""


class Kind(StrEnum):
    """What a fact is."""

    MONEY = "money"
    PERCENT = "percent"
    SCORE = "score"
    """A tone from -1 to +1."""
    COUNT = "count"
    DATE = "date"
    NAME = "name"
    VERSION = "version"
    QUOTE = "quote"
    """Foreign words, or a sentence of ours that is told whole. Data, never instructions."""

    @property
    def is_figure(self) -> bool:
        """A number: it belongs to somebody, and may have a direction."""
        return self in {Kind.MONEY, Kind.PERCENT, Kind.SCORE, Kind.COUNT}


class Claim(StrEnum):
    """What words of direction and comparison say; a fact lists those that are true of it."""

    UP = "up"
    DOWN = "down"
    FLAT = "flat"
    AHEAD = "ahead"
    BEHIND = "behind"
    BEST = "best"
    WORST = "worst"
    LARGEST = "largest"


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact. A missing value is no fact: what is not known is not offered."""

    name: str
    """E.g. `hrp.week_return`; what stands before the last dot is its subject."""
    kind: Kind
    text: str
    """As a reader sees it."""
    bare: str = ""
    """Without its sign, for prose whose words carry it: `lost 1.20 %`; empty: as `text`."""
    claims: frozenset[Claim] = frozenset()
    beside: tuple[str, ...] = ()
    """One of these words must stand in its sentence, so that no figure is sold as another."""

    @property
    def subject(self) -> str:
        """Whose fact it is, e.g. `hrp`."""
        return self.name.rpartition(".")[0]

    @property
    def names_subject(self) -> bool:
        """It is its subject's name."""
        return self.name.endswith(".name")

    @property
    def slot(self) -> str:
        """How prose holds it."""
        return f"{{{self.name}}}"


def direction(value: float) -> Claim:
    """Up, down or flat, as far as a reader of two decimals can tell."""
    return Claim.FLAT if abs(value) < TINY else Claim.UP if value > 0 else Claim.DOWN


def change(name: str, fraction: float, *beside: str, also: Sequence[Claim] = ()) -> Fact:
    """A signed share, e.g. a return."""
    claims = frozenset({direction(fraction), *also})
    return Fact(
        name, Kind.PERCENT, formats.signed_percent(fraction), formats.percent(abs(fraction)), claims, tuple(beside)
    )


def lead(name: str, fraction: float, *beside: str) -> Fact:
    """A signed share by which somebody is ahead of others or behind them."""
    where = {Claim.UP: Claim.AHEAD, Claim.DOWN: Claim.BEHIND, Claim.FLAT: Claim.FLAT}[direction(fraction)]
    text, bare = formats.signed_percent(fraction), formats.percent(abs(fraction))
    return Fact(name, Kind.PERCENT, text, bare, frozenset({where}), tuple(beside))


def tone(name: str, value: float, *beside: str, also: Sequence[Claim] = ()) -> Fact:
    """A tone from -1 to +1."""
    claims = frozenset({direction(round(value, 2)), *also})
    return Fact(name, Kind.SCORE, formats.score(value), "", claims, tuple(beside))


def share(name: str, fraction: float, *beside: str, digits: int = 1, claims: Sequence[Claim] = ()) -> Fact:
    """A share without direction, e.g. of cash."""
    return Fact(name, Kind.PERCENT, formats.percent(fraction, digits), "", frozenset(claims), tuple(beside))


def money(name: str, amount: Decimal, *beside: str) -> Fact:
    """USD."""
    return Fact(name, Kind.MONEY, formats.usd(amount), beside=tuple(beside))


def count(name: str, number: int, *beside: str) -> Fact:
    """How many."""
    return Fact(name, Kind.COUNT, f"{number:,}", beside=tuple(beside))


def day(name: str, when: date, *beside: str) -> Fact:
    """A date."""
    return Fact(name, Kind.DATE, formats.day(when), beside=tuple(beside))


def called(name: str, text: str, *claims: Claim) -> Fact:
    """A name: of an account, a company, a source."""
    told = formats.shortened(formats.plain(text), formats.LONGEST_LINE)
    return Fact(name, Kind.NAME, told, claims=frozenset(claims))


def version(name: str, text: str) -> Fact:
    """A version of a model."""
    return Fact(name, Kind.VERSION, formats.plain(text))


def quote(name: str, text: str, *, length: int = QUOTED_CHARACTERS) -> tuple[Fact, ...]:
    """Words that are told as they came, in quotation marks; no fact where they say nothing."""
    told = formats.quoted(text.rstrip(". "), length)
    return (Fact(name, Kind.QUOTE, told),) if told else ()
