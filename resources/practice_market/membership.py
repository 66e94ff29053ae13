"""The index `PRACTICE-40`: the largest names, chosen anew every December with a margin for members."""

from datetime import date

import numpy as np
import pandas as pd

from resources.practice_market.actions import Levels
from resources.practice_market.roster import Roster
from resources.practice_market.timeline import Timeline, weekdays

INDEX = "PRACTICE-40"
SIZE = 40
MOST_OF_MARKET = 2 / 3
"""The index has no larger share of the names than this."""
MARGIN = 1.05
"""A member stays while its rank is within this multiple of the size."""


def membership(line: Timeline, names: Roster, levels: Levels) -> pd.DataFrame:
    """Intervals as in `learnfinance_dagster.schemas.market.Membership`, sorted by symbol and start."""
    size = min(SIZE, int(MOST_OF_MARKET * len(names)))
    joined: dict[int, date] = {}
    intervals: list[tuple[int, date, date | None]] = []
    for t in _review_sessions(line, names):
        ranked = _ranked(names, levels, t)
        # What takes effect at the open was decided on the closes before it.
        wanted = _choose(ranked, set(joined), size)
        day = line.sessions[t]
        intervals += [(i, joined.pop(i), day) for i in sorted(set(joined) - wanted)]
        joined.update((i, day) for i in sorted(wanted - set(joined)))
    intervals += [(i, start, None) for i, start in joined.items()]
    intervals.sort(key=lambda row: row[:2])
    return pd.DataFrame(
        {
            "index": pd.array([INDEX] * len(intervals), dtype="str"),
            "symbol": pd.array([names.symbols[i] for i, *_ in intervals], dtype="str"),
            "start_date": pd.Series([start for _, start, _ in intervals], dtype=object),
            "end_date": pd.Series([end for *_, end in intervals], dtype=object),
        }
    )


def _review_sessions(line: Timeline, names: Roster) -> list[int]:
    """The first session, the one after each December's third Friday, and the day of the takeover."""
    years = np.arange(line.days[0].astype("datetime64[Y]"), line.days[-1].astype("datetime64[Y]") + 1)
    fifteenth = (years.astype("datetime64[M]") + 11).astype("datetime64[D]") + 14
    after = line.at_or_after(fifteenth + (4 - weekdays(fifteenth)) % 7 + 1)
    return sorted({0, int(names.delisted[names.taken_over]), *after[after < len(line)].tolist()})


def _ranked(names: Roster, levels: Levels, t: int) -> list[int]:
    """Names that trade at session t, the largest first."""
    before = max(t - 1, 0)
    alive = (names.listed <= before) & (names.delisted > t)
    value = np.where(alive, names.shares * levels.close[before], 0.0)
    return np.argsort(-value, kind="stable")[: int(alive.sum())].tolist()


def _choose(ranked: list[int], members: set[int], size: int) -> set[int]:
    """Members within the margin stay; the best others fill the free places."""
    stay = [i for i in ranked[: int(size * MARGIN)] if i in members][:size]
    fill = [i for i in ranked if i not in stay][: size - len(stay)]
    return {*stay, *fill}
