"""Running the Monday job inside this process."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""What went wrong is told by the caller; the whole log is in the web UI."""


@dataclass(frozen=True, slots=True)
class Result:
    """How one Monday went."""

    failures: tuple[str, ...]
    """One line per failed step; then there is no report."""
    complaints: tuple[str, ...]
    """One line per failed check: an account's branch that was left out."""


def run_monday(job: dg.JobDefinition, instance: dg.DagsterInstance, week: str, assets: Sequence[str] = ()) -> Result:
    """Materialize one Monday in this process; `assets` are those of the job to make, all by default."""
    selected = [dg.AssetKey(name) for name in assets] or None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = job.execute_in_process(
            partition_key=week,
            instance=instance,
            raise_on_error=False,
            run_config=QUIET,
            asset_selection=selected,
        )
    failed = [event for event in result.all_events if event.event_type is dg.DagsterEventType.STEP_FAILURE]
    checks = [check for check in result.get_asset_check_evaluations() if not check.passed]
    failures = [f"{event.step_key}: {_last_line(event)}" for event in failed]
    if not result.success and not failures:
        failures = ["the run failed before its first step"]
    return Result(
        failures=tuple(failures),
        complaints=tuple(f"{check.asset_key.path[-1]}: {check.description}" for check in checks),
    )


def _last_line(event: dg.DagsterEvent) -> str:
    error = event.step_failure_data.error
    while error is not None and error.cause is not None and error.cls_name != "Failure":  # which speaks our words
        error = error.cause
    return error.message.strip().splitlines()[-1] if error else "unknown error"
