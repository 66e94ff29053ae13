"""Target weights of all allocators side by side."""

from collections.abc import Iterable
from dataclasses import dataclass

from learnfinance_dagster.reporting.content import AccountSection
from learnfinance_dagster.values import TargetWeights

TOP = 20


@dataclass(frozen=True, slots=True)
class WeightRow:
    """One name and what each allocator gives it."""

    symbol: str
    weights: tuple[float | None, ...]
    """Fractions of NAV, one for each account in order; None where the allocator failed."""


@dataclass(frozen=True, slots=True)
class WeightTable:
    """The largest weights, and what the rest and cash come to."""

    rows: tuple[WeightRow, ...]
    more: int
    """Names that are weighed but not shown."""
    rest: WeightRow
    """Sum of the names not shown."""
    cash: WeightRow
    largest: float
    """Largest weight shown in `rows`, at least a hair: the full length of a bar."""


def weight_rows(accounts: Iterable[AccountSection]) -> tuple[WeightRow, ...]:
    """Every name that an allocator weighs, by the sum of what all allocators give it; ties by name."""
    targets = [section.weights for section in accounts]
    names = sorted({symbol for target in targets for symbol, weight in target.weights.items() if weight})
    every = [weight_row(symbol, (symbol,), targets) for symbol in names]
    return tuple(sorted(every, key=lambda candidate: -sum((weight or 0.0) for weight in candidate.weights)))


def weight_row(label: str, symbols: Iterable[str], targets: Iterable[TargetWeights]) -> WeightRow:
    """What each allocator gives those names together."""
    members = tuple(symbols)
    return WeightRow(
        label,
        tuple(
            None if target.failure else sum(target.weights.get(symbol, 0.0) for symbol in members) for target in targets
        ),
    )


def weight_table(accounts: Iterable[AccountSection], top: int = TOP) -> WeightTable:
    """The first `top` of the weighed names, and the sum of the others."""
    sections = tuple(accounts)
    targets = [section.weights for section in sections]
    every = weight_rows(sections)
    shown, hidden = every[:top], every[top:]
    return WeightTable(
        rows=shown,
        more=len(hidden),
        rest=weight_row(f"and {len(hidden)} more", (candidate.symbol for candidate in hidden), targets),
        cash=WeightRow("Cash", tuple(None if target.failure else target.cash for target in targets)),
        largest=max((weight or 0.0 for candidate in shown for weight in candidate.weights), default=0.0) or 1.0,
    )
