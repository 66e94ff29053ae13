"""Past Mondays as arrays: what a policy could have seen, and what each name's holding week brought."""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from learnfinance_dagster.allocation.rl.state import FEATURES
from learnfinance_dagster.errors import DataError

NOBODY = -1
"""In place of a name: the slot is empty."""


@dataclass(frozen=True, slots=True)
class PolicyHistory:
    """T past weeks, K slots. Slots are by rank and only for one week: names are followed by `name`, never by slot."""

    mondays: np.ndarray
    """(T,) datetime64[D], increasing."""
    symbols: tuple[str, ...]
    """Every name that ever was screened, sorted."""
    name: np.ndarray
    """(T, K) int64: position in `symbols`, or `NOBODY`; best rank first, empty slots last."""
    features: np.ndarray
    """(T, K, F) float64: `FEATURES`; NaN where not known."""
    forecast: np.ndarray
    """(T, K) float64: one forecaster's weekly return; NaN where not known."""
    returns: np.ndarray
    """(T, K) float64: simple total return of the holding week; 0 in empty slots, NaN nowhere."""
    closes: np.ndarray
    """(T, K) float64: the same until the last close before the next decision: what that decision knows of it."""
    halted: np.ndarray
    """(T, K) bool: the name does not trade at the open of the holding week; what is held of it stays, and no more is
    bought."""
    hrp: np.ndarray
    """(T, K) float64: what HRP would have held, fractions; NaN where it did not run."""

    def __len__(self) -> int:
        """Weeks."""
        return len(self.mondays)

    @property
    def mask(self) -> np.ndarray:
        """(T, K) bool: a name is there."""
        return self.name != NOBODY

    @property
    def follows(self) -> np.ndarray:
        """(T,) bool: it is the Monday after the one before it. Between two others lies a gap, which nothing crosses."""
        return np.diff(self.mondays, prepend=np.datetime64("NaT")) == np.timedelta64(7, "D")

    def __getitem__(self, weeks: slice | np.ndarray) -> "PolicyHistory":
        """Some of the weeks, in order."""
        parts = ("mondays", "name", "features", "forecast", "returns", "closes", "halted", "hrp")
        return replace(self, **{part: getattr(self, part)[weeks] for part in parts})


def history_of(rows: pd.DataFrame, forecaster: str, *, slots: int = 0) -> PolicyHistory:
    """Arrays from rows of `schemas.policies.PolicyHistory`.

    Args:
        rows: weeks whose holding return is not known for any name are left out; a single name without one (no price
            was ever known, or it was delisted that morning) is treated as unchanged, and cannot be bought.
        forecaster: whose forecast to take: the column `<forecaster>_forecast`.
        slots: names a week at most, the best ranks; 0: as many as the largest week has.

    Raises:
        DataError: no forecast of that name, a name twice in a week, or no week with a return.
    """
    column = f"{forecaster}_forecast"
    if column not in rows:
        msg = f"the history has no {column}"
        raise DataError(msg)
    if rows.duplicated(["monday", "symbol"]).any():
        twice = rows[rows.duplicated(["monday", "symbol"])].iloc[0]
        msg = f"the history has {twice['symbol']} twice in the week {twice['monday']}"
        raise DataError(msg)
    known = rows.groupby("monday")["holding_return"].transform(lambda week: week.notna().any())
    table = rows.assign(unranked=rows["rank"] == 0)[known]  # held, though it fails a filter: behind those that do not
    table = table.sort_values(["monday", "unranked", "rank", "symbol"], ignore_index=True)
    if table.empty:
        raise DataError("the history has no week with a known return")
    mondays, week = np.unique(pd.to_datetime(table["monday"]).to_numpy("datetime64[D]"), return_inverse=True)
    slot = table.groupby("monday").cumcount().to_numpy()
    width = slots or int(slot.max()) + 1
    kept = slot < width
    table, week, slot = table[kept], week[kept], slot[kept]
    symbols, name = np.unique(table["symbol"].to_numpy(dtype=str), return_inverse=True)
    return PolicyHistory(
        mondays=mondays,
        symbols=tuple(symbols.tolist()),
        name=_placed(name, week, slot, (len(mondays), width), NOBODY),
        features=_placed(
            table[list(FEATURES)].to_numpy(float), week, slot, (len(mondays), width, len(FEATURES)), np.nan
        ),
        forecast=_placed(table[column].to_numpy(float), week, slot, (len(mondays), width), np.nan),
        returns=_placed(table["holding_return"].fillna(0).to_numpy(float), week, slot, (len(mondays), width), 0.0),
        closes=_placed(table["close_return"].fillna(0).to_numpy(float), week, slot, (len(mondays), width), 0.0),
        halted=_placed(~table["tradable"].to_numpy(bool), week, slot, (len(mondays), width), empty=False),
        hrp=_placed(table["hrp_weight"].to_numpy(float), week, slot, (len(mondays), width), np.nan),
    )


def _placed(values: np.ndarray, week: np.ndarray, slot: np.ndarray, shape: tuple[int, ...], empty: float) -> np.ndarray:
    out = np.full(shape, empty, dtype=values.dtype)
    out[week, slot] = values
    return out


def monday_at(history: PolicyHistory, week: int) -> date:
    """The Monday of one week."""
    return history.mondays[week].item()
