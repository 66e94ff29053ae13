"""What holding a sequence of weights would have brought: every contender of the gate walks the same way."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from learnfinance_dagster.allocation.constraints import constrain
from learnfinance_dagster.allocation.rl.action import target_weights
from learnfinance_dagster.allocation.rl.episodes import World, drifted, hold
from learnfinance_dagster.allocation.rl.observation import assembled

if TYPE_CHECKING:
    from learnfinance_dagster.allocation.rl.policy import Policy


class Before(NamedTuple):
    """A portfolio before it trades, in the slots of now."""

    weights: np.ndarray
    """(1, K) at the prices of the open at which it will trade."""
    shown: np.ndarray
    """(1, K) at the last close: what a decision may know (see `Episodes.shown`)."""
    shown_outside: np.ndarray
    """(1,) of it, the share in names without a slot."""


Choose = Callable[[int, Before], np.ndarray]
"""Week, portfolio before trading → (1, K) target weights."""


@dataclass(frozen=True, slots=True)
class Path:
    """T weeks, from all cash; after a gap in the history from all cash again."""

    log_returns: np.ndarray
    """(T,) net of costs."""
    turnover: np.ndarray
    """(T,) half of the traded value over NAV."""
    weights: np.ndarray
    """(T, K) after trading, in each week's own slots."""

    @property
    def returns(self) -> np.ndarray:
        """(T,) simple, net of costs."""
        return np.expm1(self.log_returns)


def walk(world: World, choose: Choose) -> Path:
    """Hold for every week of a history what `choose` says, drifting with prices in between.

    Across a gap nothing is carried: what was held there, nobody knows.
    """
    count, slots = len(world.history), world.slots
    log_returns, turnover, chosen = np.zeros(count), np.zeros(count), np.zeros((count, slots))
    cash, nothing = np.zeros((1, slots)), np.zeros(1)
    weights, outside, shown, shown_outside = cash, nothing, cash, nothing
    follows = world.history.follows
    for week in range(count):
        if not follows[week]:
            weights, outside, shown, shown_outside = cash, nothing, cash, nothing
        else:
            weights, outside = world.carried(weights, np.array([week]))
            shown, shown_outside = world.carried(shown, np.array([week]))
        wanted = choose(week, Before(weights, shown, shown_outside))
        target = world.executed(wanted, weights, np.array([week]))
        held = hold(weights, outside, target, world.history.returns[[week]], world.costs)
        log_returns[week], turnover[week], chosen[week] = held.log_return[0], held.turnover[0], target[0]
        weights, shown = held.weights, drifted(target, world.history.closes[[week]])
    return Path(log_returns, turnover, chosen)


def policy_path(policy: "Policy", world: World) -> Path:
    """A policy, deterministic, on every week."""
    channels = world.static[0].reshape(len(world.history), world.slots, -1)

    def choose(week: int, before: Before) -> np.ndarray:
        cash = 1.0 - before.shown.sum(axis=1) - before.shown_outside
        observation = assembled(channels[[week]], before.shown, cash, before.shown_outside)
        return target_weights(policy.logits(observation), world.present[[week]], world.rules)

    return walk(world, choose)


def equal_weight_path(world: World) -> Path:
    """The same share of every name."""
    count = np.maximum(world.present.sum(axis=1, keepdims=True), 1)
    return weights_path(world, constrain(world.present / count, world.rules.max_weight, world.rules.min_cash))


def weights_path(world: World, targets: np.ndarray) -> Path:
    """(T, K) target weights; where a week's are not known the portfolio is left alone, as its account would be."""

    def choose(week: int, before: Before) -> np.ndarray:
        target = targets[[week]]
        return before.weights if np.isnan(target[0, world.present[week] > 0]).any() else np.nan_to_num(target)

    return walk(world, choose)
