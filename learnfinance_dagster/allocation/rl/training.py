"""How a policy learns: in legs, each from its own seed, with a checkpoint after each."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.logger import Logger

from learnfinance_dagster.allocation.rl.algorithm import Algorithm
from learnfinance_dagster.allocation.rl.behaviour import entropy_of
from learnfinance_dagster.allocation.rl.card import CurvePoint
from learnfinance_dagster.allocation.rl.environment import PortfolioVecEnv
from learnfinance_dagster.allocation.rl.episodes import Episodes, World
from learnfinance_dagster.allocation.rl.lived import Transition, relive
from learnfinance_dagster.allocation.rl.observation import Observer
from learnfinance_dagster.allocation.rl.path import equal_weight_path, policy_path
from learnfinance_dagster.allocation.rl.policy import Policy, policy_of
from learnfinance_dagster.allocation.rl.standing import begin_with, restored, weights_of, written
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.machine import keep_memory, one_thread
from learnfinance_dagster.ports import Checkpoints

PORTFOLIOS = 64
"""So many measure how large the parts of the reward are."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Told after every leg."""

    step: int
    steps: int
    point: CurvePoint


@dataclass(frozen=True, slots=True)
class Order:
    """All that a training depends on: the same order gives the same bytes on one machine."""

    algorithm: Algorithm
    numbers: Mapping[str, Any]
    world: World
    """The weeks to learn from, with noise."""
    clear: World
    """The same weeks as they were: for the curve."""
    observer: Observer
    seed: int
    key: str
    """Names the training for its checkpoints: whatever it depends on is hashed into it."""
    checkpoints: Checkpoints
    device: str = "cpu"
    start: Mapping[str, torch.Tensor] | None = None
    """Weights of the version to begin with; None: random ones."""
    lived: Sequence[Transition] = ()
    """Executed experience."""
    say: Callable[[Progress], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training made."""

    weights: dict[str, torch.Tensor]
    curve: tuple[CurvePoint, ...]
    reward_parts: float
    """Standard deviation of the differential-Sharpe part of the reward over that of the return part."""


def train(order: Order) -> Trained:
    """Learn for the configured steps. Interrupted at any moment, it goes on from the last whole leg.

    Raises:
        DataError: the weights are no longer numbers, or the checkpoint cannot be read.
    """
    keep_memory()
    with one_thread(), borrowed_randomness():
        env = PortfolioVecEnv(order.world, order.numbers["envs"], order.seed)
        learner = order.algorithm.module().make(env, order.numbers, order.seed, order.device)
        learner.set_logger(Logger(None, []))  # otherwise the library makes a folder in the temporary one for each leg
        curve = _standing(learner, order)
        while learner.num_timesteps < order.numbers["steps"]:
            curve = (*curve, _leg(learner, env, order, len(curve)))
            order.checkpoints.save(order.key, written(learner, curve))
            order.say(Progress(learner.num_timesteps, order.numbers["steps"], curve[-1]))
        weights = weights_of(learner)
        ratio = _reward_parts(_policy(order, weights), order)
    order.checkpoints.discard(order.key)
    return Trained(weights, curve, ratio)


def untrained(
    algorithm: Algorithm, numbers: Mapping[str, Any], world: World, seed: int, device: str
) -> dict[str, torch.Tensor]:
    """The random weights with which a training of this seed begins."""
    with one_thread(), borrowed_randomness():
        env = PortfolioVecEnv(world, numbers["envs"], seed)
        return weights_of(algorithm.module().make(env, numbers, seed, device))


def _standing(learner: Any, order: Order) -> tuple[CurvePoint, ...]:
    content = order.checkpoints.load(order.key)
    if content is not None:
        return restored(learner, content)
    if order.start is not None:
        begin_with(learner, order.start)
    relive(learner, order.lived)
    return ()


def _leg(learner: Any, env: PortfolioVecEnv, order: Order, number: int) -> CurvePoint:
    """Some steps, in a world that begins anew: nothing but what a checkpoint holds is carried over."""
    learner.set_random_seed(int(np.random.default_rng([order.seed, number]).integers(2**31)))
    learner._last_obs = None  # noqa: SLF001 - otherwise the library would go on in the old episodes
    steps = min(order.numbers["leg"], order.numbers["steps"] - learner.num_timesteps)
    try:
        learner.learn(steps, reset_num_timesteps=False)
    except ValueError:  # the library's distributions refuse what is no number
        _finite(learner, order.key)
        raise
    weights = _finite(learner, order.key)
    path, plain = policy_path(_policy(order, weights), order.clear), equal_weight_path(order.clear)
    return CurvePoint(
        step=learner.num_timesteps,
        reward=env.mean_reward,
        train_excess=float((path.log_returns - plain.log_returns).mean()),
        entropy=entropy_of(path.weights, order.clear.present),
    )


def _finite(learner: Any, key: str) -> dict[str, torch.Tensor]:
    """The learner's weights, if they are numbers."""
    weights = weights_of(learner)
    broken = sorted(name for name, tensor in weights.items() if not torch.isfinite(tensor).all())
    if broken:
        msg = f"training {key} broke down after {learner.num_timesteps} steps: {broken[0]} is not finite"
        raise DataError(msg)
    return weights


def _policy(order: Order, weights: Mapping[str, torch.Tensor]) -> Policy:
    return policy_of(order.algorithm, order.observer, weights, order.numbers["width"])


def _reward_parts(policy: Policy, order: Order) -> float:
    """Played for a year by many portfolios, without noise."""
    episodes = Episodes(order.clear, PORTFOLIOS, np.random.default_rng(order.seed))
    parts = []
    for _ in range(episodes.length):
        episodes.step(policy.logits(episodes.observe()))
        parts.append(episodes.parts.copy())
    paid, sharpe = np.concatenate(parts, axis=1).std(axis=1)
    return float(sharpe / paid) if paid > 0 else 0.0


@contextmanager
def borrowed_randomness() -> Iterator[None]:
    """The library seeds the process's own generators; they are given back as they were."""
    numbers, arrays = random.getstate(), np.random.get_state()  # noqa: NPY002 - whatever its kind
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(numbers)
        np.random.set_state(arrays)  # noqa: NPY002 - as above
