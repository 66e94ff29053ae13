"""Target weights of all allocators side by side."""

from collections.abc import Iterable
from dataclasses import dataclass

from learnfinance_dagster.reporting.content import AccountSection

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


def weight_table(accounts: Iterable[AccountSection], top: int = TOP) -> WeightTable:
    """The `top` names by the sum of what all allocators give them; ties by name."""
    targets = [section.weights for section in accounts]
    names = sorted({symbol for target in targets for symbol, weight in target.weights.items() if weight})

    def row(label: str, symbols: Iterable[str]) -> WeightRow:
        members = tuple(symbols)
        sums = (sum(target.weights.get(symbol, 0.0) for symbol in members) for target in targets)
        return WeightRow(
            label, tuple(None if target.failure else total for target, total in zip(targets, sums, strict=True))
        )

    every = [row(symbol, (symbol,)) for symbol in names]
    every.sort(key=lambda candidate: -sum((weight or 0.0) for weight in candidate.weights))
    shown, hidden = every[:top], every[top:]
    return WeightTable(
        rows=tuple(shown),
        more=len(hidden),
        rest=row(f"and {len(hidden)} more", (candidate.symbol for candidate in hidden)),
        cash=WeightRow("Cash", tuple(None if target.failure else target.cash for target in targets)),
        largest=max((weight or 0.0 for candidate in shown for weight in candidate.weights), default=0.0) or 1.0,
    )
