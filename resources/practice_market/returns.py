"""Total returns: a market factor, sector factors and idiosyncratic shocks, with volatility regimes and fat tails.

A session is two half-steps, the night before it and its trading hours. Half-step 2t ends at the open of session t,
half-step 2t+1 at its close. Shocks are simple returns with mean zero, so no name is better than another on purpose:
what a name earns in the mean is its beta times the market's drift.
"""

from dataclasses import dataclass

import numpy as np

from resources.practice_market.roster import Roster
from resources.practice_market.spec import Part, PracticeSpec, stream
from resources.practice_market.timeline import Timeline

TRANSITIONS = np.array([[0.985, 0.014, 0.001], [0.018, 0.973, 0.009], [0.002, 0.038, 0.960]])
"""Daily, between calm, normal and storm; they last about 13, 7 and 5 weeks, and take 50, 40 and 10 % of the time."""
MARKET_GROWTH = 0.07
"""A year, compounded, over the whole span: by chance alone one history of 16 years may be 4 % a year off, and
practice on a market that falls for 16 years would teach little."""
REGIME_DRIFT = np.array([0.06, 0.0, -0.29])
"""A year, on top of it."""
MARKET_VOLATILITY = np.array([0.0060, 0.0095, 0.0220])
"""A day, by regime; 16 % a year in the mean."""
SECTOR_VOLATILITY = 0.0045
NAME_SCALE = np.array([0.85, 1.0, 1.6])
"""How regimes scale sector and idiosyncratic volatility."""
NIGHT_SHARE = 0.35
"""Of a day's variance. Liquid US names have 0.3-0.4."""
TAILS = 5
"""Degrees of freedom of the Student-t shocks."""
WORST_HALF_STEP = -0.40
SESSIONS_A_YEAR = 252


@dataclass(frozen=True, slots=True)
class Returns:
    """What happened to the names, before dividends, splits and rounding turn it into prices."""

    growth: np.ndarray
    """(2T, N) total-return factors of the half-steps."""
    hours_volatility: np.ndarray
    """(T, N) standard deviation of the return from open to close."""
    surprise: np.ndarray
    """(W, N) idiosyncratic return of each holding week over its standard deviation."""


def returns(spec: PracticeSpec, line: Timeline, names: Roster) -> Returns:
    """Draw the market's history."""
    sessions, count = len(line), len(names)
    regime = _regimes(stream(spec, Part.REGIMES), sessions)
    by_half = np.repeat(regime, 2)
    share = np.tile([NIGHT_SHARE, 1 - NIGHT_SHARE], sessions)
    scale = np.sqrt(share)

    market = REGIME_DRIFT[by_half] / SESSIONS_A_YEAR * share
    market += scale * MARKET_VOLATILITY[by_half] * _shocks(stream(spec, Part.MARKET), (2 * sessions,))
    market += (np.log1p(MARKET_GROWTH) / SESSIONS_A_YEAR - 2 * np.log1p(market).mean()) / 2
    name_scale = scale * NAME_SCALE[by_half]
    sectors = int(names.sector.max()) + 1
    sector = SECTOR_VOLATILITY * name_scale[:, None] * _shocks(stream(spec, Part.SECTORS), (2 * sessions, sectors))
    own = name_scale[:, None] * names.volatility * _shocks(stream(spec, Part.NAMES), (2 * sessions, count))
    growth = market[:, None] * names.beta + sector[:, names.sector] * names.sector_beta + own
    np.maximum(growth, WORST_HALF_STEP, out=growth)
    growth += 1
    return Returns(growth, _hours_volatility(names, regime), _surprise(line, names, own, name_scale))


def _regimes(rng: np.random.Generator, sessions: int) -> np.ndarray:
    """(T,) 0 calm, 1 normal, 2 storm: a Markov chain that starts in the normal regime."""
    cumulative = TRANSITIONS.cumsum(axis=1)
    state, chain = 1, np.empty(sessions, dtype=np.int64)
    for t, u in enumerate(rng.random(sessions)):
        state = min(int(np.searchsorted(cumulative[state], u)), 2)
        chain[t] = state
    return chain


def _shocks(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Student-t with variance one."""
    return rng.standard_t(TAILS, shape) / np.sqrt(TAILS / (TAILS - 2))


def _hours_volatility(names: Roster, regime: np.ndarray) -> np.ndarray:
    """(T, N) of all three kinds of shocks together."""
    own = names.volatility**2 + (SECTOR_VOLATILITY * names.sector_beta) ** 2
    by_regime = np.outer(NAME_SCALE**2, own) + np.outer(MARKET_VOLATILITY**2, names.beta**2)
    return np.sqrt((1 - NIGHT_SHARE) * by_regime)[regime]


def _surprise(line: Timeline, names: Roster, own: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(W, N) a holding week runs from the open of its first session to the open of the next week's first one."""
    after_open = 2 * line.opens_week + 1
    deviation = np.sqrt(np.add.reduceat(scale**2, after_open))
    return np.add.reduceat(own, after_open, axis=0) / deviation[:, None] / names.volatility
