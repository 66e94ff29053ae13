"""The jobs over the assets, and the schedules of the one that trades and of the one that fills gaps."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from learnfinance_dagster.orchestration.handles import LIVE_JOB, RESEARCH_JOB
from learnfinance_dagster.orchestration.partitions import WEEKLY
from learnfinance_dagster.schemas.artifacts import HISTORY

IN_PROCESS = dg.in_process_executor


def jobs_of(enabled: Sequence[str], registered: Sequence[str]) -> dict[str, Any]:
    """Every job, by name.

    Args:
        enabled: forecasters of the Monday graph.
        registered: all that there are; the forecasts of the others are made on demand.
    """
    every = dg.AssetSelection.all()
    weekly = every - dg.AssetSelection.groups("training", "snapshots")
    idle = dg.AssetSelection.assets(*(f"{name}_forecast" for name in registered if name not in enabled))
    jobs = [
        dg.define_asset_job(
            LIVE_JOB,
            selection=weekly - dg.AssetSelection.assets(*sorted(HISTORY)) - idle,
            executor_def=IN_PROCESS,
            description=(
                "The week's run: from the market to traded paper accounts and the report. The only job that may submit"
                " orders; running it again for a traded week shows what is recorded and sends nothing. History, which"
                " no decision reads, has jobs of its own: nothing of it may keep orders waiting."
            ),
        ),
        dg.define_asset_job(
            RESEARCH_JOB,
            selection=weekly - dg.AssetSelection.assets("walk_forward_forecasts") - idle,
            executor_def=IN_PROCESS,
            description="The same assets without side effects: plans are dry runs. For back-fills, for trying things.",
        ),
        dg.define_asset_job(
            "fill_sentiment_gaps",
            selection=dg.AssetSelection.assets("halal_universe", "daily_sentiment", "sentiment_gaps"),
            executor_def=IN_PROCESS,
            description=(
                "The history of daily sentiment: fetches what was never fetched, scores it, and lists what is still"
                " missing. Launch it for a range of weeks; killed and launched again, it goes on where it was."
            ),
        ),
        dg.define_asset_job(
            "retrain",
            selection=dg.AssetSelection.assets(*(f"{name}_model" for name in enabled)),
            executor_def=IN_PROCESS,
            description=(
                "Trains a candidate of every forecaster for a Monday, on the weekend before it or later, judges it and"
                " puts it in use if it is better. Stopped and launched again, it goes on from its last epoch."
            ),
        ),
        dg.define_asset_job(
            "snapshots",
            selection=dg.AssetSelection.assets(*(f"{name}_snapshot" for name in enabled)),
            executor_def=IN_PROCESS,
            description="Trains what every forecaster would have been at a year's end. Several years go in one run.",
        ),
        dg.define_asset_job(
            "walk_forward",
            selection=dg.AssetSelection.assets("walk_forward_forecasts"),
            executor_def=IN_PROCESS,
            description="Forecasts of the past, each by the snapshot of the year before. Many weeks go in one run.",
        ),
    ]
    return {job.name: job for job in jobs}


def monday_schedule(monday: Any, status: dg.DefaultScheduleStatus) -> Any:  # Dagster keeps this type to itself
    """Every Monday 18:00 in Kolkata, for that same Monday."""
    return dg.build_schedule_from_partitioned_job(
        monday,
        name="monday",
        default_status=status,
        description=f"Monday 18:00 Asia/Kolkata; runs '{LIVE_JOB}' for that Monday ({WEEKLY.get_cron_schedule()}).",
    )


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
