"""What sends letters that wait, and what writes letters about runs that failed."""

import warnings
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.errors import LearnFinanceError
from learnfinance_dagster.orchestration.failures import in_one_line
from learnfinance_dagster.orchestration.job_names import MAILING_JOBS, RESEARCH_JOB
from learnfinance_dagster.orchestration.jobs import IN_PROCESS
from learnfinance_dagster.orchestration.mailing import STAYS_NEWS, PostOffice
from learnfinance_dagster.reporting.post import SENDER, FailedRun, MailState
from learnfinance_dagster.trading.guard import is_current

warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*`owners` of initializer")  # Dagster's own call
SEND_JOB = "send_mail"
SECONDS = 600
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TURNS = ((timedelta(seconds=SECONDS), HOUR), (HOUR, DAY), (6 * HOUR, timedelta.max))
"""How often a letter is tried, and up to which age."""
SILENT_JOBS = frozenset({RESEARCH_JOB, SEND_JOB})
"""Jobs whose failures are no news: somebody looks at the one, and the other is about mail itself."""


@dg.op(name="waiting_letters")
def waiting_letters(context: dg.OpExecutionContext, post: dg.ResourceParam[PostOffice]) -> None:
    """Send every letter that waits; red where one still does."""
    told = []
    for envelope, trouble in post.deliver_waiting():
        context.log.info("%s: %s", envelope.name, trouble or "sent")
        if trouble:
            told.append(f"{envelope.name}: {trouble}")
    if told:
        raise dg.Failure("; ".join(told), allow_retries=False)


@dg.job(
    name=SEND_JOB,
    executor_def=IN_PROCESS,
    description=(
        "Sends the letters that wait in the queue, because a server could not be reached or a setting was missing."
        " Nobody gets one twice; what is no news any more stays where it is."
    ),
)
def send_mail() -> None:
    """The job of one step."""
    waiting_letters()


def mail_sensors(status: dg.DefaultSensorStatus) -> list[dg.SensorDefinition]:
    """The sensor that tries again, and the one that tells of failures."""
    return [_waiting(status), _failures(status)]


def _waiting(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.sensor(
        name="send_mail",
        job=send_mail,
        minimum_interval_seconds=SECONDS,
        default_status=status,
        description=(
            f"Every ten minutes; runs '{SEND_JOB}' when letters wait: every time in the first hour,"
            " every hour on the first day, and four times a day afterwards."
        ),
    )
    def sensor(post: dg.ResourceParam[PostOffice]) -> dg.RunRequest | dg.SkipReason:
        if not post.is_open:
            return dg.SkipReason("letters stay in the outbox (LEARNFINANCE_MAIL__SEND=outbox)")
        waiting, now = post.waiting(), post.clock()
        if not waiting:
            return dg.SkipReason("no letter waits")
        youngest = max(each.queued_at for each in waiting)
        step = next(step for step, age in TURNS if now - youngest < age)
        turn = int(now.timestamp() // step.total_seconds())
        return dg.RunRequest(run_key=f"{step.total_seconds():.0f}:{turn}")

    return sensor


def _failures(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.run_failure_sensor(
        name="tell_failures",
        minimum_interval_seconds=60,
        default_status=status,
        description=(
            "Mails once about each run that failed and is not tried again: job, week, step, the error in one line and a"
            " link. Back-fills, research and past Mondays are not told."
        ),
    )
    def sensor(context: dg.RunFailureSensorContext, post: dg.ResourceParam[PostOffice]) -> dg.SkipReason:
        from learnfinance_dagster.reporting.failure_letter import render_failure_eml

        run = context.dagster_run
        if not (post.is_open and post.parameters.failures):
            return dg.SkipReason("failures are told in the web UI only (LEARNFINANCE_MAIL__SEND, __FAILURES)")
        if why := not_news(run.job_name, run.tags, post.clock()):
            return dg.SkipReason(f"{run.run_id}: {why}")
        failed = failed_run(context, post, post.clock())
        told, name = post.parameters, f"failure-{run.run_id}"
        outcome = post.posted(
            name,
            lambda: render_failure_eml(failed, told.sender or SENDER, told.to, told.cc),
            refusal="",
            until=post.clock() + STAYS_NEWS,
        )
        if outcome.state is not MailState.SENT:
            context.log.warning("%s: %s", name, outcome.told)
        return dg.SkipReason(f"{run.run_id}: {outcome.told}")

    return sensor


def not_news(job: str, tags: Any, now: datetime) -> str:
    """Why a failed run is not told; empty when it is.

    Args:
        job: its name.
        tags: its tags.
        now: the wall clock.
    """
    if tags.get("dagster/will_retry", "").lower() == "true":
        return "it is about to be tried again"
    if "dagster/backfill" in tags:
        return "back-fills are watched by whoever started them"
    if job in SILENT_JOBS or job.startswith("__"):
        return f"failures of {job} are not told"
    key = tags.get("dagster/partition", "")
    if job in MAILING_JOBS and key and not _is_current(key, now):
        return f"{key} is not the current week"
    return ""


def _is_current(key: str, now: datetime) -> bool:
    try:
        week = week_from_key(key)
    except LearnFinanceError:  # a run for a week that is none fails for that reason, which is worth telling
        return True
    return is_current(week, now)


def failed_run(context: dg.RunFailureSensorContext, post: PostOffice, now: datetime) -> FailedRun:
    """What Dagster knows of it."""
    run = context.dagster_run
    stats = context.instance.get_run_stats(run.run_id)
    return FailedRun(
        run_id=run.run_id,
        job=run.job_name,
        partition=run.tags.get("dagster/partition", ""),
        failures=_failures_of(context),
        link=f"{post.parameters.ui.rstrip('/')}/runs/{run.run_id}",
        ended=datetime.fromtimestamp(stats.end_time, UTC) if stats.end_time else now,
        market=post.market,
    )


def _failures_of(context: dg.RunFailureSensorContext) -> tuple[tuple[str, str], ...]:
    steps = [(event.step_key or "", in_one_line(event)) for event in context.get_step_failure_events()]
    message = (context.failure_event.message or "it failed before its first step").strip().splitlines()[0]
    return tuple(steps) or (("", message),)
