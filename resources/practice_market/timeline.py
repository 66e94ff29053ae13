"""Sessions and holding weeks of a practice market, as arrays."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from learnfinance_dagster.calendar import sessions_between
from resources.practice_market.spec import PracticeSpec

THURSDAY = 3
"""Weekday of 1970-01-01, where numpy starts to count days."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """T sessions in W calendar weeks."""

    sessions: np.ndarray
    """(T,) datetime.date objects."""
    days: np.ndarray
    """(T,) the same as datetime64[D]."""
    mondays: tuple[date, ...]
    """(W,) the weeks that have a session."""
    opens_week: np.ndarray
    """(W,) position of each week's first session."""

    def __len__(self) -> int:
        """Number of sessions."""
        return len(self.days)

    def at_or_after(self, days: np.ndarray) -> np.ndarray:
        """Position of the first session on or after each day; T where there is none."""
        return np.searchsorted(self.days, days)

    def at_or_before(self, days: np.ndarray) -> np.ndarray:
        """Position of the last session on or before each day, clipped to the first."""
        return np.maximum(np.searchsorted(self.days, days, side="right") - 1, 0)


def timeline(spec: PracticeSpec) -> Timeline:
    """NYSE sessions from `spec.first` to `spec.last`.

    Raises:
        DataError: the exchange calendar does not reach that far.
    """
    sessions = np.array(sessions_between(spec.first, spec.last), dtype=object)
    days = sessions.astype("datetime64[D]")
    mondays, opens_week = np.unique(days - weekdays(days), return_index=True)
    return Timeline(sessions, days, tuple(mondays.astype(object)), opens_week)


def weekdays(days: np.ndarray) -> np.ndarray:
    """Monday = 0 … Sunday = 6 of datetime64[D] values."""
    return (days.astype(np.int64) + THURSDAY) % 7
