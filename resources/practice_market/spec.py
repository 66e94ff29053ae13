"""What is asked of the practice market, and the random streams that answer it."""

from dataclasses import dataclass
from datetime import date
from enum import IntEnum

import numpy as np

from learnfinance_dagster.errors import ConfigurationError

GENERATOR_VERSION = 2
"""Goes up whenever the same spec gives other files, so that an old directory is never mistaken for a new one."""

MIN_SYMBOLS = 12
MAX_SYMBOLS = 2000
MIN_DAYS = 270


@dataclass(frozen=True, slots=True)
class PracticeSpec:
    """A practice market is named by these five values; equal specs give equal files.

    `signal_strength` is the planted correlation, over the name-weeks that have headlines, between the mean tone of the
    headlines published in the week before a Monday's decision and the name's idiosyncratic return of the holding week
    that follows (first open to the next week's first open), in units of its volatility. With 0, headlines carry no
    information. Tone is coarse and noisy, so nothing above `news.FIDELITY` can be reached. Bars do not depend on it.
    A reader who only sees bars, and subtracts the market's mean instead of the true factors, measures about 0.87 of it.

    Raises:
        ConfigurationError: a value is out of range.
    """

    seed: int
    symbols: int
    first: date
    last: date
    signal_strength: float

    def __post_init__(self) -> None:
        """Refuse what the generator cannot make."""
        if self.seed < 0:
            msg = f"practice market: seed {self.seed} is negative"
            raise ConfigurationError(msg)
        if not MIN_SYMBOLS <= self.symbols <= MAX_SYMBOLS:
            msg = f"practice market: {self.symbols} symbols, must be {MIN_SYMBOLS}..{MAX_SYMBOLS}"
            raise ConfigurationError(msg)
        if (self.last - self.first).days < MIN_DAYS:
            msg = f"practice market: {self.first}..{self.last} is shorter than {MIN_DAYS} days"
            raise ConfigurationError(msg)
        if not 0 <= self.signal_strength <= 1:
            msg = f"practice market: signal_strength {self.signal_strength} is not in 0..1"
            raise ConfigurationError(msg)


class Part(IntEnum):
    """Independent random streams: more draws in one part leave the others' numbers as they were."""

    ROSTER = 0
    REGIMES = 1
    MARKET = 2
    SECTORS = 3
    NAMES = 4
    ACTIONS = 5
    RANGES = 6
    VOLUME = 7
    FILINGS = 8
    HOLDINGS = 9
    NEWS = 10


def stream(spec: PracticeSpec, part: Part) -> np.random.Generator:
    """The random numbers of one part of one market."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(spec.seed, spawn_key=(int(part),))))
