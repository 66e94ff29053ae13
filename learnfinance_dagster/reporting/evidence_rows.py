"""News and filings beside the weights: one row for each name, and the words for what a row cannot show as a number."""

from dataclasses import dataclass
from datetime import date

from learnfinance_dagster.calendar import NEW_YORK
from learnfinance_dagster.reporting.content import WeeklyReport
from learnfinance_dagster.reporting.evidence import NEWS_DAYS, NameEvidence
from learnfinance_dagster.reporting.formats import (
    HAIR,
    NOT_AVAILABLE,
    SPACE,
    count,
    month,
    plain,
    points,
    quoted,
    score,
    short_day,
    shortened,
)
from learnfinance_dagster.reporting.weights import weight_rows

SIDE_BY_SIDE = 2
"""Accounts whose weights each get a column; of more only the range fits a phone."""
ROUNDS_TO_ZERO = 0.005
A_YEAR = 300
"""Days after which a filing's date needs its year."""
LONGEST_PUBLISHER = 28
"""Characters of a publisher's name in the letter."""
LEGEND = (
    "News: the tone of the week's articles from −1 to +1, the newest counting most; below it the headline that moved it"
    " most, with that article's own score. Few articles are hardly a signal and not coloured. Net margin over four"
    " quarters, from the newest filing that was public."
)
NOT_LOOKED_UP = "not looked up"
LONGEST_ACCOUNT = 24
"""Characters of an account's name in a sentence."""


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One name: what the allocators give it and what was known of it."""

    symbol: str
    weights: tuple[float | None, ...]
    """Fractions of NAV, one for each account in order; None where the allocator failed."""
    known: NameEvidence | None
    """None when a name is weighed and nobody asked about it."""


def who_reads(report: WeeklyReport) -> str:
    """Which accounts decided without news and filings; empty when all read them."""
    readers = set(report.evidence.readers)
    blind = [shortened(plain(each.name), LONGEST_ACCOUNT) for each in report.accounts if each.name not in readers]
    if not blind:
        return ""
    if len(blind) == len(report.accounts):
        return "No allocator reads this: it shows what they did not know."
    if len(blind) == 1:
        return f"{blind[0]} reads none of this: it shows what it did not know."
    return f"{', '.join(blind[:-1])} and {blind[-1]} read none of this: it shows what they did not know."


def weighed_rows(report: WeeklyReport) -> tuple[EvidenceRow, ...]:
    """The names that an allocator weighs, in the order of the table of weights."""
    known = {name.symbol: name for name in report.evidence.names}
    return tuple(EvidenceRow(row.symbol, row.weights, known.get(row.symbol)) for row in weight_rows(report.accounts))


def all_rows(report: WeeklyReport) -> tuple[EvidenceRow, ...]:
    """The weighed names, then those that nobody wants, by name."""
    weighed = weighed_rows(report)
    taken = {row.symbol for row in weighed}
    nothing = tuple(None if section.weights.failure else 0.0 for section in report.accounts)
    others = sorted((name for name in report.evidence.names if name.symbol not in taken), key=lambda name: name.symbol)
    return (*weighed, *(EvidenceRow(name.symbol, nothing, name) for name in others))


def weight_heads(report: WeeklyReport) -> tuple[str, ...]:
    """Names of the columns of weights."""
    names = tuple(section.name for section in report.accounts)
    return names if len(names) <= SIDE_BY_SIDE else ("Weights",)


def weight_cells(row: EvidenceRow) -> tuple[str, ...]:
    """Each account's weight in percent, or of many accounts the range, least to most."""
    if len(row.weights) <= SIDE_BY_SIDE:
        return tuple(map(points, row.weights))
    known = [weight for weight in row.weights if weight is not None]
    if not known:
        return (NOT_AVAILABLE,)
    low, high = (points(end) if end > HAIR else "0" for end in (min(known), max(known)))
    return (high if low == high else f"{low}–{high}",)


def tone(known: NameEvidence) -> str:
    """Class of colour of a news score: a score of too few articles has none."""
    value = known.sentiment or 0.0
    if known.insufficient_news or abs(value) < ROUNDS_TO_ZERO:
        return "flat"
    return "up" if value > 0 else "down"


def no_score(known: NameEvidence) -> str:
    """Why there is no score, in words that fit the narrow column `News` and do not break; empty when there is one."""
    return "none" if known.unscored == "no articles" else known.unscored.replace(" ", SPACE)


def news_facts(known: NameEvidence) -> str:
    """How much the score rests on, e.g. `2 articles, hardly a signal; 3 of 7 days not fetched`."""
    articles = count(known.articles, "article") if known.articles else ""
    if articles and known.insufficient_news and not known.unscored:
        articles += ", hardly a signal"
    return "; ".join(filter(None, (articles, days_note(known))))


def days_note(known: NameEvidence) -> str:
    """E.g. `3 of 7 days not fetched`; empty when all days were, or when there is no score because none was."""
    is_partial = known.days_missing and known.unscored != "not fetched"
    return f"{known.days_missing} of {NEWS_DAYS} days not fetched" if is_partial else ""


def headline(known: NameEvidence, length: int) -> str:
    """The headline that moved the score most, cut to `length` characters, inert; empty without one."""
    return quoted(known.headline, length)


def byline(known: NameEvidence, length: int = LONGEST_PUBLISHER) -> str:
    """Who published the headline, on which day in New York, and that article's own score."""
    day = short_day(known.headline_at.astimezone(NEW_YORK)).replace(" ", SPACE) if known.headline_at else ""
    own = score(known.headline_score) if known.headline_score is not None else ""
    return ", ".join(filter(None, (shortened(plain(known.publisher), length), day, own)))


def filed(known: NameEvidence, decided: date) -> str:
    """Day of the newest filing, month and year once that is long ago; without one why, in words that do not break."""
    if known.filed_on is None:
        return known.unfiled.replace(" ", SPACE)
    return short_day(known.filed_on) if (decided - known.filed_on).days < A_YEAR else month(known.filed_on)
