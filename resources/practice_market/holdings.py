"""Weekly holdings of three halal funds: chosen anew every quarter, drifting with prices in between.

Like real holdings files they also have rows that are no tradable US stock: cash, foreign and over-the-counter
listings, and two share classes of one company that the market has no bars for.
"""

import numpy as np
import pandas as pd

from resources.practice_market.actions import Levels
from resources.practice_market.roster import Roster
from resources.practice_market.spec import Part, PracticeSpec, stream
from resources.practice_market.timeline import Timeline

FUNDS = {"SPUS": 27, "HLAL": 25, "SPTE": 22}
"""Fund → how many names of the market it holds, where there are enough."""
MOST_OF_MARKET = 0.6
"""A fund holds no larger share of the names than this."""
OTHER_ROWS = {
    "SPUS": {"FOX": 0.35, "FOXA": 0.45, "Cash&Other": 0.90},
    "HLAL": {"BAZOY": 0.80, "Cash&Other": 0.55},
    "SPTE": {"2330.TW": 6.50, "005930.KS": 3.80, "KUVEF": 0.60, "Cash&Other": 0.70},
}
"""Percent of the fund in rows that the universe must turn away, for four different reasons."""
ROUNDING_ROOM = 0.25
"""Percent left unassigned, so that rounded weights never sum to more than 100."""
QUARTER = 13
"""Weeks between two choices."""
TASTE = 0.7
FAVOUR = 4.0
"""Added for the names that are halted and taken over, so that SPUS shows what happens to a holding then."""
CONCENTRATION = 0.6
"""Weights at the choice are market values to this power: closer together than the values are."""


def holdings(spec: PracticeSpec, line: Timeline, names: Roster, levels: Levels) -> pd.DataFrame:
    """Holdings as in `learnfinance_dagster.schemas.market.Holdings`, dated on each week's last session."""
    rng = stream(spec, Part.HOLDINGS)
    at = np.append(line.opens_week[1:] - 1, len(line) - 1)
    price = levels.close[at]
    position = at[:, None]
    alive = (position >= names.listed) & (position < names.delisted)
    parts = []
    for fund, target in FUNDS.items():
        taste = TASTE * rng.standard_normal(len(names))
        if fund == "SPUS":
            taste[[names.halted, names.taken_over]] += FAVOUR
        count = min(target, int(MOST_OF_MARKET * len(names)))
        weights = _fund_weights(price, names.shares * price, alive, taste, count)
        parts.append(_rows(fund, line.sessions[at], names, weights))
    return pd.concat(parts, ignore_index=True)


def _fund_weights(price: np.ndarray, value: np.ndarray, alive: np.ndarray, taste: np.ndarray, count: int) -> np.ndarray:
    """(W, N) fractions of the fund's US names, summing to one each week."""
    weights = np.zeros_like(price)
    for start in range(0, len(price), QUARTER):
        score = np.where(alive[start], np.log(value[start]) + taste, -np.inf)
        chosen = np.argsort(-score, kind="stable")[: min(count, int(alive[start].sum()))]
        units = value[start, chosen] ** CONCENTRATION / price[start, chosen]
        week = slice(start, start + QUARTER)
        held = units * price[week, chosen] * alive[week, chosen]
        weights[week, chosen] = held / held.sum(axis=1, keepdims=True)
    return weights


def _rows(fund: str, dates: np.ndarray, names: Roster, weights: np.ndarray) -> pd.DataFrame:
    """One row per week and holding, by date and descending weight, with the fund's other rows last."""
    others = OTHER_ROWS[fund]
    percent = np.round(weights * (100 - ROUNDING_ROOM - sum(others.values())), 2)
    percent = np.hstack([percent, np.tile(list(others.values()), (len(dates), 1))])
    symbols = np.array([*names.symbols, *others], dtype=object)
    last = np.arange(len(symbols)) >= len(names)
    order = np.lexsort((-percent, np.broadcast_to(last, percent.shape)), axis=1)
    sorted_percent = np.take_along_axis(percent, order, axis=1)
    week, rank = np.nonzero(sorted_percent)
    return pd.DataFrame(
        {
            "fund": pd.array(np.full(len(week), fund, dtype=object), dtype="str"),
            "date": dates[week],
            "symbol": pd.array(symbols[order[week, rank]], dtype="str"),
            "weight_pct": sorted_percent[week, rank],
        }
    )
