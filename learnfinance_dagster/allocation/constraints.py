"""The constraints that every allocator shares: a cap on each name and a floor of cash."""

from collections.abc import Collection

import numpy as np

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.parameters import AllocationParameters
from learnfinance_dagster.values import TargetWeights

TOLERANCE = 1e-9


def constrain(weights: np.ndarray, max_weight: float, min_cash: float) -> np.ndarray:
    """Cap each name, what is cut goes to cash; then lift cash to its floor by scaling the names pro rata.

    Args:
        weights: names' fractions, shape (..., n); whatever is missing to one is cash.
        max_weight: the most of one name, fraction.
        min_cash: the least of cash, fraction.

    Returns:
        Fractions of the same shape; cash is one minus their sum, at least `min_cash`.
    """
    capped = np.minimum(weights, max_weight)
    invested = capped.sum(axis=-1, keepdims=True)
    ceiling = 1.0 - min_cash
    scale = np.divide(ceiling, invested, out=np.ones_like(invested), where=invested > ceiling)
    return capped * scale


def check_weights(target: TargetWeights, universe: Collection[str], parameters: AllocationParameters) -> None:
    """Refuse weights that must not trade. Order plans call this again: a check elsewhere stops only its own run.

    Raises:
        DataError: a weight is no number, negative, above the cap or outside the universe; cash is below its floor.
    """
    place = f"{target.allocator} weights of {target.week}"
    for symbol, weight in target.weights.items():
        if not np.isfinite(weight) or weight < 0:
            msg = f"{place}: {symbol} is {weight}"
            raise DataError(msg)
        if weight > parameters.max_weight + TOLERANCE:
            msg = f"{place}: {symbol} is {weight:.4f}, above the cap of {parameters.max_weight}"
            raise DataError(msg)
        if symbol not in universe:
            msg = f"{place}: {symbol} is not in the screened universe"
            raise DataError(msg)
    if target.cash < parameters.min_cash - TOLERANCE:
        msg = f"{place}: cash is {target.cash:.4f}, below the floor of {parameters.min_cash}"
        raise DataError(msg)
