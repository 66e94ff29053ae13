"""Directional changes: a market's own time, which moves when the price turns and stands still when it does not.

Sources: Guillaume, Dacorogna, Davé, Müller, Olsen and Pictet, "From the bird's eye to the microscope" (Finance and
Stochastics 1, 1997); Glattfelder, Dupuis and Olsen, "Patterns in high-frequency FX data" (Quantitative Finance 11,
2011); the notation is Tsang's (Essex research note WP073, 2014), but an overshoot counts here from the close that
confirmed, which one could have traded at, and not from the exact threshold, which one could not.
"""

from dataclasses import dataclass

import numpy as np

COUNT_WINDOW = 60
"""Sessions over which changes are counted: a quarter."""
_ROUNDING = 1e-9
"""A close that reaches the threshold exactly counts; the last digits of a product decide nothing."""


@dataclass(frozen=True, slots=True)
class DirectionalChanges:
    """Where each name stood after each session; sessions x names, NaN: not known."""

    trend: np.ndarray
    """+1 or -1: direction of the last confirmed change; NaN before the first."""
    overshoot: np.ndarray
    """Return since the close that confirmed it, in thresholds; positive is up, whatever the trend."""
    age: np.ndarray
    """Sessions since it was confirmed; 0 on the day itself."""
    count: np.ndarray
    """Changes confirmed in the last 60 sessions; NaN until each of them had a close before it: 61 bars."""


def directional_changes(closes: np.ndarray, threshold: float) -> DirectionalChanges:
    """Follow every name through its sessions.

    A downward change is confirmed on the first session whose close lies `threshold` or more below the highest close
    since the last change, an upward one likewise above the lowest. Before the first change both are watched. Nothing
    is dated back to the extreme: that it was one is only known now. A session without a close ends what was known;
    the next close begins anew.

    Args:
        closes: sessions x names, any price basis that is free of splits and dividends; NaN: no bar.
        threshold: share of the extreme, e.g. 0.04.

    Returns:
        Four frames of the shape of `closes`.
    """
    trend, overshoot, age = (np.full(closes.shape, np.nan) for _ in range(3))
    turned, watched = np.zeros(closes.shape), np.zeros(closes.shape)
    direction = confirmed = seen = np.zeros(closes.shape[1])
    high = low = reference = np.full(closes.shape[1], np.nan)
    rise, fall = (1 + threshold) * (1 - _ROUNDING), (1 - threshold) * (1 + _ROUNDING)
    for row, close in enumerate(closes):
        seen = np.where(np.isnan(close), 0, seen + 1)
        going_on = seen > 1
        direction = np.where(going_on, direction, 0)
        up = going_on & (direction <= 0) & (close >= low * rise)
        down = going_on & (direction >= 0) & (close <= high * fall)
        turn = up | down
        direction = np.where(up, 1.0, np.where(down, -1.0, direction))
        reference, confirmed = np.where(turn, close, reference), np.where(turn, row, confirmed)
        # the extreme that the new trend is measured from begins at the close that confirmed it
        high = np.where(going_on & ~up, np.maximum(high, close), close)
        low = np.where(going_on & ~down, np.minimum(low, close), close)
        known = direction != 0
        trend[row] = np.where(known, direction, np.nan)
        overshoot[row] = np.where(known, (close / reference - 1) / threshold, np.nan)
        age[row] = np.where(known, row - confirmed, np.nan)
        turned[row], watched[row] = turn, seen
    return DirectionalChanges(trend, overshoot, age, _counted(turned, watched))


def _counted(turned: np.ndarray, watched: np.ndarray) -> np.ndarray:
    """Changes of the last 60 sessions, where a name was watched through all of them."""
    total = np.cumsum(turned, axis=0)
    total[COUNT_WINDOW:] -= total[:-COUNT_WINDOW].copy()
    return np.where(watched > COUNT_WINDOW, total, np.nan)
