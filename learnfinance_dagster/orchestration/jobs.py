"""Two jobs over the same assets, and the schedule of the one that trades."""

from typing import Any

import dagster as dg

from learnfinance_dagster.orchestration.handles import LIVE_JOB, RESEARCH_JOB
from learnfinance_dagster.orchestration.partitions import WEEKLY
from learnfinance_dagster.schemas.artifacts import HISTORY

IN_PROCESS = dg.in_process_executor

monday = dg.define_asset_job(
    LIVE_JOB,
    selection=dg.AssetSelection.all() - dg.AssetSelection.assets(*sorted(HISTORY)),
    executor_def=IN_PROCESS,
    description=(
        "The week's run: from the market to traded paper accounts and the report. The only job that may submit orders;"
        " running it again for a traded week shows what is recorded and sends nothing. The history of sentiment, which"
        " no decision reads, has a job of its own: nothing of it may keep orders waiting."
    ),
)
research = dg.define_asset_job(
    RESEARCH_JOB,
    selection=dg.AssetSelection.all(),
    executor_def=IN_PROCESS,
    description="The same assets without side effects: plans are dry runs. For back-fills and for trying things.",
)
fill_sentiment_gaps = dg.define_asset_job(
    "fill_sentiment_gaps",
    selection=dg.AssetSelection.assets("halal_universe", *sorted(HISTORY)),
    executor_def=IN_PROCESS,
    description=(
        "The history of daily sentiment: fetches what was never fetched, scores it, and lists what is still missing."
        " Launch it for a range of weeks; killed and launched again, it goes on where it was."
    ),
)


def monday_schedule(status: dg.DefaultScheduleStatus) -> Any:  # Dagster keeps this type to itself
    """Every Monday 18:00 in Kolkata, for that same Monday."""
    return dg.build_schedule_from_partitioned_job(
        monday,
        name="monday",
        default_status=status,
        description=f"Monday 18:00 Asia/Kolkata; runs '{LIVE_JOB}' for that Monday ({WEEKLY.get_cron_schedule()}).",
    )


def history_schedule(status: dg.DefaultScheduleStatus) -> Any:  # as above
    """Every Tuesday 03:00 in Kolkata, for the Monday before: by then sources have settled what was published."""
    return dg.build_schedule_from_partitioned_job(
        fill_sentiment_gaps,
        name="sentiment_history",
        default_status=status,
        day_of_week=2,
        hour_of_day=3,
        description="Tuesday 03:00 Asia/Kolkata; completes the week's daily sentiment.",
    )
