"""From a policy's logits to weights: softmax over the names and cash, dust to cash, then the common constraints."""

import numpy as np

from learnfinance_dagster.allocation.constraints import constrain
from learnfinance_dagster.parameters import AllocationParameters

LOGIT = 4.0
"""Logits lie in ±this. Wide enough for every corner: one logit at the top against fifteen at the bottom leaves each of
them e^-8 of it, which is dust; narrow enough that noise is no gamble on a single name."""
DUST = 1e-3
"""A smaller weight is none: a softmax alone never gives zero."""


def raw_weights(logits: np.ndarray, present: np.ndarray) -> np.ndarray:
    """What the policy asks for, before the common constraints.

    Args:
        logits: (..., K + 1), cash last; beyond `LOGIT` they are as good as `LOGIT`.
        present: (..., K) bool, or 1 and 0.

    Returns:
        (..., K) fractions; zero in empty slots, and the rest to one is cash.
    """
    shares = np.exp(np.clip(logits, -LOGIT, LOGIT))
    shares[..., :-1] *= present
    names = shares[..., :-1] / shares.sum(axis=-1, keepdims=True)
    return np.where(names < DUST, 0.0, names)


def target_weights(logits: np.ndarray, present: np.ndarray, rules: AllocationParameters) -> np.ndarray:
    """(..., K) target weights under the common constraints."""
    return constrain(raw_weights(logits, present), rules.max_weight, rules.min_cash)
