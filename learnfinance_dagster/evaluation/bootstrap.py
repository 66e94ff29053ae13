"""How sure one may be of a figure of few weeks that depend on each other: weeks are drawn anew, in blocks.

Blocks keep what neighbouring weeks have to do with each other; they run over the end into the beginning, so that every
week is drawn equally often (Politis and Romano 1992, "A circular block-resampling procedure for stationary data").
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learnfinance_dagster.errors import DataError

COVERAGE = 0.95
"""Of an interval."""
FEWEST_BLOCKS = 2
"""With fewer, every resample is the sample itself, turned, and its spread of 0 would look like certainty."""

Floats = NDArray[np.float64]
Indexes = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Measured:
    """A number and its block-bootstrap interval."""

    value: float
    low: float
    high: float


def block_indexes(weeks: int, block: int, samples: int, seed: int) -> Indexes:
    """Which weeks each resample is made of.

    Args:
        weeks: how many there are.
        block: consecutive weeks that stay together; the last block is cut where it is too long.
        samples: how many resamples.
        seed: the same seed draws the same weeks.

    Returns:
        (samples, weeks) positions in the series.

    Raises:
        DataError: there are fewer weeks than two blocks hold.
    """
    if block < 1 or samples < 1 or weeks < FEWEST_BLOCKS * block:
        msg = f"{weeks} weeks cannot be resampled {samples} times in blocks of {block}: two blocks are the least"
        raise DataError(msg)
    starts = np.random.default_rng(seed).integers(weeks, size=(samples, -(-weeks // block)))
    drawn = (starts[:, :, None] + np.arange(block)) % weeks
    return drawn.reshape(samples, -1)[:, :weeks]


def interval(value: float, resampled: Floats) -> Measured:
    """A figure and the middle 95 % of what it is in the resamples (Efron's percentile interval).

    A figure that resampling shifts, such as a drawdown, may lie near an end of its interval or beyond it.

    Args:
        value: of the weeks as they were.
        resampled: (samples,) the same figure of each resample.
    """
    low, high = np.quantile(resampled, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return Measured(float(value), float(low), float(high))


def p_value(effect: float, weekly: Floats, effects: Floats, weeklies: Floats, block: int) -> float:
    """One-sided: how often luck alone brings an effect this far above zero, were the true one zero.

    The studentized block bootstrap of Ledoit and Wolf (2008), "Robust performance hypothesis testing with the Sharpe
    ratio": the effect over its standard error, beside (effect of a resample - effect) over the resample's own
    standard error. The errors are those of sums over blocks (Götze and Künsch 1996): of a resample over the blocks
    that it was drawn in, of the sample over all circular blocks. The latter's square is n / (n - block) larger, for
    the blocks are centred at the sample's own mean: without that, of 6 000 candidates no better than the version in use
    5.8 % passed on 78 weeks at a level of 5 %, with it 5.2 %. The p-value counts the sample as one of the resamples,
    so it is never 0 (Davison and Hinkley 1997).

    Args:
        effect: less whatever is asked for at least; a smooth function of means over weeks.
        weekly: (n,) how much each week moves it: the influence function.
        effects: (samples,) of the resamples, less the same.
        weeklies: (samples, n) the influence function of each resample at its own weeks.
        block: weeks in a block.
    """
    error, errors = _error_of_sample(weekly, block), _errors_of_resamples(weeklies, block)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.nan_to_num(np.divide(effect, error), nan=0.0)
        by_luck = np.nan_to_num((effects - effect) / errors, nan=0.0)
    return float((1 + np.count_nonzero(by_luck >= found)) / (1 + len(effects)))


def _error_of_sample(weekly: Floats, block: int) -> float:
    weeks = len(weekly)
    centred = weekly - weekly.mean()
    until = np.concatenate(([0.0], np.cumsum(np.concatenate((centred, centred[: block - 1])))))
    sums = until[block:] - until[:-block]
    return float(np.sqrt(np.mean(sums**2) / block / (weeks - block)))


def _errors_of_resamples(weeklies: Floats, block: int) -> Floats:
    samples, weeks = weeklies.shape
    whole = weeks // block
    sums = weeklies[:, : whole * block].reshape(samples, whole, block).sum(axis=2)
    centred = sums - block * weeklies.mean(axis=1, keepdims=True)
    return np.sqrt(np.mean(centred**2, axis=1) / block / weeks)
