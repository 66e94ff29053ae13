"""Daily bars, as traded: raw prices in cents, and share counts that react to how much the price moved."""

import numpy as np
import pandas as pd

from learnfinance_dagster.calendar import session_close, session_open
from resources.practice_market.actions import Levels
from resources.practice_market.returns import Returns
from resources.practice_market.roster import Roster
from resources.practice_market.spec import Part, PracticeSpec, stream
from resources.practice_market.timeline import Timeline, weekdays

TURNOVER = (0.004, 0.011)
"""Shares traded on a usual day per share outstanding."""
MEMORY = 0.85
"""Autocorrelation of log volume from one session to the next."""
MOOD = 0.30
"""Standard deviation of that part of log volume."""
REACTION = 0.22
"""Log volume per standard deviation of the day's absolute return."""
LOUDEST = 6.0
WEEK_SHAPE = np.array([1.04, 0.98, 0.97, 0.98, 1.05])
"""Monday to Friday: the ends of a week are busier than its middle."""
WITCHING = 1.5
"""On the third Friday of a quarter's last month, when options and futures expire."""
EARLY_CLOSE = 0.5
CENT = 0.01


def bars(spec: PracticeSpec, line: Timeline, names: Roster, history: Returns, levels: Levels) -> pd.DataFrame:
    """Every bar of every name, as in `learnfinance_dagster.schemas.market.Bars`, sorted by symbol and date."""
    opens, closes = (_cents(level / levels.splits) for level in (levels.open, levels.close))
    low, high = _range(stream(spec, Part.RANGES), levels, history)
    shares = _volume(stream(spec, Part.VOLUME), line, names, history, levels)
    # Symbol-major, because that is the order of the file.
    i, t = np.nonzero(names.trading(len(line)).T)
    return pd.DataFrame(
        {
            "date": line.sessions[t],
            "symbol": pd.array(np.array(names.symbols, dtype=object)[i], dtype="str"),
            "open": opens[t, i],
            "high": _cents(high / levels.splits)[t, i],
            "low": _cents(low / levels.splits)[t, i],
            "close": closes[t, i],
            "volume": shares[t, i],
        }
    )


def _cents(price: np.ndarray) -> np.ndarray:
    """Rounding keeps the order of prices, so low <= open, close <= high survives it."""
    return np.maximum(np.round(price, 2), CENT)


def _range(rng: np.random.Generator, levels: Levels, history: Returns) -> tuple[np.ndarray, np.ndarray]:
    """Low and high: the extremes of a Brownian bridge from the open to the close, drawn from their exact law."""
    move = np.log(levels.close / levels.open)
    variance = history.hours_volatility**2
    up, down = (np.sqrt(move**2 - 2 * variance * np.log1p(-rng.random(move.shape))) for _ in range(2))
    return levels.open * np.exp((move - down) / 2), levels.open * np.exp((move + up) / 2)


def _volume(rng: np.random.Generator, line: Timeline, names: Roster, history: Returns, levels: Levels) -> np.ndarray:
    """(T, N) shares, as traded."""
    usual = names.shares * np.exp(rng.uniform(np.log(TURNOVER[0]), np.log(TURNOVER[1]), len(names)))
    noise = rng.standard_normal(levels.close.shape)
    noise[1:] *= np.sqrt(1 - MEMORY**2)
    for t in range(1, len(noise)):
        noise[t] += MEMORY * noise[t - 1]
    before = np.vstack([levels.open[:1], levels.close[:-1]])
    typical = history.hours_volatility.mean(axis=0)
    loudness = np.minimum(np.abs(levels.close / before - 1) / typical, LOUDEST)
    level = np.exp(MOOD * noise + REACTION * (loudness - 1)) * _session_shape(line)[:, None]
    return np.maximum(np.round(usual * levels.splits * level), 1).astype(np.int64)


def _session_shape(line: Timeline) -> np.ndarray:
    """(T,) how busy a session is by the calendar alone."""
    day = weekdays(line.days)
    shape = WEEK_SHAPE[day]
    month = line.days.astype("datetime64[M]")
    in_month = (line.days - month.astype("datetime64[D]")).astype(np.int64) + 1
    quarter_end = (month.astype(np.int64) % 3) == 2  # noqa: PLR2004 - March, June, September, December
    shape[quarter_end & (day == 4) & (in_month >= 15) & (in_month <= 21)] *= WITCHING  # noqa: PLR2004 - third Friday
    hours = [(session_close(day) - session_open(day)).total_seconds() for day in line.sessions]
    shape[np.array(hours) < max(hours)] *= EARLY_CLOSE
    return shape
