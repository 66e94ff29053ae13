"""How large the parts of the reward are: the differential Sharpe ratio over the return, in standard deviations.

Of averages that begin at equal weight's own mean and spread (ours), and at zero (the predecessor's).
"""

import argparse

import numpy as np
from rl_parts.environment import COSTS, RULES, WEEKS

from learnfinance_dagster.allocation.rl.action import LOGIT
from learnfinance_dagster.allocation.rl.episodes import Episodes, World
from learnfinance_dagster.allocation.rl.observation import Observer
from learnfinance_dagster.allocation.rl.worlds import made_up_history

PORTFOLIOS, EPISODES = 256, 3
POLICIES = {"equal weight": 0.0, "random tilts": 0.5, "random bets": 2.0}
"""Standard deviation of the logits."""


def spreads(world: World, size: float, *, from_zero: bool) -> np.ndarray:
    """(2,) standard deviation of the return part and of the differential-Sharpe part."""
    rng = np.random.default_rng(0)
    episodes = Episodes(world, PORTFOLIOS, rng)
    parts = []
    for number in range(EPISODES * episodes.length):
        if from_zero and number % episodes.length == 0:
            episodes.first, episodes.second = np.zeros(PORTFOLIOS), np.zeros(PORTFOLIOS)
        episodes.step(rng.normal(0, size, (PORTFOLIOS, world.slots + 1)).clip(-LOGIT, LOGIT))
        parts.append(episodes.parts.copy())
    return np.concatenate(parts, axis=1).std(axis=1)


def rewards(options: argparse.Namespace) -> None:
    """Print the ratios."""
    history = made_up_history(WEEKS, options.names, 2 * options.names + 10, 0, signal=0.15, clairvoyant=False)
    world = World.of(history, Observer.fit(history), RULES, COSTS)
    for name, size in POLICIES.items():
        ours, zero = (spreads(world, size, from_zero=which) for which in (False, True))
        print(
            f"rewards      {name:<14} return part {ours[0]:.2f}  differential Sharpe {ours[1]:.2f}"
            f"  ratio {ours[1] / ours[0]:.2f}  with averages from zero {zero[1] / zero[0]:,.0f}"
        )
