"""What a training must not begin with: the future, a version of another size, a forecaster that never spoke."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from learnfinance_dagster.allocation.rl.card import PolicyCard
from learnfinance_dagster.allocation.rl.history import PolicyHistory, monday_at
from learnfinance_dagster.calendar import week_of
from learnfinance_dagster.errors import DataError, LookAheadError
from learnfinance_dagster.values import Week


def check_known(history: PolicyHistory, week: Week) -> None:
    """Every week was over before the decision.

    Raises:
        LookAheadError: one was not.
    """
    newest = week_of(monday_at(history, -1))
    if newest.next_session > week.last_session:
        msg = (
            f"the history knows what {newest.key} brought until {newest.next_session}; the decision of {week.key} knows"
            f" nothing after {week.last_session}"
        )
        raise LookAheadError(msg)


def check_size(begun: PolicyCard, numbers: Mapping[str, Any]) -> None:
    """The version to begin with has as many units a layer as the numbers ask for.

    Raises:
        DataError: it has not.
    """
    units = begun.configuration.get("width")
    if units != numbers["width"]:
        msg = (
            f"{begun.version} has {units} units a layer, and the profile asks for {numbers['width']}: train it in full"
            f" (config full: true of {begun.allocator}_policy), or go back to the profile that it was trained with"
            " (LEARNFINANCE_POLICIES__PROFILE)"
        )
        raise DataError(msg)


def check_forecasts(parts: Iterable[PolicyHistory], forecaster: str) -> None:
    """In each part of a history the forecaster spoke at least once: what is never known is no zero.

    Raises:
        DataError: it did not.
    """
    for weeks in parts:
        if np.isnan(weeks.forecast).all():
            msg = (
                f"{forecaster} gave no forecast of any name from {monday_at(weeks, 0)} to {monday_at(weeks, -1)}: there"
                " is nothing to learn from it; train its snapshots (job snapshots) and gather the history again"
            )
            raise DataError(msg)
