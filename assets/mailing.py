"""The last step of a Monday and of a Sunday: the letter goes out. Nothing waits for it, and its failure is a red check.

Orders are out long before, so whatever happens here, the run is done.
"""

from collections.abc import Callable
from datetime import datetime

import dagster as dg

from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.orchestration.floor import TradingFloor
from learnfinance_dagster.orchestration.handles import MarketDoor
from learnfinance_dagster.orchestration.mailing import STAYS_NEWS, PostOffice
from learnfinance_dagster.orchestration.partitions import TRAINING, WEEKLY
from learnfinance_dagster.orchestration.tables import stored_type
from learnfinance_dagster.reporting.content import WeeklyReport
from learnfinance_dagster.reporting.post import SENDER, MailOutcome, MailState
from learnfinance_dagster.reporting.training import TrainingSummary
from learnfinance_dagster.trading.guard import mail_refusal
from learnfinance_dagster.values import Week

MAILED = "mailed"
"""Name of the check."""
OUTCOME = stored_type("MailOutcome", MailOutcome)
RED = "Red: the letter waits in the queue, or a server refused it for good. Orders never depend on this."


@dg.asset(
    partitions_def=WEEKLY,
    group_name="reporting",
    check_specs=[dg.AssetCheckSpec(MAILED, asset="weekly_mail", description=RED)],
    owners=["team:reporting"],
    kinds={"email"},
    dagster_type=OUTCOME,
)
def weekly_mail(
    context: dg.AssetExecutionContext,
    weekly_report: WeeklyReport,
    market: dg.ResourceParam[MarketDoor],
    floor: dg.ResourceParam[TradingFloor],
    post: dg.ResourceParam[PostOffice],
) -> dg.MaterializeResult:
    """The week's report on its way to its readers: queued whole, sent, and marked when a server took it.

    Only the live run of the current week mails. What a server could not take waits in the queue, and the job
    `send_mail` tries again; the same letter has the same Message-ID, so nobody sees it twice.
    """
    from learnfinance_dagster.reporting.eml import attempt, render_eml

    told = post.parameters
    name = f"weekly-{weekly_report.week.key}.attempt-{attempt(weekly_report)}"
    return _posted(
        context,
        (market, floor, post),
        name,
        lambda: render_eml(weekly_report, told.sender or SENDER, told.to, told.cc),
    )


@dg.asset(
    partitions_def=TRAINING,
    group_name="training",
    check_specs=[dg.AssetCheckSpec(MAILED, asset="training_mail", description=RED)],
    owners=["team:reporting"],
    kinds={"email"},
    dagster_type=OUTCOME,
)
def training_mail(
    context: dg.AssetExecutionContext,
    training_summary: TrainingSummary,
    market: dg.ResourceParam[MarketDoor],
    floor: dg.ResourceParam[TradingFloor],
    post: dg.ResourceParam[PostOffice],
) -> dg.MaterializeResult:
    """The Sunday's training summary on its way to its readers, as `weekly_mail` does it for the report.

    Only the job `sunday` mails it, from the weekend before its Monday until the next one; what cannot be sent waits.
    """
    from learnfinance_dagster.reporting.training_html import render_training_eml

    told = post.parameters
    return _posted(
        context,
        (market, floor, post),
        f"training-{training_summary.week.key}",
        lambda: render_training_eml(training_summary, told.sender or SENDER, told.to, told.cc),
    )


def _posted(
    context: dg.AssetExecutionContext,
    house: tuple[MarketDoor, TradingFloor, PostOffice],
    name: str,
    render: Callable[[], bytes],
) -> dg.MaterializeResult:
    (market, floor, post), week = house, week_from_key(context.partition_key)
    try:
        refusal = mail_refusal(floor.facts(context), week, market.open().info) if post.is_open else ""
        outcome = post.posted(name, render, refusal, _until(week, post.clock()))
        if post.is_open and not refusal:
            _try_the_others(context, post, name)
    except Exception as error:  # even a bug must not fail a Monday whose orders are out; the check is red
        context.log.exception("the letter could not be made")
        outcome = MailOutcome(name, MailState.WAITING, f"not sent: unexpected {type(error).__name__}, see the log")
    check = dg.AssetCheckResult(check_name=MAILED, passed=outcome.is_well, description=outcome.told)
    return dg.MaterializeResult(
        value=outcome, check_results=[check], metadata={"state": outcome.state.value, "told": outcome.told}
    )


def _until(week: Week, now: datetime) -> datetime:
    """A letter is news until the day after the next Monday; one of a past practice week gets as long from now on."""
    until = week.as_of + STAYS_NEWS
    return until if now < until else now + STAYS_NEWS


def _try_the_others(context: dg.AssetExecutionContext, post: PostOffice, name: str) -> None:
    """Letters that wait from before, e.g. last Monday's."""
    for envelope, trouble in post.deliver_waiting():
        if envelope.name != name:
            context.log.info("%s, which waited: %s", envelope.name, trouble or "sent")
