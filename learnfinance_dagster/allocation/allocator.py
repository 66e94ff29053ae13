"""What an allocator is, and the one way to run it: its own method, then the constraints that all share."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from learnfinance_dagster.allocation.constraints import TOLERANCE, constrain
from learnfinance_dagster.allocation.rl.algorithm import PolicySpec
from learnfinance_dagster.allocation.rl.card import PolicyCard
from learnfinance_dagster.allocation.rl.state import PolicyState
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.parameters import AllocationParameters
from learnfinance_dagster.ports import ModelFiles
from learnfinance_dagster.values import TargetWeights, Week


@dataclass(frozen=True, slots=True)
class AllocationInputs:
    """The evidence of one Monday, the same for every allocator."""

    week: Week
    symbols: tuple[str, ...]
    """The screened names, best rank first."""
    returns: pd.DataFrame
    """Daily total returns, dates by symbols, NaN where a name did not trade; newest last."""
    seed: int
    state: PolicyState | None = None
    """What a policy sees; None for allocators without one."""
    policy: "PolicyInUse | None" = None
    """The version that decides; None for allocators without one."""


@dataclass(frozen=True, slots=True)
class PolicyInUse:
    """A policy's version, as the store holds it."""

    card: PolicyCard
    files: ModelFiles


@dataclass(frozen=True, slots=True)
class RawAllocation:
    """What a method gives before the common constraints."""

    weights: dict[str, float]
    """Non-negative, summing to at most one over the names it weighed; the rest stays in cash."""
    excluded: dict[str, str] = field(default_factory=dict)
    provenance: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Allocator:
    """A registry record. `reads` are the assets it needs: it waits for no others."""

    name: str
    summary: str
    reads: tuple[str, ...]
    method: Callable[[AllocationInputs, AllocationParameters], RawAllocation]
    policy: PolicySpec | None = None
    """How it learns; None: it does not."""


def allocate(allocator: Allocator, inputs: AllocationInputs, parameters: AllocationParameters) -> TargetWeights:
    """Run an allocator's method and the common constraints.

    Raises:
        DataError: the method returned weights that are no portfolio, or weighed a name outside the universe.
    """
    raw = allocator.method(inputs, parameters)
    symbols = sorted(raw.weights)
    values = np.array([raw.weights[symbol] for symbol in symbols], dtype=float)
    outside = set(symbols) - set(inputs.symbols)
    if outside:
        msg = f"{allocator.name} weighed names outside the screened universe: {', '.join(sorted(outside))}"
        raise DataError(msg)
    if symbols and (not np.isfinite(values).all() or (values < 0).any() or values.sum() > 1 + TOLERANCE):
        msg = f"{allocator.name} gave weights that are no portfolio: {raw.weights}"
        raise DataError(msg)
    final = constrain(values, parameters.max_weight, parameters.min_cash)
    return TargetWeights(
        allocator=allocator.name,
        week=inputs.week.key,
        weights=dict(zip(symbols, final.tolist(), strict=True)),
        raw_weights=dict(zip(symbols, values.tolist(), strict=True)),
        excluded=raw.excluded,
        provenance=raw.provenance,
    )
