"""The gate's table: candidate, version in use and simple allocators, each number with its interval."""

from dataclasses import dataclass

from learnfinance_dagster.evaluation.gate import GateDecision, Measured, Performance
from learnfinance_dagster.reporting.formats import SPACE, percent, ratio, signed_percent

CANDIDATE = "candidate"
LABELS = {CANDIDATE: "new version", "current": "in use until now"}
HEADER = (
    "Sharpe ratio",
    f"Growth a year{SPACE}%",
    f"Deepest fall{SPACE}%",
    f"Turnover a week{SPACE}%",
    f"Weeks up{SPACE}%",
)
FINE = 0.1
"""Percentages below a tenth keep a decimal in their interval."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A number and where it may lie."""

    value: str
    between: str
    """E.g. `−0.41…2.12`."""


@dataclass(frozen=True, slots=True)
class GateRow:
    """One contender."""

    label: str
    is_candidate: bool
    cells: tuple[Cell, ...]
    """As `HEADER` says."""


def gate_rows(decision: GateDecision) -> tuple[GateRow, ...]:
    """Everyone who was measured, the candidate first."""
    order = sorted(decision.rows, key=lambda name: (name != CANDIDATE, name != "current"))
    return tuple(
        GateRow(LABELS.get(name, name.replace("_", " ")), name == CANDIDATE, _cells(decision.rows[name]))
        for name in order
    )


def _cells(row: Performance) -> tuple[Cell, ...]:
    return (
        Cell(ratio(row.sharpe.value), f"{ratio(row.sharpe.low)}…{ratio(row.sharpe.high)}"),
        _share(row.cagr, signed=True),
        _share(row.max_drawdown),
        _share(row.turnover),
        _share(row.hit_rate),
    )


def _share(figure: Measured, *, signed: bool = False) -> Cell:
    """Percent, the sign left to the column's heading; the interval in whole numbers, where they tell enough."""
    digits = 1 if max(abs(figure.low), abs(figure.high)) < FINE else 0
    value = signed_percent(figure.value, 1) if signed else percent(figure.value, 1)
    low, high = (percent(end, digits) for end in (figure.low, figure.high))
    return Cell(_bare(value), f"{_bare(low)}…{_bare(high)}")


def _bare(written: str) -> str:
    return written.removesuffix(f"{SPACE}%")
