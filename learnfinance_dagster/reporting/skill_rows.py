"""How good forecasts were in weeks kept apart from training: forecasters and yardsticks in one table."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from learnfinance_dagster.reporting.forecasts import ZERO, ForecasterNote, SkillLine
from learnfinance_dagster.reporting.formats import MINUS, NOT_AVAILABLE, SPACE, count, day, percent

TITLE = "How good such guesses were"
LEGEND = (
    "In weeks kept apart from training, beside what needs no model; ± is one standard error over weeks. Rank IC:"
    " whether names guessed higher did better; 0 is chance, 1 perfect. Hit rate: how often the direction was right."
    " Squared error: against always guessing zero; less than 1 is better."
)
NOT_JUDGED = "Not judged yet: nothing is known of its skill."
HEADER = ("Rank IC", f"Hit rate{SPACE}%", "Squared error")
YARDSTICKS = {
    ZERO: "always zero",
    "persistence": "last week again",
    "momentum": "four-week mean",
    "last_year_mean": "last year's mean",
}


@dataclass(frozen=True, slots=True)
class SkillRow:
    """One way of forecasting."""

    label: str
    is_forecaster: bool
    """Not a yardstick."""
    cells: tuple[str, str, str]
    """As `HEADER` says."""


@dataclass(frozen=True, slots=True)
class Record:
    """Forecasters that were judged on the same weeks beside the same yardsticks."""

    span: str
    """E.g. `52 weeks, 30 Dec 2024 to 22 Dec 2025`."""
    rows: tuple[SkillRow, ...]
    """Forecasters first."""


def records(notes: Iterable[ForecasterNote]) -> tuple[Record, ...]:
    """Those with the same weeks and yardsticks together, so that nothing is told twice; who was not judged has none."""
    groups: dict[tuple[str, tuple[SkillLine, ...]], list[SkillLine]] = {}
    for note in notes:
        if note.skill:
            own, *yardsticks = note.skill
            groups.setdefault((_span(note), tuple(yardsticks)), []).append(own)
    return tuple(_record(span, own, yardsticks) for (span, yardsticks), own in groups.items())


def verdict(note: ForecasterNote) -> str:
    """What the skill check says of it."""
    return note.verdict if note.skill and note.verdict else NOT_JUDGED


def _span(note: ForecasterNote) -> str:
    first, last = (day(date.fromisoformat(week)) for week in (note.first_week, note.last_week))
    return f"{count(note.weeks, 'week')}, {first} to {last}"


def _record(span: str, forecasters: Iterable[SkillLine], yardsticks: tuple[SkillLine, ...]) -> Record:
    zero = next((line.mse for line in yardsticks if line.label == ZERO), 0.0)
    own = (SkillRow(line.label, is_forecaster=True, cells=_cells(line, zero)) for line in forecasters)
    others = (
        SkillRow(YARDSTICKS.get(line.label, line.label), is_forecaster=False, cells=_cells(line, zero))
        for line in yardsticks
    )
    return Record(span, (*own, *others))


def _cells(line: SkillLine, zero: float) -> tuple[str, str, str]:
    return (
        _with_error(line.rank_ic, line.rank_ic_se, _correlation),
        _with_error(line.hit_rate, line.hit_rate_se, _share),
        f"{line.mse / zero:,.3f}" if zero > 0 else NOT_AVAILABLE,
    )


def _with_error(value: float | None, error: float | None, shown: Callable[[float], str]) -> str:
    """E.g. `+0.021 ± 0.023`; a dash where it is not defined."""
    if value is None:
        return "–"
    return shown(value) if error is None else f"{shown(value)} ± {shown(error).removeprefix('+')}"


def _correlation(value: float) -> str:
    """`0.0214` → `+0.021`; what rounds to zero has no sign."""
    return f"{value:+.3f}".replace("-", MINUS) if round(value, 3) else "0.000"


def _share(fraction: float) -> str:
    """`0.508` → `50.8`, for a column that is headed percent."""
    return percent(fraction, 1).removesuffix(f"{SPACE}%")
