"""Forecasts as rows and sentences, so that the letter and its plain twin say the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from learnfinance_dagster.reporting.content import WeeklyReport
from learnfinance_dagster.reporting.forecasts import ForecasterNote, ForecastSummary, MissingForecasts, OneForecast
from learnfinance_dagster.reporting.formats import SPACE, signed_percent
from learnfinance_dagster.reporting.weights import weight_rows

TITLE = "What the forecasters expect"
LEGEND = (
    "Each model's guess of a name's return over the five sessions after the decision, close to close, in percent:"
    " guesses, not results."
)
ARROWS = "An arrow marks more than 0.1 % up or down."
NOTHING = "No forecaster gave a forecast this week."
MOST = 40
"""Names that the letter shows, twenty rows of two; the text lists them all."""
SIDE_BY_SIDE = 2
"""Forecasters with which two names still fit in one row of a phone."""
FEW = 12
"""Reasons that the letter tells, and names that it lists beside each, so that the reason has room."""
MARKS = {"UP": "↑", "DOWN": "↓"}
"""What hardly moves has none."""


@dataclass(frozen=True, slots=True)
class ForecastRow:
    """One name and what each forecaster that gave any forecast says of it, in order."""

    symbol: str
    forecasts: tuple[OneForecast, ...]


def rows(report: WeeklyReport) -> tuple[ForecastRow, ...]:
    """The screened names, those that an allocator weighs first and in that table's order; none where all failed."""
    summary = report.forecasts
    places = summary.speaking
    rank = {row.symbol: number for number, row in enumerate(weight_rows(report.accounts))}
    names = sorted(summary.names, key=lambda name: (rank.get(name.symbol, len(rank)), name.symbol))
    return tuple(ForecastRow(name.symbol, tuple(name.forecasts[p] for p in places)) for name in names if places)


def heads(summary: ForecastSummary) -> tuple[str, ...]:
    """The forecasters that have a column: those that gave any forecast."""
    return tuple(summary.forecasters[place].name for place in summary.speaking)


def beside(shown: Sequence[ForecastRow]) -> tuple[tuple[ForecastRow | None, ...], ...]:
    """Rows of the letter: two names beside each other, each half read downwards; one where there is no room for two."""
    if not shown or len(shown[0].forecasts) > SIDE_BY_SIDE:
        return tuple((row,) for row in shown)
    half = (len(shown) + 1) // 2
    return tuple(zip_longest(shown[:half], shown[half:]))


def number(one: OneForecast) -> str:
    """`0.0042` → `+0.42`, for a column that is headed percent."""
    return signed_percent(one.weekly_return).removesuffix(f"{SPACE}%")


def cell(one: OneForecast) -> str:
    """E.g. `↑ +0.42`; a dash without a forecast."""
    if one.weekly_return is None:
        return "–"
    mark = MARKS.get(one.direction, "")
    return f"{mark} {number(one)}" if mark else number(one)


def failures(summary: ForecastSummary) -> tuple[str, ...]:
    """Who gave no forecast at all, and why."""
    return tuple(f"{note.name}, no forecast this week: {note.failure}" for note in summary.forecasters if note.failure)


def gap(missing: MissingForecasts, most: int) -> str:
    """E.g. `No forecast of ARM, CEG by lstm: 41 of 60 sessions have a bar`, at most `most` names of them."""
    hidden = len(missing.symbols) - most
    more = f" and {hidden} more" if hidden > 0 else ""
    by = f" by {' and '.join(missing.forecasters)}" if missing.forecasters else ""
    return f"No forecast of {', '.join(missing.symbols[:most])}{more}{by}: {missing.reason}"


def who_reads(summary: ForecastSummary) -> str:
    """Whose weights depend on the forecasts."""
    if not any(note.readers for note in summary.forecasters):
        return "No account reads them: no weight depends on them."
    said = (
        f"{', '.join(note.readers)} {'reads' if len(note.readers) == 1 else 'read'} {note.name}"
        if note.readers
        else f"no account reads {note.name}"
        for note in summary.forecasters
    )
    return f"Of the accounts, {'; '.join(said)}."


def origins(summary: ForecastSummary) -> tuple[tuple[str, str], ...]:
    """Label and value for where the forecasts come from: version and end of its training."""
    return tuple((f"Forecaster {note.name}", _origin(note)) for note in summary.forecasters)


def _origin(note: ForecasterNote) -> str:
    trained = f"trained on data to {note.trained_until}" if note.trained_until else ""
    return "; ".join(filter(None, (note.version or "no version", trained)))
