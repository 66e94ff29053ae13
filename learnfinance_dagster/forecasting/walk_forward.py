"""Forecasts of the past that never saw their own future: each week is forecast by the snapshot of the year before."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd

from learnfinance_dagster.errors import ConfigurationError, LookAheadError
from learnfinance_dagster.forecasting.baselines import BASELINES
from learnfinance_dagster.forecasting.forecaster import Predictor, weekly_return
from learnfinance_dagster.forecasting.forecasts import asked_of, check_returns, daily_answers
from learnfinance_dagster.forecasting.panel import Panel
from learnfinance_dagster.forecasting.versions import SNAPSHOT, newest_before, snapshot_name, year_end_before
from learnfinance_dagster.forecasting.windows import Windows
from learnfinance_dagster.schemas.forecasts import WalkForward
from learnfinance_dagster.values import Week

MOMENTUM = "momentum"
"""Source of a week that no snapshot forecasts."""
COLUMNS = tuple(WalkForward.to_schema().columns)

Missing = Literal["error", "momentum", "closest"]
"""What stands in for a snapshot that was never made: nothing, 4-week momentum, or the newest snapshot before it."""

Load = Callable[[str], tuple[Predictor, date]]
"""Snapshot → what it predicts with, and the last day that its training saw."""


def plan(
    weeks: Iterable[Week], first_year_end: date, available: Collection[str], missing: Missing, forecaster: str
) -> dict[str, list[Week]]:
    """Decide which source forecasts each week: the snapshot of the newest year-end strictly before its Monday.

    Args:
        weeks: decisions, in any order.
        first_year_end: weeks whose year-end lies before this one are the bootstrap, and momentum's.
        available: names of versions that are in the store; those of no snapshot are passed over.
        missing: what stands in for a snapshot that is not among them.
        forecaster: its name, for the message.

    Returns:
        Source → its weeks; both in the order of time.

    Raises:
        ConfigurationError: with `error`, snapshots are missing; the message has the command that makes each.
    """
    planned: dict[str, list[Week]] = {}
    absent: list[date] = []
    for week in sorted(set(weeks), key=lambda each: each.monday):
        year_end = year_end_before(week.monday)
        source = MOMENTUM if year_end < first_year_end else snapshot_name(year_end)
        if source != MOMENTUM and source not in available:
            absent += [year_end] if year_end not in absent else []
            source = (newest_before(available, week.monday) if missing == "closest" else None) or MOMENTUM
        planned.setdefault(source, []).append(week)
    if absent and missing == "error":
        raise ConfigurationError(_how_to_make(forecaster, absent))
    return planned


def outdated(
    sources: Mapping[Week, str], first_year_end: date, available: Collection[str], missing: Missing
) -> list[Week]:
    """Weeks that were forecast by something for want of a snapshot that is there now.

    Args:
        sources: week → what forecast it, as its rows say.
        first_year_end: as for `plan`.
        available: names of versions that are in the store.
        missing: with `closest` any newer snapshot than the source is better, otherwise only the week's own.
    """
    found = []
    for week, source in sources.items():
        year_end = year_end_before(week.monday)
        own = snapshot_name(year_end)
        closest = newest_before(available, week.monday) if missing == "closest" else None
        best = own if own in available else closest
        is_newer = source.startswith(SNAPSHOT) and best is not None and source > best
        if year_end >= first_year_end and best not in (None, source) and not is_newer:
            found.append(week)
    return found


def _how_to_make(forecaster: str, absent: list[date]) -> str:
    command = f"dagster asset materialize -m learnfinance_dagster.definitions --select {forecaster}_snapshot"
    told = (
        f"{forecaster} has no snapshot of {', '.join(map(str, absent))}: make it first, or say in the settings what"
        " stands in for it (missing_snapshot)"
    )
    return "\n".join([told, *(f"{command} --partition {year_end}" for year_end in absent)])


def walk_forward_rows(
    forecaster: str,
    planned: Mapping[str, Sequence[Week]],
    names: Mapping[str, Sequence[str]],
    panel: Panel,
    load: Load,
) -> pd.DataFrame:
    """Forecast all weeks: one batch for each source.

    Args:
        forecaster: its name.
        planned: source → weeks, as `plan` gives it.
        names: `Week.key` → names that are asked for.
        panel: bars; they may reach beyond the decisions.
        load: called once for each snapshot that has something to forecast.

    Returns:
        Columns of `schemas.forecasts.WalkForward`, sorted by week and symbol. A name with too little history at a
        decision is a row with the reason there, whatever the other names have.

    Raises:
        LookAheadError: a snapshot's training saw the day of a decision that it is to forecast, or one after it.
        DataError: bars are missing, or a predictor answered with something that is no return.
    """
    source_of = {week.key: source for source, weeks in planned.items() for week in weeks}
    asked = asked_of([week for weeks in planned.values() for week in weeks], names, panel)
    sources = asked.rows["week"].map(source_of).to_numpy(dtype=object)
    weekly = np.full(len(asked.rows), np.nan)
    for source in planned:
        rows = asked.has_window & (sources == source)
        windows = asked.windows[sources[asked.has_window] == source]
        if len(windows):
            weekly[rows] = _momentum(windows) if source == MOMENTUM else _by_snapshot(forecaster, source, windows, load)
    return asked.rows.assign(
        forecaster=pd.array([forecaster] * len(weekly), dtype="str"),
        weekly_return=weekly,
        source=pd.array(sources, dtype="str"),
    )[list(COLUMNS)]


def _momentum(windows: Windows) -> np.ndarray:
    weekly = BASELINES[MOMENTUM](windows)
    check_returns(weekly, windows, MOMENTUM)
    return weekly


def _by_snapshot(forecaster: str, source: str, windows: Windows, load: Load) -> np.ndarray:
    predictor, known_until = load(source)
    first = windows.monday.min().item()
    if known_until >= first:
        msg = f"{forecaster} {source} was trained on data up to {known_until}: it cannot forecast {first}"
        raise LookAheadError(msg)
    return weekly_return(daily_answers(predictor, windows, f"{forecaster} {source}"))
