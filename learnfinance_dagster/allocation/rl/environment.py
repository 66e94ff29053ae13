"""The episodes as gymnasium and stable-baselines3 know environments."""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from learnfinance_dagster.allocation.rl.action import LOGIT
from learnfinance_dagster.allocation.rl.episodes import EPISODE_WEEKS, Episodes, World
from learnfinance_dagster.allocation.rl.history import NOBODY
from learnfinance_dagster.allocation.rl.observation import size


def spaces(slots: int) -> tuple[gym.spaces.Box, gym.spaces.Box]:
    """Observations and logits of K slots."""
    return (
        gym.spaces.Box(-np.inf, np.inf, (size(slots),), np.float32),
        gym.spaces.Box(-LOGIT, LOGIT, (slots + 1,), np.float32),
    )


class PortfolioEnv(gym.Env):
    """One portfolio, one holding week a step. Each year is truncated, never terminated; then comes a `reset`."""

    metadata = {"render_modes": []}  # noqa: RUF012 - gymnasium wants a plain attribute

    def __init__(self, world: World, weeks: int = EPISODE_WEEKS) -> None:
        """Play `world` in episodes of `weeks`."""
        self.world, self.weeks = world, weeks
        self.observation_space, self.action_space = spaces(world.slots)
        self.episodes: Episodes | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin in cash, at a week drawn from the seed."""
        super().reset(seed=seed, options=options)
        self.episodes = Episodes(self.world, 1, self.np_random, self.weeks)
        return self.episodes.observe()[0], self._told(int(self.episodes.week[0]))

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Hold for one week what (K + 1,) logits ask for."""
        if self.episodes is None:
            raise gym.error.ResetNeeded("reset() before step()")
        reached = int(self.episodes.week[0]) + 1
        found = self.episodes.step(np.asarray(action, dtype=np.float64)[None])
        over = bool(found.over[0])
        if over:
            self.episodes = None
        return found.last[0], float(found.reward[0]), False, over, self._told(reached)

    def _told(self, week: int) -> dict[str, Any]:
        """Which names stand in which slots of the observation."""
        history = self.world.history
        names = [history.symbols[name] if name != NOBODY else "" for name in history.name[week]]
        return {"monday": str(history.mondays[week]), "symbols": names}


class PortfolioVecEnv(VecEnv):
    """The same in a batch, for stable-baselines3. Finished episodes begin anew by themselves."""

    render_mode = None

    def __init__(self, world: World, batch: int, seed: int, weeks: int = EPISODE_WEEKS) -> None:
        """`batch` episodes, reproducible from `seed`."""
        super().__init__(batch, *spaces(world.slots))
        self.world, self.weeks, self.beginning = world, weeks, seed
        self.episodes = self._fresh()
        self.logits = np.zeros((batch, world.slots + 1))
        self.quiet: list[dict[str, Any]] = [{} for _ in range(batch)]
        self.earned, self.played = 0.0, 0

    def _fresh(self) -> Episodes:
        return Episodes(self.world, self.num_envs, np.random.default_rng(self.beginning), self.weeks)

    def reset(self) -> np.ndarray:
        """Begin all episodes."""
        self.episodes = self._fresh()
        self.earned, self.played = 0.0, 0
        return self.episodes.observe()

    def step_async(self, actions: np.ndarray) -> None:
        """Remember the logits."""
        self.logits = np.asarray(actions, dtype=np.float64)

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Hold for one week."""
        found = self.episodes.step(self.logits)
        self.earned += float(found.reward.sum())
        self.played += self.num_envs
        infos = self.quiet
        if found.over.any():
            infos = [
                {"terminal_observation": found.last[n], "TimeLimit.truncated": True} if over else {}
                for n, over in enumerate(found.over)
            ]
        return found.observation, found.reward, found.over, infos

    @property
    def mean_reward(self) -> float:
        """Of a week, since the last reset."""
        return self.earned / max(self.played, 1)

    def close(self) -> None:
        """Nothing to close."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The same for all: they share one world."""
        return [getattr(self, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Not needed."""
        raise NotImplementedError

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Not needed."""
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: Any = None) -> list[bool]:  # noqa: ARG002
        """Nothing is wrapped."""
        return [False] * len(list(self._get_indices(indices)))

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Seed of the next `reset`."""
        self.beginning = self.beginning if seed is None else seed
        return [seed] * self.num_envs
