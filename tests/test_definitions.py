"""The code location: loads with nothing set, fast to import, and tells the web UI what each asset is."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from learnfinance_dagster.commands.graph import PAGE, graph_page
from learnfinance_dagster.definitions import defs
from learnfinance_dagster.orchestration.partitions import WEEKLY
from learnfinance_dagster.schemas.artifacts import FRAMES, HISTORY

GRAPH = defs.resolve_asset_graph()
ASSETS = {key.path[-1]: GRAPH.get(key) for key in sorted(GRAPH.get_all_asset_keys())}
STAGES = {
    "universe",
    "market_data",
    "signals",
    "forecasting",
    "allocation",
    "trading",
    "evaluation",
    "reporting",
    "training",
    "snapshots",
}
HEAVY = {
    "torch",
    "transformers",
    "stable_baselines3",
    "pypfopt",
    "matplotlib",
    "exchange_calendars",
    "yfinance",
    "alpaca",
    "openai",
    "huggingface_hub",
    "alembic",
    "requests",
    "vaderSentiment",
}
DECISION = datetime(2025, 12, 29, 12, 30, tzinfo=UTC)
"""Monday 18:00 in Kolkata."""


@pytest.fixture(scope="module")
def imported():
    """Modules that a fresh process without any environment holds after importing the code location."""
    script = "import json, sys, learnfinance_dagster.definitions; print(json.dumps(sorted(sys.modules)))"
    environment = {"PATH": str(Path(sys.executable).parent)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_the_code_location_loads_with_an_empty_environment(imported):
    assert "learnfinance_dagster.definitions" in imported


def test_the_code_location_imports_nothing_heavy(imported):
    assert imported & HEAVY == set()


def test_the_code_location_is_valid():
    dg.Definitions.validate_loadable(defs)


def test_there_is_one_job_that_trades_and_one_that_does_not():
    names = {job.name for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}
    assert names - {"fill_sentiment_gaps"} == {"monday", "research"}


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("monday", set(ASSETS) - HISTORY),
        ("research", set(ASSETS)),
        ("fill_sentiment_gaps", {"halal_universe", *HISTORY}),
    ],
)
def test_a_job_holds_its_assets_and_runs_in_one_process(name, held):
    """Nothing of the history, which no decision reads, may keep Monday's orders waiting."""
    job = defs.resolve_job_def(name)
    assert {key.path[-1] for key in job.asset_layer.selected_asset_keys} == held
    assert job.executor_def is dg.in_process_executor


@pytest.mark.parametrize("name", ASSETS)
def test_an_asset_tells_what_it_is_whose_it_is_and_what_it_is_made_of(name):
    asset = ASSETS[name]
    assert len(asset.description) > 80, "an asset's description is read by people who do not read code"
    assert asset.owners
    assert asset.kinds
    assert asset.group_name in STAGES
    assert asset.partitions_def == WEEKLY


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_shows_its_columns_with_their_meaning(name):
    schema = ASSETS[name].metadata["dagster/column_schema"]
    declared = FRAMES[name].to_schema().columns
    assert {column.name: column.description for column in schema.columns} == {
        column: rules.description for column, rules in declared.items()
    }
    assert all(column.description for column in schema.columns)


def test_the_schedule_ticks_at_the_decision_and_asks_for_that_same_monday():
    schedule = defs.resolve_schedule_def("monday")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 18 * * 1", "Asia/Kolkata")
    tick = schedule.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=DECISION))
    (request,) = tick.run_requests
    assert (request.partition_key, request.run_key) == ("2025-12-29", "2025-12-29")


def test_the_history_of_sentiment_is_completed_the_night_after_for_that_same_monday():
    night = datetime(2025, 12, 29, 21, 30, tzinfo=UTC)
    tick = defs.resolve_schedule_def("sentiment_history").evaluate_tick(
        dg.build_schedule_context(scheduled_execution_time=night)
    )
    assert [request.partition_key for request in tick.run_requests] == ["2025-12-29"]


@pytest.mark.parametrize("name", ["monday", "sentiment_history"])
def test_a_schedule_waits_until_somebody_switches_it_on(name):
    assert defs.resolve_schedule_def(name).default_status is dg.DefaultScheduleStatus.STOPPED


def test_a_monday_does_not_exist_before_its_decision():
    before = DECISION - timedelta(seconds=1)
    assert WEEKLY.get_partition_keys(current_time=DECISION)[-1] == "2025-12-29"
    assert WEEKLY.get_partition_keys(current_time=before)[-1] == "2025-12-22"


def test_the_window_of_a_monday_starts_at_its_decision():
    assert WEEKLY.time_window_for_partition_key("2025-12-29").start == DECISION


def test_the_picture_of_the_graph_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == graph_page(), "run `make graph`"
