"""What the house's own halal screen says, in words: its limits, its verdicts, and where it differs from the funds."""

import re
from dataclasses import dataclass
from datetime import date

from learnfinance_dagster.reporting.content import WeeklyReport
from learnfinance_dagster.reporting.evidence import EvidenceSummary
from learnfinance_dagster.reporting.formats import count, day
from learnfinance_dagster.reporting.weights import weight_rows

MOST = 12
"""Names that the letter shows; the text lists them all."""
LIMITS = {
    "total_assets": (
        "Limits of FTSE/Yasaar: debt, and cash with interest-bearing securities, below a third of total assets each;"
        " receivables and cash below half."
    ),
    "market_value": (
        "Limits of AAOIFI 21 and S&P Shariah: debt, and cash with interest-bearing securities, below 30 % of market"
        " value each; receivables below 49 %."
    ),
}
NOT_RUN = "The house's own ratio screen was not run."
FUNDS_DECIDE = "The funds decide who may be held; the screen only tells."


@dataclass(frozen=True, slots=True)
class ScreenRow:
    """A name that halal funds hold and the screen fails."""

    symbol: str
    mark: str
    """`weighed` where an allocator wants it, else `held` where an account holds it, else empty."""
    reason: str


def differing(report: WeeklyReport) -> tuple[ScreenRow, ...]:
    """Where screen and funds differ: names that are weighed first, then those that are held, then the others."""
    marks = {p.symbol: "held" for each in report.accounts for p in each.portfolio.positions if p.qty}
    marks |= {row.symbol: "weighed" for row in weight_rows(report.accounts)}
    rows = [ScreenRow(name, marks.get(name, ""), told(reason)) for name, reason in report.evidence.disagreements]
    return tuple(sorted(rows, key=lambda row: ("weighed", "held", "").index(row.mark)))


def limits(evidence: EvidenceSummary) -> str:
    """From which ratio on a name fails; empty where nothing was screened."""
    if not evidence.asked:
        return ""
    return LIMITS.get(evidence.basis, f"The ratios are taken of: {evidence.basis.replace('_', ' ')}.")


def verdict(evidence: EvidenceSummary) -> str:
    """How many names pass and fail, and what that decides: nothing."""
    if not evidence.asked:
        return NOT_RUN
    names = count(evidence.asked, "name")
    if evidence.unknown == evidence.asked:
        return f"The screen could judge none of {names}: {_none_judged(evidence)}. {FUNDS_DECIDE}"
    passes = f"{evidence.passed} {'passes' if evidence.passed == 1 else 'pass'}"
    fails = f"{evidence.failed} {'fails' if evidence.failed == 1 else 'fail'}"
    unknown = f"{evidence.unknown} could not be judged" if evidence.unknown else ""
    return f"Of {names} {', '.join(filter(None, (passes, fails, unknown)))}. {FUNDS_DECIDE}"


def told(reason: str) -> str:
    """A reason of the screen without its columns' names, e.g. `total debt of 30 Sep 2025 was not reported`."""
    return _CASH.sub("cash and interest-bearing ", _ITEM.sub(_item, reason))


def _none_judged(evidence: EvidenceSummary) -> str:
    if not any(name.filed_on for name in evidence.names):
        return "no filing of theirs is known"
    reasons = {told(name.screen_reason) for name in evidence.names if name.screen_reason}
    return reasons.pop() if len(reasons) == 1 else "each lacks a number that a ratio needs"


def _item(found: re.Match[str]) -> str:
    name, end, fault = found.groups()
    try:
        when = day(date.fromisoformat(end))
    except ValueError:  # foreign text that only looks like a date
        return found.group()
    return f"{name.replace('_', ' ')} of {when} {'was not reported' if fault == 'missing' else f'is {fault}'}"


_ITEM = re.compile(r"\b([a-z_]+) of ([0-9]{4}-[0-9]{2}-[0-9]{2}) is (missing|negative|zero)\b")
_CASH = re.compile(r"(?<!and )\bcash (?=[0-9])")
