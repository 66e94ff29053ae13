"""Whether a newly trained version takes the place of the current one."""

import math
from dataclasses import dataclass

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.skill import SkillTable, Verdict

MOST_DIGITS = 17
"""As many as tell any two numbers apart."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A version and what it was worth on the held-out weeks."""

    version: str
    table: SkillTable

    @property
    def mse(self) -> float:
        """Mean squared error of its weekly returns.

        Raises:
            DataError: it is no error that can be compared.
        """
        error = self.table.model.mse
        if not math.isfinite(error) or error < 0:
            msg = f"{self.version} has a mean squared error of {error}: it cannot be compared"
            raise DataError(msg)
        return error


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, on which numbers."""

    promoted: bool
    reason: str
    candidate: str
    candidate_mse: float
    current: str
    """The version in use until now; empty when there was none."""
    current_mse: float | None
    """Of the same weeks, measured anew."""
    weeks: int
    margin: float


def decide(candidate: Judged, current: Judged | None, margin: float, *, skill: Verdict, placebo: Verdict) -> Decision:
    """Promote a candidate that is the first or strictly better, and never one that failed a check.

    Args:
        candidate: the new version.
        current: the version in use, evaluated on the same windows.
        margin: share of the current version's error by which the candidate's must be smaller.
        skill: what `skill_check` said of the candidate.
        placebo: what `placebo_check` said of its training.

    Raises:
        DataError: an error is not finite, or the two were not judged on the same windows.
    """
    if current is not None:
        _check_same_windows(candidate, current)
    failed = [
        f"the {name} check failed ({told})"
        for name, (passed, told) in (("skill", skill), ("placebo", placebo))
        if not passed
    ]
    better = current is None or candidate.mse < current.mse * (1 - margin)
    promoted = better and not failed
    outcome = f"{candidate.version} is {'promoted' if promoted else 'not promoted'}"
    return Decision(
        promoted=promoted,
        reason=f"{outcome}: {'; '.join([*failed, _comparison(candidate, current, margin)])}",
        candidate=candidate.version,
        candidate_mse=candidate.mse,
        current="" if current is None else current.version,
        current_mse=None if current is None else current.mse,
        weeks=candidate.table.model.weeks,
        margin=margin,
    )


def _check_same_windows(candidate: Judged, current: Judged) -> None:
    """The error of forecasting zero depends on the windows alone."""
    ours, theirs = candidate.table, current.table
    same = (ours.first_week, ours.last_week) == (theirs.first_week, theirs.last_week)
    if not same or dict(ours.rows)["zero"] != dict(theirs.rows)["zero"]:
        msg = (
            f"{candidate.version} was judged on {ours.first_week} to {ours.last_week} and {current.version} on"
            f" {theirs.first_week} to {theirs.last_week}, or on other names: only the same windows compare"
        )
        raise DataError(msg)


def _comparison(candidate: Judged, current: Judged | None, margin: float) -> str:
    weeks = f"on {candidate.table.model.weeks} held-out weeks"
    if current is None:
        return f"there is no version before it, and its mean squared error is {candidate.mse:.6g} {weeks}"
    if candidate.version == current.version:
        return f"it is in use already, with a mean squared error of {candidate.mse:.6g} {weeks}"
    word = "below" if candidate.mse < current.mse * (1 - margin) else "not below"
    mine, bar = _apart(candidate.mse, current.mse)
    less = f" less {margin:.4%}" if margin else ""
    return f"its mean squared error {mine} {weeks} is {word} the {bar}{less} of {current.version}"


def _apart(one: float, other: float) -> tuple[str, str]:
    """Both numbers with as many digits as tell them apart."""
    for digits in range(6, MOST_DIGITS):
        mine, theirs = f"{one:.{digits}g}", f"{other:.{digits}g}"
        if mine != theirs:
            return mine, theirs
    return f"{one:.{MOST_DIGITS}g}", f"{other:.{MOST_DIGITS}g}"
