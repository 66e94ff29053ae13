"""The one seam between our errors and Dagster's.

Transient errors are retried with back-off, the rest fail at once: trying again would not help. On the branch of one
account a final failure becomes a recorded result instead, with a failed check, so that the other accounts trade and
the report says what happened.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import dagster as dg

from learnfinance_dagster.errors import LearnFinanceError, LookAheadError, TransientError

T = TypeVar("T")
MAX_RETRIES = 3
FIRST_WAIT_SECONDS = 5.0
FAILURE = "dagster._core.definitions.events.Failure: "
"""How Dagster begins what we said ourselves."""
COMPLETED = "completed"
"""Name of the check on every asset of an account's branch."""


@contextmanager
def translated(context: dg.AssetExecutionContext) -> Iterator[None]:
    """For shared evidence: retry what may pass, fail clearly what will not."""
    try:
        yield
    except TransientError as error:
        raise _retry(context, error) from error
    except LearnFinanceError as error:
        raise _failure(error) from error


def _failure(error: LearnFinanceError) -> dg.Failure:
    return dg.Failure(f"{type(error).__name__}: {error}", allow_retries=False)


def _retry(context: dg.AssetExecutionContext, error: Exception) -> dg.RetryRequested:
    context.log.warning("%s; trying again", error)
    wait = FIRST_WAIT_SECONDS * 2**context.retry_number
    return dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=wait)


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What a branch produced, and why it is only a stand-in if it failed."""

    value: T
    failure: str


def completed(outcomes: Mapping[str, Outcome[Any]], asset: str | None = None) -> dg.AssetCheckResult:
    """The branch's check over the weeks of a run: red in the UI where a stand-in was stored.

    Args:
        outcomes: by week.
        asset: which one of a step with several.
    """
    failures = {week: outcome.failure for week, outcome in outcomes.items() if outcome.failure}
    told = "; ".join(f"{week}: {failure}" for week, failure in failures.items()) or f"{list(outcomes)[-1]}: done"
    return dg.AssetCheckResult(check_name=COMPLETED, asset_key=asset, passed=not failures, description=told)


def isolated(context: dg.AssetExecutionContext, produce: Callable[[], T], stand_in: Callable[[str], T]) -> Outcome[T]:
    """Run one account's step; a final failure is logged, checked and recorded, and stops nobody else.

    Even a bug in one allocator must not stop the others, so this catches everything; nothing is swallowed, because
    the failure is stored in the artifact, fails the check and is printed in the e-mail.
    """
    try:
        return Outcome(produce(), "")
    except LookAheadError as error:  # nobody may go on with anything that comes from such a source
        raise _failure(error) from error
    except TransientError as error:
        if context.retry_number < MAX_RETRIES:
            raise _retry(context, error) from error
        cause, failure = error, f"{error} (tried {MAX_RETRIES + 1} times)"
    except LearnFinanceError as error:
        cause, failure = error, str(error)
    except Exception as error:  # noqa: BLE001 - see the docstring
        cause, failure = error, f"unexpected {type(error).__name__}: {error}"
    context.log.error("%s", failure, exc_info=cause)
    return Outcome(stand_in(failure), failure)


def in_one_line(event: dg.DagsterEvent) -> str:
    """What went wrong in a failed step: the innermost error's last line."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None and error.cls_name != "Failure":  # which speaks our words
        error = error.cause
    return error.message.strip().splitlines()[-1].removeprefix(FAILURE) if error else "unknown error"
