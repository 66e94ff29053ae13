"""Running jobs inside this process."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from learnfinance_dagster.orchestration.failures import in_one_line

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""What went wrong is told by the caller; the whole log is in the web UI."""


@dataclass(frozen=True, slots=True)
class Result:
    """How one run went."""

    failures: tuple[str, ...]
    """One line per failed step; then there is no report."""
    complaints: tuple[str, ...]
    """One line per failed check: an account's branch that was left out."""


def run_monday(  # noqa: PLR0913 - what a run is told
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    week: str,
    assets: Sequence[str] = (),
    config: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Result:
    """Materialize one Monday in this process.

    Args:
        job: whose assets.
        instance: where runs are recorded.
        week: partition key.
        assets: those of the job to make; all by default.
        config: asset → its run configuration.
        extra: other parts of the run's configuration, e.g. of resources.
    """
    selected = [dg.AssetKey(name) for name in assets] or None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = job.execute_in_process(
            partition_key=week,
            instance=instance,
            raise_on_error=False,
            run_config={**QUIET, "ops": dict(config or {}), **(extra or {})},
            asset_selection=selected,
        )
    return _result(result)


def run_range(
    definitions: dg.Definitions, instance: dg.DagsterInstance, span: tuple[str, str], assets: Sequence[str]
) -> Result:
    """Materialize assets for all partitions from the first to the last of `span`, in one run in this process."""
    first, last = span
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config=QUIET,
            tags=tags,
            asset_selection=[dg.AssetKey(name) for name in assets],
        )
    return _result(result)


def _result(result: dg.ExecuteInProcessResult) -> Result:
    failed = [event for event in result.all_events if event.event_type is dg.DagsterEventType.STEP_FAILURE]
    checks = [check for check in result.get_asset_check_evaluations() if not check.passed]
    failures = [f"{event.step_key}: {in_one_line(event)}" for event in failed]
    if not result.success and not failures:
        failures = ["the run failed before its first step"]
    return Result(
        failures=tuple(failures),
        complaints=tuple(f"{check.asset_key.path[-1]}: {check.description}" for check in checks),
    )


def short(path: Path) -> str:
    """A path as the person at the terminal would write it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
