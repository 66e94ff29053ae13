"""When jobs run by themselves. Times are those of Kolkata."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import dagster as dg

from learnfinance_dagster.orchestration.choices import RunChoices, config_of
from learnfinance_dagster.orchestration.job_names import LIVE_JOB
from learnfinance_dagster.orchestration.partitions import WEEKLY

DAYS_A_WEEK = 7


def schedules_of(jobs: Mapping[str, Any], status: dg.DefaultScheduleStatus) -> list[Any]:
    """Every schedule of the jobs that there are."""
    makers = {
        "monday": monday_schedule,
        "fill_sentiment_gaps": history_schedule,
        "retrain": retrain_schedule,
        "snapshots": snapshots_schedule,
        "sunday": sunday_schedule,
    }
    return [make(jobs[name], status) for name, make in makers.items() if name in jobs]


def monday_schedule(monday: Any, status: dg.DefaultScheduleStatus) -> Any:  # Dagster keeps this type to itself
    """Every Monday 18:00 in Kolkata, for that same Monday, with the word that real money needs for exactly that week.

    The word is part of the run's configuration, because tags and names of schedules are free to set: whoever launches
    the job by hand has to say the week himself.
    """

    @dg.schedule(
        job=monday,
        name="monday",
        cron_schedule=WEEKLY.get_cron_schedule(),
        execution_timezone="Asia/Kolkata",
        default_status=status,
        description=f"Monday 18:00 Asia/Kolkata; runs '{LIVE_JOB}' for that Monday ({WEEKLY.get_cron_schedule()}).",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        key = context.scheduled_execution_time.date().isoformat()
        config = config_of(RunChoices(confirm_real_money=key))
        return dg.RunRequest(run_key=key, partition_key=key, run_config=config)

    return schedule


def history_schedule(fill_sentiment_gaps: Any, status: dg.DefaultScheduleStatus) -> Any:  # as above
    """Every Tuesday 03:00 in Kolkata, for the Monday before: by then sources have settled what was published."""
    return dg.build_schedule_from_partitioned_job(
        fill_sentiment_gaps,
        name="sentiment_history",
        default_status=status,
        day_of_week=2,
        hour_of_day=3,
        description="Tuesday 03:00 Asia/Kolkata; completes the week's daily sentiment.",
    )


def sunday_schedule(sunday: Any, status: dg.DefaultScheduleStatus) -> Any:  # Dagster keeps this type to itself
    """Every Sunday 18:00 in Kolkata, for the Monday after it."""
    return dg.build_schedule_from_partitioned_job(
        sunday,
        name="sunday",
        default_status=status,
        day_of_week=0,
        hour_of_day=18,
        description="Sunday 18:00 Asia/Kolkata; trains and judges the policies for the Monday after it.",
    )


def retrain_schedule(retrain: Any, status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    """The month's first Saturday 06:00 in Kolkata, when Friday's session is over, for the Monday after it."""

    @dg.schedule(
        job=retrain,
        name="retrain",
        cron_schedule="0 6 * * 6",
        execution_timezone="Asia/Kolkata",
        default_status=status,
        description="The first Saturday of a month, 06:00 Asia/Kolkata; retrains the forecasters.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        day = context.scheduled_execution_time.date()
        if day.day > DAYS_A_WEEK:
            return dg.SkipReason("not the month's first Saturday")
        monday = (day + timedelta(days=2)).isoformat()
        return dg.RunRequest(run_key=monday, partition_key=monday)

    return schedule


def snapshots_schedule(snapshots: Any, status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    """Every 2 January 09:00 in Kolkata, for the year that is over.

    The first who needs it is the Sunday after the new year's first Monday, 7 January at the earliest: its history holds
    a Monday that only this snapshot may forecast.
    """

    @dg.schedule(
        job=snapshots,
        name="snapshots",
        cron_schedule="0 9 2 1 *",
        execution_timezone="Asia/Kolkata",
        default_status=status,
        description="2 January 09:00 Asia/Kolkata; trains the yearly snapshots of the forecasters.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        year_end = f"{context.scheduled_execution_time.year - 1}-12-31"
        return dg.RunRequest(run_key=year_end, partition_key=year_end)

    return schedule
