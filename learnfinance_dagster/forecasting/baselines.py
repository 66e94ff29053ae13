"""What a forecaster has to beat: four forecasts that need no training and see nothing after the anchor."""

from collections.abc import Callable, Mapping

import numpy as np

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.panel import CLOSE
from learnfinance_dagster.forecasting.windows import HORIZON, Windows

MOMENTUM_WEEKS = 4
YEAR = 252
"""Sessions."""


def zero(windows: Windows) -> np.ndarray:
    """Nothing happens."""
    return np.zeros(len(windows))


def persistence(windows: Windows) -> np.ndarray:
    """Next week is like the last five sessions."""
    return np.expm1(_change(windows, HORIZON))


def momentum(windows: Windows) -> np.ndarray:
    """Next week is like the mean of the last four: exp(Σ of 20 close log changes / 4) - 1."""
    return np.expm1(_change(windows, MOMENTUM_WEEKS * HORIZON) / MOMENTUM_WEEKS)


def last_year_mean(windows: Windows) -> np.ndarray:
    """Next week is like the mean week of the last 252 sessions: exp(5 · mean close log change) - 1.

    A younger name has the mean of the sessions since its first change. Sessions without a bar count, as the change
    that follows them spans them.
    """
    first = np.argmax(windows.panel.traded, axis=1)[windows.name]
    known = windows.anchor + 1 - first
    empty = (known < 1) | ~windows.panel.traded[windows.name, first]
    if empty.any():
        msg = f"{windows.panel.symbols[windows.name[np.argmax(empty)]]} has a window that ends before its first change"
        raise DataError(msg)
    sessions = np.minimum(known, YEAR)
    return np.expm1(HORIZON * _change(windows, sessions) / sessions)


def _change(windows: Windows, sessions: int | np.ndarray) -> np.ndarray:
    """(S,) sum of the close log changes of the last `sessions` sessions up to the anchor."""
    closes = windows.panel.values[:, :, CLOSE]
    total = np.zeros((closes.shape[0], closes.shape[1] + 1))
    np.cumsum(closes, axis=1, dtype=np.float64, out=total[:, 1:])
    end = windows.anchor + 1
    return total[windows.name, end] - total[windows.name, end - sessions]


BASELINES: Mapping[str, Callable[[Windows], np.ndarray]] = {
    "zero": zero,
    "persistence": persistence,
    "momentum": momentum,
    "last_year_mean": last_year_mean,
}
"""Name → (S,) float64 forecasts of the weekly simple return."""
