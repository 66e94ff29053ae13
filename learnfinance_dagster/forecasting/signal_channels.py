"""Signals as further channels of a panel: each week's beside the sessions that its decision learned of."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.panel import Panel

KEY = ("week", "symbol")


def with_signals(panel: Panel, features: pd.DataFrame, fills: Mapping[str, float]) -> Panel:
    """Add a channel for each feature.

    The sessions that closed since the Monday before (those of a week's `daily_bars`) hold what was known at that week's
    decision. A window ends with a decision's last session, so it holds features of its own week and of earlier ones,
    and of no later one.

    Args:
        panel: as `panel_of` gives it.
        features: week, symbol and the features that a model reads, nothing missing. Weeks and names that the panel
            does not hold are passed over.
        fills: feature → what stands for it on the sessions of a week without a row of the name; in the order in which
            the model reads them.

    Returns:
        The panel with the features after its own channels, in the order of `fills`.

    Raises:
        DataError: other features than those of `fills`, a value that is missing or not finite, a name twice in a week,
            a week that is none, or a feature with the name of a channel.
    """
    known, stand_ins = _checked(panel, features, fills)
    mondays, week = np.unique(_mondays_after(panel.sessions), return_inverse=True)
    row_week = pd.Index(np.datetime_as_string(mondays)).get_indexer(pd.Index(features["week"]))
    row_name = pd.Index(panel.symbols, dtype="str").get_indexer(pd.Index(features["symbol"]))
    held = (row_week >= 0) & (row_name >= 0)
    by_week = np.broadcast_to(stand_ins, (len(panel.symbols), len(mondays), len(stand_ins))).copy()
    by_week[row_name[held], row_week[held]] = known[held]
    levels = by_week[:, week]
    values = np.dstack([panel.values, levels])  # noqa: PD011 - a panel is no pandas object
    return replace(panel, channels=(*panel.channels, *fills), values=values)


def _mondays_after(sessions: np.ndarray) -> np.ndarray:
    """The first Monday that could know each session."""
    weekday = (sessions.astype("datetime64[D]").astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    return sessions + (7 - weekday)


def _checked(panel: Panel, features: pd.DataFrame, fills: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """(rows, features) and (features,) float32, all finite."""
    given = [name for name in features.columns if name not in KEY]
    if sorted(given) != sorted(fills) or not set(KEY) <= set(features.columns):
        msg = f"features {', '.join(map(str, given))} of week and symbol are not those to be read: {', '.join(fills)}"
        raise DataError(msg)
    if set(fills) & set(panel.channels):
        msg = f"the panel has a channel of that name: {', '.join(sorted(set(fills) & set(panel.channels)))}"
        raise DataError(msg)
    for week in features["week"].unique():
        week_from_key(week)
    if features.duplicated(list(KEY)).any():
        row = features[features.duplicated(list(KEY))].iloc[0]
        msg = f"features: {row['symbol']} is there twice in the week {row['week']}"
        raise DataError(msg)
    with np.errstate(over="ignore"):  # a number too large for float32 is infinite, and refused
        values = features[list(fills)].to_numpy(dtype=np.float64, na_value=np.nan).astype(np.float32)
        stand_ins = np.array(list(fills.values()), dtype=np.float64).astype(np.float32)
    wrong = ~np.isfinite(np.vstack([values, stand_ins])).all(axis=0)
    if wrong.any():
        msg = (
            f"feature {list(fills)[int(np.argmax(wrong))]} is missing or infinite somewhere: it was to be filled before"
        )
        raise DataError(msg)
    return values, stand_ins
