"""The sensor that asks for a training when the newest drift report does: a warning alone mends nothing."""

from collections.abc import Sequence
from textwrap import shorten
from typing import Any

import dagster as dg

from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.evaluation.drift import DriftReport
from learnfinance_dagster.orchestration.floor import TradingFloor
from learnfinance_dagster.orchestration.handles import Artifacts, MarketDoor
from learnfinance_dagster.orchestration.labels import newest_known
from learnfinance_dagster.orchestration.partitions import TRAINING, WEEKLY

DRIFT = "drift"
"""Asset whose reports are read."""
HISTORY = "policy_history"
"""Asset that policies are trained on: made anew with them."""
TAG = "learnfinance/drift"
"""Tag of the runs, with what was found."""
TAG_WIDTH = 200
HOUR = 3600


def retrain_on_drift(
    retrain: Any,  # Dagster keeps the type of jobs to itself
    policies: Any,
    forecasters: Sequence[str],
    allocators: Sequence[str],
    status: dg.DefaultSensorStatus,
) -> dg.SensorDefinition:
    """Asks for a full training of every model that the newest drift report wants trained, once a report.

    Args:
        retrain: the job over `<forecaster>_model`.
        policies: the job over `policy_history` and `<allocator>_policy`.
        forecasters: names of the first job's models.
        allocators: names of the second job's.
        status: whether it runs from the start.
    """

    @dg.sensor(
        name="retrain_on_drift",
        jobs=[retrain, policies],
        minimum_interval_seconds=HOUR,
        default_status=status,
        description=(
            f"Every hour; when the newest `{DRIFT}` report finds a model critical, runs '{retrain.name}' or"
            f" '{policies.name}' for it, in full, for the Monday after that report: as soon as the week between them is"
            " over and the market source holds it. Once for each report and model. What comes of it still has to pass"
            " its gate."
        ),
    )
    def sensor(
        artifacts: dg.ResourceParam[Artifacts],
        market: dg.ResourceParam[MarketDoor],
        floor: dg.ResourceParam[TradingFloor],
    ) -> list[dg.RunRequest] | dg.SkipReason:
        now = floor.clock()
        made = (key for key in reversed(WEEKLY.get_partition_keys(now)) if artifacts.has(DRIFT, key))
        newest = next(made, None)
        if newest is None:
            return dg.SkipReason("there is no drift report yet")
        wanted = _wanted(artifacts.read(DRIFT, [newest]))
        if not wanted:
            return dg.SkipReason(f"the drift report of {newest} asks for no training")
        serves = next((key for key in TRAINING.get_partition_keys(now) if key > newest), None)
        if serves is None:
            return dg.SkipReason(f"no Monday after {newest} can be trained for yet")
        last = week_from_key(serves).last_session
        known = newest_known(now, market.open().info)  # asked late: loading a market takes its time
        if known < last:
            return dg.SkipReason(f"{', '.join(wanted)}: trained for {serves} once {last} is known; {known} is")
        trained = [model for model in wanted if model in {*forecasters, *allocators}]
        if not trained:
            return dg.SkipReason(f"{', '.join(wanted)}: no job trains that")
        return [
            dg.RunRequest(
                run_key=f"drift:{newest}:{model}",
                partition_key=serves,
                tags={TAG: shorten(wanted[model], TAG_WIDTH, placeholder=" …")},
                **(_forecaster(retrain, model) if model in forecasters else _policy(policies, model)),
            )
            for model in trained
        ]

    return sensor


def _wanted(report: DriftReport) -> dict[str, str]:
    """Model → why it is to be trained."""
    found: dict[str, list[str]] = {}
    for finding in report.findings:
        if finding.retrain:
            found.setdefault(finding.model, []).append(f"{finding.kind}: {finding.told}")
    return {model: "; ".join(told) for model, told in found.items()}


def _forecaster(job: Any, model: str) -> dict[str, Any]:
    return {"job_name": job.name, "asset_selection": [dg.AssetKey(f"{model}_model")]}


def _policy(job: Any, model: str) -> dict[str, Any]:
    """From random weights and on all history: a fine-tune begins with what has gone wrong."""
    name = f"{model}_policy"
    return {
        "job_name": job.name,
        "asset_selection": [dg.AssetKey(HISTORY), dg.AssetKey(name)],
        "run_config": {"ops": {name: {"config": {"full": True}}}},
    }
