"""What a series of weekly returns amounts to. Simple returns, one a week, net of costs; fractions, not percent."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from learnfinance_dagster.errors import DataError

WEEKS_PER_YEAR = 52
FLAT = 1e-10
"""A standard deviation below this is rounding, and a ratio over it would be noise."""


def total_return(returns: ArrayLike) -> float:
    """Compounded growth: ∏(1 + rᵢ) - 1; 0 when empty.

    Args:
        returns: weekly simple returns, shape (n,).

    Raises:
        DataError: not one-dimensional, or a value is missing or infinite (so for every function here).
    """
    return float(np.prod(1.0 + _series(returns)) - 1.0)


def cagr(returns: ArrayLike) -> float:
    """Growth per year: W^(52/n) - 1 with W = ∏(1 + rᵢ); -1 when W ≤ 0, 0 when empty.

    A handful of weeks is extrapolated to a year, so few points give wild values (up to infinity): show it late.
    """
    series = _series(returns)
    if series.size == 0:
        return 0.0
    wealth = np.prod(1.0 + series)
    if wealth <= 0:
        return -1.0
    with np.errstate(over="ignore"):
        return float(np.power(wealth, WEEKS_PER_YEAR / series.size) - 1.0)


def sharpe(returns: ArrayLike) -> float:
    """Annualised reward per risk: √52 · mean(r) / std(r, ddof=1), risk-free rate 0.

    0 with fewer than two points or where the returns do not vary (std < 1e-10).
    """
    series = _series(returns)
    if series.size < 2:  # noqa: PLR2004 - one point has no spread
        return 0.0
    spread = float(np.std(series, ddof=1))
    return 0.0 if spread < FLAT else math.sqrt(WEEKS_PER_YEAR) * float(np.mean(series)) / spread


def max_drawdown(returns: ArrayLike) -> float:
    """Deepest fall from a peak: max over t of 1 - Wₜ / max(W₀ … Wₜ), with W₀ = 1; positive, 0 when empty.

    The initial wealth counts as a peak, so a loss in the very first week is seen.
    """
    wealth = np.concatenate(([1.0], np.cumprod(1.0 + _series(returns))))
    return float(np.max(1.0 - wealth / np.maximum.accumulate(wealth)))


def hit_rate(returns: ArrayLike) -> float:
    """Share of weeks with r > 0; 0 when empty."""
    series = _series(returns)
    return float(np.mean(series > 0)) if series.size else 0.0


def _series(returns: ArrayLike) -> NDArray[np.float64]:
    series = np.asarray(returns, dtype=np.float64)
    if series.ndim != 1:
        msg = f"weekly returns must be one series, got shape {series.shape}"
        raise DataError(msg)
    if not np.isfinite(series).all():
        msg = f"weekly return {int(np.argmin(np.isfinite(series)))} is missing or infinite"
        raise DataError(msg)
    return series
