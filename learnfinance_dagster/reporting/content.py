"""What a weekly report says: the week's facts for every account, and the numbers that follow from them alone."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from learnfinance_dagster.evaluation.drift import DriftReport
from learnfinance_dagster.evaluation.forward_record import WeekRecord
from learnfinance_dagster.evaluation.metrics import max_drawdown
from learnfinance_dagster.ports import MarketInfo
from learnfinance_dagster.reporting.evidence import EvidenceSummary
from learnfinance_dagster.reporting.forecasts import ForecastSummary
from learnfinance_dagster.reporting.policies import PolicyLine, drift_caveats
from learnfinance_dagster.reporting.record import record_caveats
from learnfinance_dagster.values import (
    EquityMark,
    FillReport,
    Narration,
    OrderPlan,
    Portfolio,
    Submission,
    TargetWeights,
    Week,
)

A_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class AccountSection:
    """One account's week, from the wish to the outcome."""

    name: str
    """Allocator and account, e.g. `hrp`."""
    summary: str
    """One line: what the allocator does."""
    weights: TargetWeights
    portfolio: Portfolio
    plan: OrderPlan
    submission: Submission
    fills: FillReport
    marks: tuple[EquityMark, ...]
    """Oldest first, up to this week."""

    @property
    def nav(self) -> Decimal:
        """USD after this week's fills and costs; where they are not known, as the decision saw it."""
        return self.fills.mark.nav if self.fills.mark else self.portfolio.nav

    @property
    def cash_share(self) -> float | None:
        """Cash as a fraction of NAV, at the same moment as `nav`; None for a worthless account."""
        cash = self.fills.mark.cash if self.fills.mark else self.portfolio.cash
        return float(cash / self.nav) if self.nav > 0 else None

    @property
    def since_last_mark(self) -> float | None:
        """Newest mark over the one before, minus one: net of costs, open to open; None with fewer than two marks."""
        if len(self.marks) < 2 or self.marks[-2].nav <= 0:  # noqa: PLR2004 - a return needs two marks
            return None
        return float(self.marks[-1].nav / self.marks[-2].nav) - 1.0

    @property
    def week_return(self) -> float | None:
        """The return since the Monday before; None when that Monday was not marked: two years are no week."""
        known = self.since_last_mark
        return known if known is not None and self.marks[-1].monday - self.marks[-2].monday == A_WEEK else None

    def total_return(self, initial_cash: Decimal) -> float | None:
        """Newest mark over the initial cash, minus one; None before the first mark."""
        return float(self.marks[-1].nav / initial_cash) - 1.0 if self.marks and initial_cash > 0 else None

    def drawdown(self, initial_cash: Decimal) -> float | None:
        """Deepest fall from a peak, the initial cash being the first peak; None before the first mark."""
        path = [initial_cash, *(mark.nav for mark in self.marks)]
        if not self.marks or min(path[:-1]) <= 0:
            return None
        return max_drawdown([float(now / before) - 1.0 for before, now in pairwise(path)])

    @property
    def trouble(self) -> str:
        """Why the account was left alone this week; empty when it was not."""
        return self.weights.failure or self.plan.skipped


@dataclass(frozen=True, slots=True)
class UniverseSummary:
    """Who could be held this week, and why the others could not."""

    halal: int
    screened: int
    held_over: int
    """Names kept as candidates only because an account holds them."""
    funds: tuple[str, ...]
    """Fund and date of its newest holdings, e.g. `SPUS 2025-12-19`."""
    excluded: dict[str, int]
    """Reason → number of names."""


@dataclass(frozen=True, slots=True)
class WeeklyReport:
    """Everything that one weekly report tells; the same report always gives the same bytes."""

    week: Week
    market: MarketInfo
    initial_cash: Decimal
    universe: UniverseSummary
    accounts: tuple[AccountSection, ...]
    evidence: EvidenceSummary
    forecasts: ForecastSummary
    warnings: tuple[str, ...]
    """What the reader should know before trusting the numbers, e.g. stale holdings."""
    provenance: tuple[tuple[str, str], ...]
    """Label and value."""
    policies: tuple[PolicyLine, ...] = ()
    """Of the learned allocators; none: the report is silent about them."""
    drift: DriftReport | None = None
    """None: nobody looked."""
    record: WeekRecord | None = None
    """What the forward record holds of the week; None: the report is silent about it."""
    words: Narration | None = None
    """The week in words; None: not written."""
    notes: int | None = None
    """Analyst notes that were written; None: none were asked for."""

    @property
    def is_closed_week(self) -> bool:
        """The exchange has no session all week."""
        return not self.week.sessions

    def fresh_return(self, section: AccountSection) -> float | None:
        """The account's weekly return if its newest mark is this week's, else None: old news is no headline."""
        is_fresh = bool(section.marks) and section.marks[-1].monday == self.week.monday
        return section.week_return if is_fresh else None

    @property
    def troubles(self) -> tuple[tuple[str, str], ...]:
        """Account and reason, for every account that was left alone or whose outcome is not known."""
        return tuple(
            (section.name, section.trouble or section.fills.pending)
            for section in self.accounts
            if section.trouble or section.fills.pending
        )

    @property
    def caveats(self) -> tuple[str, ...]:
        """The report's warnings and those of all that it tells of, each once."""
        every = (
            *self.warnings,
            *record_caveats(self.record),
            *drift_caveats(self.drift),
            *self.evidence.caveats,
            *self.forecasts.caveats,
            *self.market.caveats,
        )
        return tuple(dict.fromkeys(every))
