"""The one guard in front of every submission. Each line can stop it; all must agree to let it through.

Run tags are set by whoever launches a run, so no tag is trusted to *allow*; tags can only forbid.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from learnfinance_dagster.calendar import CLOSED
from learnfinance_dagster.ports import BrokerClock
from learnfinance_dagster.values import Week

GRACE = timedelta(hours=3)
"""How long after the first open orders may still go out: a late daemon on Monday, not one on Thursday."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is known about the run that wants to trade."""

    live_job: bool
    """It runs the job that may trade, not the research job or a hand-picked asset."""
    backfill: bool
    now: datetime
    """The wall clock, UTC."""


def read_only(facts: RunFacts) -> str:
    """Why this run may not even write down what became of earlier orders; empty for the live job."""
    if not facts.live_job:
        return "only the job 'monday' trades; this run is research"
    if facts.backfill:
        return "back-fills never trade"
    return ""


def refusal(facts: RunFacts, week: Week, clock: BrokerClock, *, armed: bool) -> str:
    """Why this run may not submit orders for this week; empty when it may.

    The wall clock binds brokers outside this process. Simulated accounts live on the market's clock, which stands at
    the decision of whatever week comes next for the account (`attempts.decide` keeps it from running backwards).
    """
    if not armed:
        return "trading is switched off (LEARNFINANCE_TRADING=off)"
    if (reason := read_only(facts)) != "":
        return reason
    if week.first_open is None:
        return CLOSED
    if clock is BrokerClock.WALL:
        if facts.now < week.as_of:
            return f"the decision time {week.as_of:%Y-%m-%d %H:%M} UTC has not come"
        if facts.now > week.first_open + GRACE:
            return f"the submission window closed at {week.first_open + GRACE:%Y-%m-%d %H:%M} UTC"
    return ""
