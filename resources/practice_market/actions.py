"""Corporate actions, and the price level that they leave: dividends lower it, splits divide it, a takeover ends it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from resources.practice_market.returns import Returns
from resources.practice_market.roster import HALT_SESSIONS, Roster
from resources.practice_market.spec import Part, PracticeSpec, stream
from resources.practice_market.timeline import Timeline

PAYER_SHARE = 0.5
YEARLY_YIELD = (0.008, 0.032)
SPLIT_ABOVE = (250.0, 400.0)
SPLIT_TO = 110.0
"""USD a share that a split aims at."""
REVERSE_BELOW = 2.0
REVERSE_RATIO = 0.1
SPLIT_DELAY = 15
"""Sessions between the price crossing its bound and the split."""
TAKEOVER_PREMIUM = 1.01


@dataclass(frozen=True, slots=True)
class Levels:
    """Prices of one share that was bought at the start: continuous over splits, lowered by dividends."""

    open: np.ndarray
    """(T, N) USD."""
    close: np.ndarray
    """(T, N) USD."""
    splits: np.ndarray
    """(T, N) shares today per share at the start; as-traded price = level / splits."""


def apply_actions(spec: PracticeSpec, line: Timeline, names: Roster, history: Returns) -> tuple[Levels, pd.DataFrame]:
    """Choose dividends, splits and the takeover.

    Returns:
        The price levels, and `actions` as in `learnfinance_dagster.schemas.market.Actions`, sorted by its key.
    """
    rng = stream(spec, Part.ACTIONS)
    quarterly = np.where(rng.random(len(names)) < PAYER_SHARE, rng.uniform(*YEARLY_YIELD, len(names)) / 4, 0.0)
    days, payers = _dividend_days(rng, line, names, quarterly)
    # The payment leaves the price in the night before the ex-date.
    growth = history.growth.copy()
    growth[2 * days, payers] *= 1 - quarterly[payers]
    level = np.cumprod(growth, axis=0)
    level *= names.start_price / level[2 * names.listed, np.arange(len(names))]
    opens, closes = level[0::2], level[1::2]

    bounds = np.maximum(rng.uniform(*SPLIT_ABOVE, len(names)), 1.2 * names.start_price)
    found = [(t, i, ratio) for i in range(len(names)) for t, ratio in _splits(closes[:, i], bounds[i], names, i)]
    splits = np.ones_like(closes)
    for t, i, ratio in found:
        splits[t:, i] *= ratio
    cash = np.round(quarterly[payers] * closes[days - 1, payers] / splits[days, payers], 3)
    end, gone = int(names.delisted[names.taken_over]), names.taken_over
    paid = round(float(closes[end - 1, gone] / splits[end - 1, gone]) * TAKEOVER_PREMIUM, 2)
    rows = [
        *((i, t, "dividend", value) for t, i, value in zip(days, payers, cash, strict=True) if value > 0),
        *((i, t, "split", ratio) for t, i, ratio in found),
        (gone, end, "delisting", paid),
    ]
    return Levels(opens, closes, splits), _frame(line, names, rows)


def _dividend_days(
    rng: np.random.Generator, line: Timeline, names: Roster, quarterly: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Ex-dates as (session, name): every third month, around a day of the month that the company keeps to."""
    months = np.arange(line.days[0].astype("datetime64[M]"), line.days[-1].astype("datetime64[M]") + 1)
    offset, day = rng.integers(0, 3, len(names)), rng.integers(3, 26, len(names))
    dates = months[:, None].astype("datetime64[D]") + day
    position = line.at_or_after(dates.ravel()).reshape(dates.shape)
    # A new company waits a while before it pays; nobody pays on a day without trading.
    pays = (quarterly > 0) & (np.arange(len(months))[:, None] % 3 == offset)
    pays &= (position > names.listed + 60) & (position < names.delisted)
    halted = (position[:, names.halted] >= names.halt_start - 1) & (position[:, names.halted] < _resumes(names) + 1)
    pays[halted, names.halted] = False
    month, payers = np.nonzero(pays)
    return position[month, payers], payers


def _splits(close: np.ndarray, bound: float, names: Roster, i: int) -> list[tuple[int, float]]:
    """(session, new shares per old) of one name, in time order."""
    found: list[tuple[int, float]] = []
    shares, t = 1.0, int(names.listed[i])
    end = int(names.delisted[i])
    while True:
        outside = (close[t:end] / shares > bound) | (close[t:end] / shares < REVERSE_BELOW)
        if not outside.any():
            return found
        t += int(outside.argmax()) + SPLIT_DELAY
        if i == names.halted and names.halt_start <= t < _resumes(names):
            t = _resumes(names) + SPLIT_DELAY
        if t >= end:
            return found
        price = close[t - 1] / shares
        ratio = max(2.0, np.round(price / SPLIT_TO)) if price > REVERSE_BELOW * 5 else REVERSE_RATIO
        found.append((t, float(ratio)))
        shares *= ratio


def _resumes(names: Roster) -> int:
    """Position of the first session after the halt."""
    return names.halt_start + HALT_SESSIONS


def _frame(line: Timeline, names: Roster, rows: list[tuple[int, int, str, float]]) -> pd.DataFrame:
    ordered = sorted(rows, key=lambda row: row[:3])
    return pd.DataFrame(
        {
            "symbol": pd.array([names.symbols[i] for i, *_ in ordered], dtype="str"),
            "ex_date": line.sessions[[t for _, t, *_ in ordered]],
            "kind": pd.array([kind for *_, kind, _ in ordered], dtype="str"),
            "value": np.array([value for *_, value in ordered], dtype=np.float64),
        }
    )
