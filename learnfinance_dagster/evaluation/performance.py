"""What a series of weekly net returns amounts to, and how sure one may be of it; many resamples at once."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.evaluation import metrics
from learnfinance_dagster.evaluation.bootstrap import Floats, Indexes, Measured, interval
from learnfinance_dagster.evaluation.metrics import FLAT, WEEKS_PER_YEAR


class Score(StrEnum):
    """The one number that a series is judged by."""

    SHARPE = "sharpe"
    CAGR = "cagr"


@dataclass(frozen=True, slots=True)
class Performance:
    """What a series of weekly net returns amounts to."""

    weeks: int
    sharpe: Measured
    cagr: Measured
    max_drawdown: Measured
    turnover: Measured
    hit_rate: Measured


@dataclass(frozen=True, slots=True)
class Scored:
    """The score of a series, and of every resample of its weeks."""

    score: float
    weekly: Floats
    """(n,) how much each week moves the score: its influence function."""
    scores: Floats
    """(samples,)"""
    weeklies: Floats
    """(samples, n) the same of each resample, at its own weeks."""


def performance(returns: Floats, turnover: Floats, indexes: Indexes) -> Performance:
    """Measure a series; intervals come from resamples of its weeks.

    Args:
        returns: (n,) weekly simple net returns, as fractions.
        turnover: (n,) half-sum turnover of each week.
        indexes: (samples, n) of `block_indexes`; the same ones for all that are compared.

    Raises:
        DataError: a number is missing or infinite, or the lengths differ.
    """
    if not returns.shape == turnover.shape == indexes.shape[1:]:
        shapes = f"returns {returns.shape}, turnover {turnover.shape} and resamples {indexes.shape}"
        msg = f"{shapes} do not belong together"
        raise DataError(msg)
    if not np.isfinite(turnover).all():
        msg = f"turnover of week {int(np.argmin(np.isfinite(turnover)))} is missing or infinite"
        raise DataError(msg)
    value = metrics.sharpe(returns), metrics.cagr(returns), metrics.max_drawdown(returns), metrics.hit_rate(returns)
    rows = returns[indexes]
    return Performance(
        weeks=len(returns),
        sharpe=interval(value[0], sharpes(rows)),
        cagr=interval(value[1], cagrs(rows)),
        max_drawdown=interval(value[2], max_drawdowns(rows)),
        turnover=interval(float(turnover.mean()), turnover[indexes].mean(axis=1)),
        hit_rate=interval(value[3], np.mean(rows > 0, axis=1)),
    )


def scored(returns: Floats, indexes: Indexes, score: Score) -> Scored:
    """Score a series and its resamples.

    Args:
        returns: (n,) weekly simple net returns, as fractions; for `cagr` all above -1.
        indexes: as for `performance`.
        score: which.

    Raises:
        DataError: a return is missing or infinite.
    """
    of, of_rows, influences = _SCORES[score]
    rows = returns[indexes]
    return Scored(of(returns), influences(returns[None])[0], of_rows(rows), influences(rows))


def sharpes(rows: Floats) -> Floats:
    """`metrics.sharpe` of each of (samples, n) series, n at least 2."""
    spread = rows.std(axis=1, ddof=1)
    flat = spread < FLAT
    return np.where(flat, 0.0, math.sqrt(WEEKS_PER_YEAR) * rows.mean(axis=1) / np.where(flat, 1.0, spread))


def cagrs(rows: Floats) -> Floats:
    """`metrics.cagr` of each of (samples, n) series, n at least 1."""
    wealth = np.prod(1.0 + rows, axis=1)
    with np.errstate(over="ignore"):
        return np.where(wealth <= 0, -1.0, np.power(np.maximum(wealth, 0.0), WEEKS_PER_YEAR / rows.shape[1]) - 1.0)


def max_drawdowns(rows: Floats) -> Floats:
    """`metrics.max_drawdown` of each of (samples, n) series: the wealth at the start, 1, is a peak."""
    wealth = np.cumprod(1.0 + rows, axis=1)
    peak = np.maximum(np.maximum.accumulate(wealth, axis=1), 1.0)
    return np.maximum(np.max(1.0 - wealth / peak, axis=1), 0.0)


def _sharpe_influences(rows: Floats) -> Floats:
    """√52 · (z - m · (z² - 1) / 2) with z = (r - mean) / std and m = mean / std, for each of (samples, n) returns.

    0 in a series that does not vary, whose Sharpe ratio is 0 by definition. Ledoit and Wolf (2008) write the same as
    the gradient at the first two moments.
    """
    mean, spread = rows.mean(axis=1, keepdims=True), rows.std(axis=1, ddof=1, keepdims=True)
    flat = spread < FLAT
    spread = np.where(flat, 1.0, spread)
    z = (rows - mean) / spread
    return np.where(flat, 0.0, math.sqrt(WEEKS_PER_YEAR) * (z - mean / spread * (z**2 - 1) / 2))


def _cagr_influences(rows: Floats) -> Floats:
    """52 · (1 + CAGR) · (ln(1 + r) - its mean), for each of (samples, n) returns above -1."""
    growth = np.log1p(rows)
    mean = growth.mean(axis=1, keepdims=True)
    return WEEKS_PER_YEAR * np.exp(WEEKS_PER_YEAR * mean) * (growth - mean)


_SCORES = {
    Score.SHARPE: (metrics.sharpe, sharpes, _sharpe_influences),
    Score.CAGR: (metrics.cagr, cagrs, _cagr_influences),
}
