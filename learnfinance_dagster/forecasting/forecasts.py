"""Forecasts as rows: every name that was asked for gets one, with numbers or with the reason why there are none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.forecaster import Predictor, weekly_return
from learnfinance_dagster.forecasting.panel import Panel
from learnfinance_dagster.forecasting.windows import HORIZON, INPUT, MOST_MISSING, Windows, history_used, windows_at
from learnfinance_dagster.schemas.forecasts import Forecast
from learnfinance_dagster.values import Week

BAND = 0.001
"""Weekly returns within ±0.1 %, both ends included, have no direction."""
COLUMNS = tuple(Forecast.to_schema().columns)
NOWHERE = -1
"""Position of what is not there."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Every week and name that was asked for, with what was known of it at the decision."""

    rows: pd.DataFrame
    """R rows, sorted by week and symbol: week, symbol, history_used, data_end_date and, without a window, reason."""
    has_window: np.ndarray
    """(R,) bool: there is enough history."""
    windows: Windows
    """Of those rows, in their order."""


def asked_of(weeks: Sequence[Week], names: Mapping[str, Sequence[str]], panel: Panel) -> Asked:
    """Look up the window of every name at every decision. Nothing later than a decision is looked at.

    Args:
        weeks: decisions, in any order.
        names: `Week.key` → names, for each of `weeks`; the panel need not know them.
        panel: bars; they may reach beyond the decisions.

    Raises:
        DataError: the panel does not hold the last session of a week.
    """
    ordered = sorted(set(weeks), key=lambda each: each.monday)
    pairs = [(row, symbol) for row, each in enumerate(ordered) for symbol in sorted(set(names[each.key]))]
    week = np.array([row for row, _ in pairs], dtype=np.int64)
    name = pd.Index(panel.symbols, dtype="object").get_indexer(
        pd.Index([symbol for _, symbol in pairs], dtype="object")
    )
    slots = np.array([panel.position(each.last_session) for each in ordered], dtype=np.int64)
    place, windows = _windows_by_place(ordered, panel)
    window = place[week, name]
    changes = np.maximum.accumulate(np.where(panel.traded, np.arange(len(panel.sessions)), NOWHERE), axis=1)
    last = _at_decisions(changes, slots, NOWHERE)[week, name]
    used = _at_decisions(history_used(panel), slots, 0)[week, name]
    over = _at_decisions(panel.over, slots, 0)[week, name]
    days = [*panel.sessions.tolist(), None]
    reasons = [""] * len(pairs)
    for row in np.flatnonzero(window == NOWHERE):
        ended = days[int(panel.over[name[row]].argmax())] if over[row] else None
        reasons[row] = _why_not(ordered[week[row]], ended, days[last[row]], int(used[row]))
    rows = pd.DataFrame(
        {
            "week": pd.array([ordered[row].key for row, _ in pairs], dtype="str"),
            "symbol": pd.array([symbol for _, symbol in pairs], dtype="str"),
            "history_used": used.astype(np.int64),
            "data_end_date": pd.Series([days[slot] for slot in last], dtype=object),
            "reason": pd.array(reasons, dtype="str"),
        }
    )
    return Asked(rows, window != NOWHERE, windows[window[window != NOWHERE]])


def _windows_by_place(weeks: list[Week], panel: Panel) -> tuple[np.ndarray, Windows]:
    """(W, N + 1) position of each window; the last column stands for names that the panel does not know."""
    windows = windows_at(panel, weeks, with_targets=False)
    place = np.full((len(weeks), len(panel.symbols) + 1), NOWHERE)
    mondays = np.array([week.monday for week in weeks], dtype="datetime64[D]")
    place[np.searchsorted(mondays, windows.monday), windows.name] = np.arange(len(windows))
    return place, windows


def _at_decisions(values: np.ndarray, slots: np.ndarray, unknown: int) -> np.ndarray:
    """(W, N + 1) of (N, T); the last column stands for names that the panel does not know."""
    return np.pad(values[:, slots].T, ((0, 0), (0, 1)), constant_values=unknown)


def _why_not(week: Week, ended: date | None, last: date | None, used: int) -> str:
    if ended:
        return f"delisted on {ended}"
    if last is None:
        return f"fewer than two bars up to {week.last_session}"
    if used < INPUT - MOST_MISSING:
        return f"{used} of {INPUT} sessions have a bar; at least {INPUT - MOST_MISSING} are needed"
    return f"no bars were loaded of {INPUT + 1} sessions up to {week.last_session}"


def forecast_rows(
    weeks: Sequence[Week], names: Mapping[str, Sequence[str]], panel: Panel, predictor: Predictor, version: str
) -> pd.DataFrame:
    """One row for each week and name, all weeks in one batch.

    Args:
        weeks: decisions; the panel holds their last sessions.
        names: `Week.key` → names that are asked for. One without prices is a row with a reason.
        panel: bars; they may reach beyond the decisions.
        predictor: the loaded version; asked once, and not at all when no name has enough history.
        version: its name.

    Returns:
        Columns of `schemas.forecasts.Forecast`, sorted by week and symbol. A name's first bar is no change yet, so it
        does not count as history.

    Raises:
        DataError: bars are missing, or the predictor answered with something that is no return.
    """
    asked = asked_of(weeks, names, panel)
    daily = np.full((len(asked.rows), HORIZON), np.nan)
    if len(asked.windows):
        daily[asked.has_window] = daily_answers(predictor, asked.windows, version)
    return _with_numbers(asked.rows, daily, version)


def daily_answers(predictor: Predictor, windows: Windows, version: str) -> np.ndarray:
    """(S, 5) daily log returns as the predictor gives them.

    Raises:
        DataError: the answer has another shape, or does not add up to a return.
    """
    daily = np.asarray(predictor.predict(windows), dtype=np.float64)
    if daily.shape != (len(windows), HORIZON):
        msg = f"{version} answered {len(windows)} windows with numbers of the shape {daily.shape}"
        raise DataError(msg)
    with np.errstate(over="ignore", invalid="ignore"):
        weekly = weekly_return(daily)
    check_returns(weekly, windows, version)
    return daily


def check_returns(weekly: np.ndarray, windows: Windows, source: str) -> None:
    """Refuse numbers that no price can make.

    Raises:
        DataError: a weekly return is not finite, or the loss of everything.
    """
    wrong = ~(np.isfinite(weekly) & (weekly > -1))
    if wrong.any():
        first = int(np.argmax(wrong))
        symbol, monday = windows.panel.symbols[windows.name[first]], windows.monday[first]
        msg = f"{source}: the forecast of {symbol} for {monday} is {weekly[first]}, which is no return"
        raise DataError(msg)


def directions(weekly: np.ndarray) -> np.ndarray:
    """UP, FLAT or DOWN of weekly returns; empty where there is none."""
    return np.select([weekly > BAND, weekly < -BAND, ~np.isnan(weekly)], ["UP", "DOWN", "FLAT"], "")


def _with_numbers(rows: pd.DataFrame, daily: np.ndarray, version: str) -> pd.DataFrame:
    weekly = weekly_return(daily)
    return rows.assign(
        weekly_return=weekly,
        **{f"day_{day + 1}": daily[:, day] for day in range(HORIZON)},
        direction=pd.array(directions(weekly), dtype="str"),
        model_version=pd.array([version] * len(rows), dtype="str"),
    )[list(COLUMNS)]


def no_forecasts(week: Week, names: Sequence[str], reason: str) -> pd.DataFrame:
    """What stands in for a week's forecasts when no model could make them: rows without numbers, each with `reason`."""
    symbols = sorted(set(names))
    rows = pd.DataFrame(
        {
            "week": pd.array([week.key] * len(symbols), dtype="str"),
            "symbol": pd.array(symbols, dtype="str"),
            "history_used": np.zeros(len(symbols), dtype=np.int64),
            "data_end_date": pd.Series([None] * len(symbols), dtype=object),
            "reason": pd.array([reason] * len(symbols), dtype="str"),
        }
    )
    return _with_numbers(rows, np.full((len(symbols), HORIZON), np.nan), version="")
