"""The one guard in front of every submission. Each line can stop it; all must agree to let it through.

Run tags are set by whoever launches a run, so no tag is trusted to *allow*; tags can only forbid. A run's configuration
may forbid too (`dry_run`); all that it can allow is real money, and only by naming the week.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from learnfinance_dagster.calendar import CLOSED, decision_time
from learnfinance_dagster.ports import BrokerClock, MarketInfo
from learnfinance_dagster.values import Week

GRACE = timedelta(hours=3)
"""How long after the first open orders may still go out: a late daemon on Monday, not one on Thursday."""
A_WEEK = timedelta(days=7)
WEEKEND = timedelta(days=3)
"""How long before a Monday's decision its trainings may be mailed: since Friday evening."""
PRACTICE_SPAN = timedelta(weeks=10)
"""The practice market's last weeks: those of the demo, and a little more."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is known about the run that wants to trade."""

    live_job: bool
    """It runs the job that may trade, not the research job or a hand-picked asset."""
    backfill: bool
    now: datetime
    """The wall clock, UTC."""
    follows: bool = False
    """It runs the job that completes what the live job recorded, and plans nothing."""
    mails: bool = False
    """It runs a job whose letters may leave the house."""
    dry_run: bool = False
    """Its configuration asks for a dry run."""
    confirmed: str = ""
    """Key of the week for which its configuration confirms real money."""


def read_only(facts: RunFacts) -> str:
    """Why this run may not even write down what became of earlier orders; empty for the jobs that trade."""
    if not (facts.live_job or facts.follows):
        return "only the job 'monday' trades; this run is research"
    if facts.backfill:
        return "back-fills never trade"
    if facts.dry_run:
        return "this run was asked to be a dry run (trading.dry_run)"
    return ""


def refusal(facts: RunFacts, week: Week, clock: BrokerClock, *, off: str, real_money: bool = False) -> str:
    """Why this run may not submit orders for this week; empty when it may.

    The wall clock binds brokers outside this process. Simulated accounts live on the market's clock, which stands at
    the decision of whatever week comes next for the account (`attempts.decide` keeps it from running backwards).

    Args:
        facts: of the run.
        week: whose orders.
        clock: of the account's broker.
        off: why trading is switched off, empty while it is on.
        real_money: whether the account's orders spend real money. The job that follows needs no confirmation of its
            own: it sends nothing but what a confirmed run recorded.
    """
    if off:
        return off
    if (reason := read_only(facts)) != "":
        return reason
    if week.first_open is None:
        return CLOSED
    if clock is BrokerClock.WALL:
        if facts.now < week.as_of:
            return f"the decision time {week.as_of:%Y-%m-%d %H:%M} UTC has not come"
        if facts.now > week.first_open + GRACE:
            return f"the submission window closed at {week.first_open + GRACE:%Y-%m-%d %H:%M} UTC"
    return unconfirmed(facts, week) if real_money else ""


def unconfirmed(facts: RunFacts, week: Week) -> str:
    """Why this run may not spend real money; empty when it may. What a confirmed run left waiting, it leaves alone."""
    if facts.follows or facts.confirmed == week.key:
        return ""
    said = f"it says '{facts.confirmed}'" if facts.confirmed else "nobody did"
    return f"real money is confirmed by the schedule or by trading.confirm_real_money: '{week.key}'; {said}"


def mail_refusal(facts: RunFacts, week: Week, market: MarketInfo) -> str:
    """Why this run's letter must not be mailed; empty when it may.

    The wall clock says which week is the current one. On the practice market, whose weeks are all past, its last weeks
    count instead.

    Args:
        facts: of the run.
        week: that the letter is about; the Sunday's letter is about the Monday after it.
        market: where the week is.
    """
    if not facts.mails:
        return "only the jobs 'monday' and 'sunday' mail; this run is another"
    if facts.backfill:
        return "back-fills never mail"
    if facts.dry_run:
        return "a dry run mails nothing"
    if market.is_practice:
        is_recent = market.last_session - PRACTICE_SPAN < week.monday <= market.last_session + A_WEEK
        return "" if is_recent else f"{week.key} is none of the practice market's last weeks"
    if is_current(week, facts.now):
        return ""
    if facts.now < week.as_of:
        return f"the week {week.key} has not come"
    return f"{week.key} is not the current week any more: past weeks are never mailed"


def is_current(week: Week, now: datetime) -> bool:
    """Whether a letter about the week is news: from the weekend before its Monday until the next Monday's decision."""
    return week.as_of - WEEKEND <= now < decision_time(week.monday + A_WEEK)
