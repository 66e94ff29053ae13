"""What kind of policy it is: a constant, a gamble on one name, a copy of another, or one that reads its inputs."""

from collections.abc import Mapping

import numpy as np

from learnfinance_dagster.allocation.rl.action import target_weights
from learnfinance_dagster.allocation.rl.card import Behaviour
from learnfinance_dagster.allocation.rl.episodes import World
from learnfinance_dagster.allocation.rl.observation import assembled
from learnfinance_dagster.allocation.rl.path import Path
from learnfinance_dagster.allocation.rl.policy import Policy
from learnfinance_dagster.evaluation.gate import Condition

LEAST_ENTROPY = 0.2
"""Weights of a single capped name and cash have about 0.18 of the highest entropy of fifteen names."""
LEAST_SENSITIVITY = 1e-3
"""Half-sum change of weights, below which a policy does not read."""
COPY = 5e-3
"""Mean half-sum distance of weights, below which one allocator is another."""


def behaviour_of(
    policy: Policy, path: Path, world: World, others: Mapping[str, np.ndarray], rng: np.random.Generator
) -> Behaviour:
    """Measure a policy on the weeks that it walked.

    Args:
        policy: which.
        path: what it held.
        world: the weeks.
        others: name of another allocator → its (T, K) target weights, NaN where not known.
        rng: deals the inputs out anew.
    """
    return Behaviour(
        entropy=entropy_of(path.weights, world.present),
        turnover=float(path.turnover.mean()),
        sensitivity=_sensitivity(policy, path, world, rng),
        copies={
            name: float(distance)
            for name, weights in sorted(others.items())
            if not np.isnan(distance := _distance(path.weights, weights, world.present))
        },
    )


def conditions_of(found: Behaviour) -> tuple[Condition, ...]:
    """What must hold of every candidate, whatever it earned."""
    closest = min(found.copies.items(), key=lambda item: item[1], default=("nobody", 1.0))
    return (
        Condition("no gamble", found.entropy >= LEAST_ENTROPY, f"entropy {found.entropy:.2f} of its maximum"),
        Condition(
            "reads its inputs",
            found.sensitivity >= LEAST_SENSITIVITY,
            f"weights move by {found.sensitivity:.2%} when a week's inputs are dealt out anew among its names",
        ),
        Condition(
            "no copy", closest[1] >= COPY, f"its weights are {closest[1]:.2%} away from the closest, {closest[0]}"
        ),
    )


def entropy_of(weights: np.ndarray, present: np.ndarray) -> float:
    """Mean over weeks of the entropy of (T, K) weights and cash, over that of equal shares."""
    shares = np.concatenate([weights, 1.0 - weights.sum(axis=1, keepdims=True)], axis=1).clip(0.0)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    most = np.log(present.sum(axis=1) + 1)
    return float(np.mean(-(shares * logs).sum(axis=1) / np.maximum(most, 1e-12)))


def _sensitivity(policy: Policy, path: Path, world: World, rng: np.random.Generator) -> float:
    """Names keep their weights and get each other's inputs."""
    channels = world.static[0].reshape(len(world.history), world.slots, -1)
    empty = world.present == 0
    order = np.argsort(np.where(empty, 2.0, rng.random(empty.shape)), axis=1, kind="stable")
    dealt = np.take_along_axis(channels, order[..., None], axis=1)
    held = np.where(empty, 0.0, np.nan_to_num(path.weights))
    cash, outside = 1.0 - held.sum(axis=1), np.zeros(len(held))
    chosen = [
        target_weights(policy.logits(assembled(read, held, cash, outside)), world.present, world.rules)
        for read in (channels, dealt)
    ]
    return float(0.5 * np.abs(chosen[0] - chosen[1]).sum(axis=1).mean())


def _distance(weights: np.ndarray, other: np.ndarray, present: np.ndarray) -> float:
    """NaN where no week of the other is known; an empty slot is not unknown."""
    held = np.where(present > 0, other, 0.0)
    known = ~np.isnan(held).any(axis=1)
    return float(0.5 * np.abs(weights - held)[known].sum(axis=1).mean()) if known.any() else np.nan
