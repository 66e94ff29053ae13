"""Running the Monday job inside this process."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg


@contextmanager
def quiet() -> Iterator[None]:
    """Only warnings and worse from Dagster's own log."""
    logger = logging.getLogger("dagster")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def run_monday(job: dg.JobDefinition, instance: dg.DagsterInstance, week: str) -> list[str]:
    """Materialize one Monday; returns one line per failed step, none when all went well."""
    result = job.execute_in_process(partition_key=week, instance=instance, raise_on_error=False)
    if result.success:
        return []
    failed = [event for event in result.all_events if event.event_type is dg.DagsterEventType.STEP_FAILURE]
    return [f"{event.step_key}: {_last_line(event)}" for event in failed] or ["the run failed before its first step"]


def _last_line(event: dg.DagsterEvent) -> str:
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip().splitlines()[-1] if error else "unknown error"
