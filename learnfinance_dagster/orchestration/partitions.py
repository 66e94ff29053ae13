"""The Monday clock: a partition is named by its Monday and exists from that Monday 18:00 in Kolkata on."""

import warnings
from datetime import date

import dagster as dg

from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.values import Week

warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*backfill_policy")  # pinned, and held by tests
warnings.filterwarnings("ignore", message="Asset job .* varying BackfillPolicies")  # meant: a job runs week by week
FIRST_MONDAY = date(2010, 1, 4)
HISTORY_WEEKS = 60
"""Weeks of bars that a Monday reads: 252 sessions of returns, and room for holidays and a halt."""
WEEKLY = dg.WeeklyPartitionsDefinition(
    start_date=FIRST_MONDAY.isoformat(),
    timezone="Asia/Kolkata",
    day_offset=1,
    hour_offset=18,
    end_offset=1,  # the window *starts* at the decision time: without this, a week would appear a week late
)

TRAINING = dg.WeeklyPartitionsDefinition(
    start_date=FIRST_MONDAY.isoformat(),
    timezone="Asia/Kolkata",
    day_offset=1,
    hour_offset=18,
    end_offset=2,  # models for a Monday are trained on the weekend before it: its key exists a week earlier
)
FIRST_SNAPSHOT_YEAR = 2015
YEAR_ENDS = dg.TimeWindowPartitionsDefinition(
    start=f"{FIRST_SNAPSHOT_YEAR}-12-31",
    fmt="%Y-%m-%d",
    cron_schedule="0 23 31 12 *",
    timezone="America/New_York",
    end_offset=1,  # the window starts when a year's last session is over: without this, a year would appear a year late
)
"""The last day of every complete year. By the clock, and not by a list made when the code was loaded: a process that
runs over New Year's Eve finds the year."""
EVERY = dg.AllPartitionMapping()
"""Lineage alone: what is read, the model store decides and records."""


def year_ends_of(context: dg.AssetExecutionContext) -> list[date]:
    """The year-ends that this run materializes, oldest first."""
    return sorted(date.fromisoformat(key) for key in context.partition_keys)


def history() -> dg.TimeWindowPartitionMapping:
    """The week itself and the weeks of history before it."""
    with warnings.catch_warnings():  # the flag is beta; tests hold what we rely on: early weeks have shorter histories
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.TimeWindowPartitionMapping(start_offset=1 - HISTORY_WEEKS, allow_nonexistent_upstream_partitions=True)


def weeks_of(context: dg.AssetExecutionContext) -> list[Week]:
    """The weeks that this run materializes, oldest first."""
    return [week_from_key(key) for key in context.partition_keys]
