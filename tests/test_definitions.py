"""The code location: loads with nothing set, fast to import, and tells the web UI what each asset is."""

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml
from tiny_forecasts import PLAIN

from learnfinance_dagster.calendar import mondays_between
from learnfinance_dagster.commands.graph import PAGE, graph_page
from learnfinance_dagster.definitions import build, defs
from learnfinance_dagster.forecasting import FORECASTERS
from learnfinance_dagster.orchestration.jobs import POLICY_EVIDENCE
from learnfinance_dagster.orchestration.partitions import TRAINING, WEEKLY, YEAR_ENDS
from learnfinance_dagster.schemas.artifacts import FRAMES, HISTORY
from learnfinance_dagster.settings import REPOSITORY, Settings

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
PARTITIONS = {"training": TRAINING, "snapshots": YEAR_ENDS}
LEARNED = ("ppo_lstm", "ppo_patchtst", "sac_lstm", "sac_patchtst")
EXPERIENCE, REWARDS = ({f"{name}_{step}" for name in LEARNED} for step in ("experience", "reward"))
CERTIFICATES, POLICIES = {"ppo_certificate", "sac_certificate"}, {f"{name}_policy" for name in LEARNED}
IDLE = {"transfer_lstm_forecast"}
"""Forecasts that are made on demand."""
UPLOADS = {"sentiment_upload"}
WEEKLY_ASSETS = (
    {name for name, asset in ASSETS.items() if asset.group_name not in PARTITIONS} - IDLE - REWARDS - UPLOADS
)
HEAVY = {
    "torch",
    "transformers",
    "stable_baselines3",
    "gymnasium",
    "safetensors",
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


HELD = {
    "monday": WEEKLY_ASSETS - HISTORY,
    "research": WEEKLY_ASSETS - {"walk_forward_forecasts"},
    "fill_sentiment_gaps": {"halal_universe", "daily_sentiment", "sentiment_gaps", "sentiment_upload"},
    "retrain": {"lstm_model", "patchtst_model"},
    "snapshots": {"lstm_snapshot", "patchtst_snapshot"},
    "walk_forward": {"walk_forward_forecasts"},
    "follow": {f"{name}_{step}" for name in (*PLAIN, *LEARNED) for step in ("submission", "fills")}
    | EXPERIENCE
    | {"reconciliation", "weekly_report"},
    "history": set(POLICY_EVIDENCE),
    "rewards": EXPERIENCE | REWARDS,
    "certify": CERTIFICATES,
    "policies": CERTIFICATES | {"policy_history"} | POLICIES,
    "sunday": CERTIFICATES | {"policy_history", "training_summary", "training_mail"} | POLICIES,
}
"""Job → its assets."""


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


def test_there_is_one_job_that_trades_one_that_completes_it_and_one_that_does_not():
    names = {job.name for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}
    assert names == {*HELD, "send_mail"}
    names.remove("send_mail")  # one step without assets
    trading = {key.path[-1] for name in names for key in defs.resolve_job_def(name).asset_layer.selected_asset_keys}
    assert any(name.endswith("_submission") for name in trading)
    for name in names - {"monday", "follow", "research"}:
        keys = defs.resolve_job_def(name).asset_layer.selected_asset_keys
        assert not any(key.path[-1].endswith("_submission") for key in keys)
    follows = {key.path[-1] for key in defs.resolve_job_def("follow").asset_layer.selected_asset_keys}
    assert not any(name.endswith(("_order_plan", "_weights", "_portfolio")) for name in follows), "it plans nothing"


@pytest.mark.parametrize(("name", "held"), HELD.items())
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
    assert asset.partitions_def == PARTITIONS.get(asset.group_name, WEEKLY)


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
    tick = schedule.evaluate_tick(
        dg.build_schedule_context(scheduled_execution_time=DECISION, repository_def=defs.get_repository_def())
    )
    (request,) = tick.run_requests
    assert (request.partition_key, request.run_key) == ("2025-12-29", "2025-12-29")
    said = {"dry_run": False, "confirm_real_money": "2025-12-29"}
    assert request.run_config == {"resources": {"trading": {"config": said}}}, "the word for exactly that week"


def test_the_history_of_sentiment_is_completed_the_night_after_for_that_same_monday():
    night = datetime(2025, 12, 29, 21, 30, tzinfo=UTC)
    tick = defs.resolve_schedule_def("sentiment_history").evaluate_tick(
        dg.build_schedule_context(scheduled_execution_time=night)
    )
    assert [request.partition_key for request in tick.run_requests] == ["2025-12-29"]


def test_policies_are_trained_on_sunday_for_the_monday_after_it():
    """At 18:00 in Kolkata, a day before the decision: that Monday exists for trainings alone."""
    schedule = defs.resolve_schedule_def("sunday")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 18 * * 0", "Asia/Kolkata")
    sunday = DECISION - timedelta(days=1)
    tick = schedule.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=sunday))
    assert [request.partition_key for request in tick.run_requests] == ["2025-12-29"]


def test_forecasters_are_retrained_on_a_months_first_saturday_for_the_monday_after_it():
    schedule = defs.resolve_schedule_def("retrain")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 6 * * 6", "Asia/Kolkata")
    asked = {}
    for day in range(1, 32):
        if (saturday := datetime(2025, 11, 30, 0, 30, tzinfo=UTC) + timedelta(days=day)).weekday() == 5:
            tick = schedule.evaluate_tick(
                dg.build_schedule_context(scheduled_execution_time=saturday, repository_def=defs.get_repository_def())
            )
            asked[saturday.day] = [(request.partition_key, request.run_key) for request in tick.run_requests or []]
    assert asked == {6: [("2025-12-08", "2025-12-08")], 13: [], 20: [], 27: []}


@pytest.mark.parametrize("name", ["monday", "sentiment_history", "retrain", "sunday", "snapshots"])
def test_a_schedule_waits_until_somebody_switches_it_on(name):
    assert defs.resolve_schedule_def(name).default_status is dg.DefaultScheduleStatus.STOPPED


def test_sensors_wait_until_somebody_switches_them_on_and_start_no_job_that_plans_orders():
    found = {sensor.name: sensor for sensor in defs.get_repository_def().sensor_defs}
    targets = {name: {target.job_name for target in sensor.targets} for name, sensor in found.items()}
    assert targets == {
        "follow_orders": {"follow"},
        "label_rewards": {"rewards"},
        "retrain_on_drift": {"retrain", "policies"},
        "send_mail": {"send_mail"},
        "tell_failures": set(),
    }
    assert {sensor.default_status for sensor in found.values()} == {dg.DefaultSensorStatus.STOPPED}


def test_a_house_without_learned_allocators_has_none_of_their_jobs():
    plain = build(Settings(allocators=PLAIN))
    names = {job.name for job in plain.resolve_all_job_defs() if not job.name.startswith("__")}
    assert names == {*HELD, "send_mail"} - {"rewards", "certify", "policies", "sunday"}
    repository = plain.get_repository_def()
    assert {sensor.name for sensor in repository.sensor_defs} == {"follow_orders", "send_mail", "tell_failures"}
    assert {schedule.name for schedule in repository.schedule_defs} == {
        "monday",
        "sentiment_history",
        "retrain",
        "snapshots",
    }
    assert not {key.path[-1] for key in plain.resolve_asset_graph().get_all_asset_keys()} & (POLICIES | EXPERIENCE)


def test_a_label_is_never_made_by_the_run_that_decides():
    """Its week is not over then; job `rewards` makes it."""
    for name in ("monday", "research"):
        held = {key.path[-1] for key in defs.resolve_job_def(name).asset_layer.selected_asset_keys}
        assert held >= EXPERIENCE
        assert not held & (REWARDS | POLICIES | CERTIFICATES)


def test_a_monday_does_not_exist_before_its_decision():
    before = DECISION - timedelta(seconds=1)
    assert WEEKLY.get_partition_keys(current_time=DECISION)[-1] == "2025-12-29"
    assert WEEKLY.get_partition_keys(current_time=before)[-1] == "2025-12-22"


def test_a_model_can_be_trained_on_the_weekend_before_the_monday_it_serves():
    sunday = DECISION - timedelta(days=1)
    assert TRAINING.get_partition_keys(current_time=sunday)[-1] == "2025-12-29"
    assert TRAINING.time_window_for_partition_key("2025-12-29").start == DECISION


def test_a_year_can_have_its_snapshot_when_it_is_over_in_new_york_and_nobody_has_to_load_the_code_anew():
    last_hour = datetime(2026, 1, 1, 3, 59, tzinfo=UTC)
    assert YEAR_ENDS.get_partition_keys(current_time=last_hour)[-1] == "2024-12-31"
    grown = YEAR_ENDS.get_partition_keys(current_time=last_hour + timedelta(minutes=1))
    assert grown == [f"{year}-12-31" for year in range(2015, 2026)]


def test_the_years_snapshots_are_made_before_the_first_sunday_that_needs_them():
    """On the second Sunday of January the history holds a Monday of the new year, and the training failed."""
    schedule = defs.resolve_schedule_def("snapshots")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 9 2 1 *", "Asia/Kolkata")
    for year in range(2017, 2027):
        tick = datetime(year, 1, 2, 3, 30, tzinfo=UTC)
        found = schedule.evaluate_tick(
            dg.build_schedule_context(scheduled_execution_time=tick, repository_def=defs.get_repository_def())
        )
        (request,) = found.run_requests
        assert request.partition_key == request.run_key == f"{year - 1}-12-31"
        assert request.partition_key in YEAR_ENDS.get_partition_keys(current_time=tick)
        sundays = [day for n in range(1, 29) if (day := datetime(year, 1, n, 12, 30, tzinfo=UTC)).weekday() == 6]
        served = [TRAINING.get_partition_keys(current_time=day)[-1] for day in sundays]
        needy = [
            day
            for day, monday in zip(sundays, served, strict=True)
            if any(each.year == year for each in mondays_between(date(year - 1, 6, 1), before(monday)))
        ]
        assert needy[0] > tick


def before(monday):
    return date.fromisoformat(monday) - timedelta(days=7)


def test_every_forecaster_has_its_three_assets_and_a_schema():
    for forecaster in FORECASTERS:
        assert {f"{forecaster.name}_{kind}" for kind in ("model", "snapshot", "forecast")} <= set(ASSETS)
        assert f"{forecaster.name}_forecast" in FRAMES


def test_the_window_of_a_monday_starts_at_its_decision():
    assert WEEKLY.time_window_for_partition_key("2025-12-29").start == DECISION


def test_the_picture_of_the_graph_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == graph_page(), "run `make graph`"


@pytest.mark.parametrize("home", ["", "deploy"])
def test_a_killed_run_that_trades_holds_up_nothing_for_ever(home):
    """Dagster ends it two hours after its start, where the instance watches its runs; nobody else would notice."""
    told = yaml.safe_load((REPOSITORY / home / "dagster.yaml").read_text(encoding="utf-8"))
    assert told["run_monitoring"]["enabled"] is True
    for job in ("monday", "follow"):
        assert defs.resolve_job_def(job).tags["dagster/max_runtime"] == "7200"
