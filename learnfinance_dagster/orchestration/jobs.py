"""The jobs over the assets."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from learnfinance_dagster.orchestration.job_names import LIVE_JOB, RESEARCH_JOB
from learnfinance_dagster.schemas.artifacts import HISTORY

IN_PROCESS = dg.in_process_executor
PRIORITY = "dagster/priority"
"""Tag of runs: one run at a time is taken from the queue, and orders have a window, so theirs is not the last."""
MAX_RUNTIME, MOST_SECONDS = "dagster/max_runtime", "7200"
"""Tag of runs that trade: a killed one would otherwise count as running for ever, and nobody follow its orders."""
POLICY_EVIDENCE = (
    "daily_bars",
    "halal_universe",
    "screened_universe",
    "news_articles",
    "news_coverage",
    "news_sentiment",
    "filings",
    "fundamentals",
    "state_features",
    "hrp_weights",
    "walk_forward_forecasts",
)
"""What `policy_history` is made of: nothing of it trades or mails."""


def jobs_of(enabled: Sequence[str], registered: Sequence[str], learned: Sequence[str]) -> dict[str, Any]:
    """Every job, by name.

    Args:
        enabled: forecasters of the Monday graph.
        registered: all that there are; the forecasts of the others are made on demand.
        learned: names of the allocators with a policy.
    """
    every = dg.AssetSelection.all()
    later = dg.AssetSelection.assets(*(f"{name}_reward" for name in learned))  # when the week is over
    kept_elsewhere = dg.AssetSelection.assets("sentiment_upload")  # no decision and no research leaves this machine
    weekly = every - dg.AssetSelection.groups("training", "snapshots") - later - kept_elsewhere
    idle = dg.AssetSelection.assets(*(f"{name}_forecast" for name in registered if name not in enabled))
    jobs = [
        dg.define_asset_job(
            LIVE_JOB,
            selection=weekly - dg.AssetSelection.assets(*sorted(HISTORY)) - idle,
            executor_def=IN_PROCESS,
            tags={PRIORITY: "1", MAX_RUNTIME: MOST_SECONDS},
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
            selection=dg.AssetSelection.assets(
                "halal_universe", "daily_sentiment", "sentiment_gaps", "sentiment_upload"
            ),
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
        dg.define_asset_job(
            "history",
            selection=dg.AssetSelection.assets(*POLICY_EVIDENCE),
            executor_def=IN_PROCESS,
            description=(
                "Past Mondays as a decision saw them: what policies learn from (`policy_history`). Launch it for a"
                " range of weeks, which go in one run. It trades nothing and mails nothing."
            ),
        ),
    ]
    return {job.name: job for job in jobs}
