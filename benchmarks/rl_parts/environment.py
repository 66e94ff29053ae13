"""Weeks a second of the batch, beside a portfolio that is played week after week and name after name.

Both do everything: observe (impute, scale, clip), logits to weights, constraints, costs, drift, names that change their
slots or leave, both parts of the reward, and the baseline. They are played over the same weeks with the same logits,
and must agree. Of the batch, a number with noisy observations as training has them is given as well.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np
from rl_parts.plain_portfolio import PlainPortfolio, plain_weeks

from learnfinance_dagster.allocation.rl.action import LOGIT
from learnfinance_dagster.allocation.rl.episodes import Episodes, Noise, World
from learnfinance_dagster.allocation.rl.observation import Observer
from learnfinance_dagster.allocation.rl.worlds import made_up_history
from learnfinance_dagster.costs import CostModel
from learnfinance_dagster.parameters import AllocationParameters

RULES, COSTS = AllocationParameters(), CostModel()
WEEKS = 520
SAME = 1e-12
COMPARED = 8
"""Portfolios of the batch that are played plainly as well, for three episodes."""
CHUNK = 50
"""Calls between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Weeks a second."""

    clock: float
    cpu: float


def paced(play: Callable[[], int], seconds: float) -> Pace:
    """Play for some seconds; `play` tells how many weeks it played."""
    weeks, clock, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - clock < seconds:
        weeks += play()
    return Pace(weeks / (time.perf_counter() - clock), weeks / (time.process_time() - cpu))


class Batch:
    """All episodes at once."""

    def __init__(self, world: World, logits: np.ndarray) -> None:
        """`logits`: (N, B, K + 1), used one after the other."""
        self.episodes = Episodes(world, logits.shape[1], np.random.default_rng(1))
        self.logits = logits

    def __call__(self) -> int:
        """Some weeks of all."""
        for number in range(CHUNK):
            self.episodes.step(self.logits[number % len(self.logits)])
        return CHUNK * self.logits.shape[1]


class Plain:
    """One portfolio, played over and over."""

    def __init__(self, portfolio: PlainPortfolio, logits: np.ndarray) -> None:
        """`logits`: (N, K + 1)."""
        self.portfolio, self.logits = portfolio, logits.tolist()

    def __call__(self) -> int:
        """Some weeks."""
        self.portfolio.begin(0)
        for number in range(CHUNK):
            self.portfolio.step(self.logits[number % len(self.logits)])
            self.portfolio.observe()
        return CHUNK


def difference(world: World, portfolio: PlainPortfolio, logits: np.ndarray) -> float:
    """The largest one of rewards, turnover, weights and (to their float32) observations."""
    episodes, worst = Episodes(world, COMPARED, np.random.default_rng(2)), 0.0
    plain = [PlainPortfolio(portfolio.weeks, portfolio.observer, RULES, COSTS) for _ in range(COMPARED)]
    for number in range(3 * episodes.length):
        asked = logits[number % len(logits), :COMPARED]
        if number % episodes.length == 0:
            for each, week in zip(plain, episodes.week.tolist(), strict=True):
                each.begin(week)
        week = episodes.week.copy()
        found = episodes.step(asked)
        rewards = [each.step(row) for each, row in zip(plain, asked.tolist(), strict=True)]
        held = [[each.held[s] for s in each.weeks[w].symbols] for each, w in zip(plain, week.tolist(), strict=True)]
        turnover = [each.turnover for each in plain]
        pairs = ((found.reward, rewards), (episodes.held.turnover, turnover), (episodes.held.weights, held))
        worst = max(worst, *(float(np.abs(mine - np.array(other)).max()) for mine, other in pairs))
        np.testing.assert_allclose(found.last, [each.observe() for each in plain], rtol=2e-6, atol=2e-6)
    return worst


def environment(options: argparse.Namespace) -> None:
    """Print the paces, the ratio, and how far apart the two are."""
    history = made_up_history(WEEKS, options.names, 2 * options.names + 10, 0, signal=0.15, clairvoyant=False)
    observer = Observer.fit(history)
    world = World.of(history, observer, RULES, COSTS)
    noisy = World.of(history, observer, RULES, COSTS, noise=Noise(0.3, 16, 0))
    logits = np.random.default_rng(3).normal(0, 2, (64, options.batch, options.names + 1)).clip(-LOGIT, LOGIT)
    portfolio = PlainPortfolio(plain_weeks(history), observer, RULES, COSTS)
    apart = difference(world, portfolio, logits)
    assert apart < SAME, f"the batch and the plain loop are {apart:.1e} apart"
    players = {"batch": Batch(world, logits), "noisy": Batch(noisy, logits), "plain": Plain(portfolio, logits[:, 0])}
    paces: dict[str, list[Pace]] = {name: [] for name in players}
    for _ in range(options.bursts):
        for name, play in players.items():
            paces[name].append(paced(play, options.seconds))
    print(f"environment  {options.batch} portfolios of {options.names} names; largest difference {apart:.0e}")
    for label, of in (("by the clock", lambda pace: pace.clock), ("of CPU", lambda pace: pace.cpu)):
        ratios = sorted(of(mine) / of(other) for mine, other in zip(paces["batch"], paces["plain"], strict=True))
        told = "  ".join(f"{name} {median(map(of, found)):,.0f}" for name, found in paces.items())
        print(
            f"environment  weeks a second {label:<12}  {told}"
            f"  ratio {median(ratios):.0f} ({ratios[0]:.0f} to {ratios[-1]:.0f})"
        )
