"""Two jobs over the same assets, and the schedule of the one that trades."""

from typing import Any

import dagster as dg

from learnfinance_dagster.orchestration.handles import LIVE_JOB, RESEARCH_JOB
from learnfinance_dagster.orchestration.partitions import WEEKLY

IN_PROCESS = dg.in_process_executor

monday = dg.define_asset_job(
    LIVE_JOB,
    selection=dg.AssetSelection.all(),
    executor_def=IN_PROCESS,
    description=(
        "The week's run: from the market to traded paper accounts and the report. The only job that may submit orders;"
        " running it again for a traded week shows what is recorded and sends nothing."
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
    selection=dg.AssetSelection.assets("halal_universe", "daily_sentiment", "sentiment_gaps"),
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
