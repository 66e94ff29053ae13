"""Who is in the market: tickers, exposures, sizes, and the few names to which something happens."""

from dataclasses import dataclass

import numpy as np

from resources.practice_market import tickers
from resources.practice_market.spec import Part, PracticeSpec, stream

LATE_SHARE = 0.15
THIN_SHARE = 0.07
HALT_SESSIONS = 4
PRICE_RANGE = (15.0, 300.0)


@dataclass(frozen=True, slots=True)
class Roster:
    """N names in ticker order. Columns of every (T, N) array of this package follow it."""

    symbols: tuple[str, ...]
    names: tuple[str, ...]
    """Companies."""
    sector: np.ndarray
    beta: np.ndarray
    """(N,) exposure to the market factor."""
    sector_beta: np.ndarray
    """(N,) exposure to the name's sector factor."""
    volatility: np.ndarray
    """(N,) idiosyncratic standard deviation of a day in the normal regime."""
    start_price: np.ndarray
    """(N,) USD, at the first open."""
    shares: np.ndarray
    """(N,) shares outstanding on the first day."""
    listed: np.ndarray
    """(N,) position of the first session."""
    delisted: np.ndarray
    """(N,) position of the first session without the name; T where it stays."""
    halted: int
    """The name whose trading stops for `HALT_SESSIONS` sessions."""
    halt_start: int

    def __len__(self) -> int:
        """Number of names."""
        return len(self.symbols)

    @property
    def taken_over(self) -> int:
        """The name that is delisted."""
        return int(np.argmin(self.delisted))

    def trading(self, sessions: int) -> np.ndarray:
        """(T, N) whether the name has a bar that session."""
        position = np.arange(sessions)[:, None]
        mask = (position >= self.listed) & (position < self.delisted)
        mask[self.halt_start : self.halt_start + HALT_SESSIONS, self.halted] = False
        return mask


def roster(spec: PracticeSpec, sessions: int) -> Roster:
    """Draw the names of a market of `sessions` sessions.

    About 15 % list late, 7 % are thin (a median of 2-4 million USD a day at first), one is taken over after two thirds
    of the span, and one is halted in the middle.
    """
    rng = stream(spec, Part.ROSTER)
    count = spec.symbols
    symbols = tickers.draw(rng, count)
    sector = rng.permutation(np.arange(count) % len(tickers.SECTORS))
    # Roles go round the roster, so that no name has two of them.
    taken_over, halted, *others = rng.permutation(count)
    late, others = others[: round(LATE_SHARE * count)], others[round(LATE_SHARE * count) :]
    thin = others[: max(1, round(THIN_SHARE * count))]
    listed = np.zeros(count, dtype=np.int64)
    listed[late] = (sessions * rng.uniform(0.08, 0.6, len(late))).astype(np.int64)
    delisted = np.full(count, sessions)
    delisted[taken_over] = int(sessions * rng.uniform(0.62, 0.72))
    value = 20e9 * np.exp(0.9 * rng.standard_normal(count))
    value[thin] = rng.uniform(0.3e9, 0.5e9, len(thin))
    start_price = np.round(np.exp(rng.uniform(np.log(PRICE_RANGE[0]), np.log(PRICE_RANGE[1]), count)), 2)
    return Roster(
        symbols=tuple(symbols),
        names=tuple(tickers.company_name(s, int(k), i) for i, (s, k) in enumerate(zip(symbols, sector, strict=True))),
        sector=sector,
        beta=np.clip(rng.normal(1.0, 0.22, count), 0.5, 1.6),
        sector_beta=rng.uniform(0.7, 1.3, count),
        volatility=np.clip(0.0135 * np.exp(0.25 * rng.standard_normal(count)), 0.008, 0.024),
        start_price=start_price,
        shares=np.round(value / start_price, -3),
        listed=listed,
        delisted=delisted,
        halted=int(halted),
        halt_start=int(sessions * rng.uniform(0.45, 0.55)),
    )
