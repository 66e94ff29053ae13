"""Executed experience as a learner takes it: what an account saw, really held, earned, and saw next."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from learnfinance_dagster.allocation.rl.action import DUST, LOGIT
from learnfinance_dagster.allocation.rl.experience import Experience, Reward
from learnfinance_dagster.allocation.rl.observation import Observer, padded
from learnfinance_dagster.allocation.rl.reward import RewardScale
from learnfinance_dagster.allocation.rl.state import LAYOUT, PolicyState


@dataclass(frozen=True, slots=True)
class Transition:
    """One week that an account lived through."""

    week: str
    observation: np.ndarray
    """(size,) float32."""
    action: np.ndarray
    """(K + 1,) float32 in ±1: logits that ask for what was executed, over their limit."""
    reward: float
    after: np.ndarray
    """(size,) float32: the next Monday as the policy saw it."""


def transitions(
    lived: Iterable[tuple[Experience, Reward]],
    observer: Observer,
    scale: RewardScale,
    baseline: dict[str, float],
    slots: int,
) -> tuple[Transition, ...]:
    """Weeks that are labelled, of this layout, and whose next state is known.

    Args:
        lived: experience and its label.
        observer: of the policy that will learn from it.
        scale: of its rewards.
        baseline: week → what equal weight would be paid (`World.baseline`); weeks outside are left out.
        slots: K of the world that it learns in; a state with more names is left out.
    """
    found = []
    for experience, reward in lived:
        state, after = experience.state, reward.next_state
        if state is None or after is None or reward.log_return is None or experience.week not in baseline:
            continue
        if not _fits(state, slots) or not _fits(after, slots):
            continue
        log_return = np.array([reward.log_return])
        paid, sharpe, _, _ = scale.parts(log_return, np.array([scale.mean]), np.array([scale.second]))
        found.append(
            Transition(
                week=experience.week,
                observation=padded(observer.state(state), slots)[0],
                action=_asked(experience.executed, state, slots),
                reward=float(paid[0] + sharpe[0]) - baseline[experience.week],
                after=padded(observer.state(after), slots)[0],
            )
        )
    return tuple(found)


def relive(learner: Any, lived: Sequence[Transition]) -> None:
    """Put transitions into the memory of a learner that has one. A learner without one has nothing to do with them.

    One row of the memory holds a step of every parallel episode, so each transition is there that many times: what was
    really executed counts more than what was played.
    """
    buffer = getattr(learner, "replay_buffer", None)
    if buffer is None:
        return
    for each in lived:
        rows = buffer.n_envs
        buffer.add(
            np.repeat(each.observation[None], rows, axis=0),
            np.repeat(each.after[None], rows, axis=0),
            np.repeat(each.action[None], rows, axis=0),
            np.full(rows, each.reward, dtype=np.float32),
            np.zeros(rows, dtype=bool),
            [{} for _ in range(rows)],
        )


def _fits(state: PolicyState, slots: int) -> bool:
    return state.layout == LAYOUT and 0 < len(state.symbols) <= slots


def _asked(executed: dict[str, float], state: PolicyState, slots: int) -> np.ndarray:
    """The softmax turned around: logits of the executed weights, centred, within their limits.

    What could not be sold of names without a slot is no name's weight: it counts as cash.
    """
    weights = np.array([executed.get(each, 0.0) for each in state.symbols])
    cash = max(1.0 - float(weights.sum()), 0.0)
    logs = np.log(np.maximum([*weights, cash], DUST / np.e))
    centred = (logs - (logs.max() + logs.min()) / 2).clip(-LOGIT, LOGIT) / LOGIT
    out = np.zeros(slots + 1, dtype=np.float32)
    out[: len(weights)], out[-1] = centred[:-1], centred[-1]
    return out
