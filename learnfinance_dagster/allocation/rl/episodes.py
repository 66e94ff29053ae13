"""Many episodes in one batch: the only place where a week of holding is played. A single environment is a batch of one.

A step is one holding week: the target weights are bought at the open of the week's first session, the one cost model
is paid, prices carry the weights to the next week's open, and each weight follows its name to the slot it has by then.
What is held in a name that is no longer screened is sold next. A name that does not trade at an open is neither bought
nor sold there.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from learnfinance_dagster.allocation.rl.action import target_weights
from learnfinance_dagster.allocation.rl.history import NOBODY, PolicyHistory
from learnfinance_dagster.allocation.rl.observation import READ, Observer, size
from learnfinance_dagster.allocation.rl.reward import RewardScale
from learnfinance_dagster.costs import CostModel
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.parameters import AllocationParameters

EPISODE_WEEKS = 52


class Held(NamedTuple):
    """What one holding week did to B portfolios."""

    log_return: np.ndarray
    """(B,) net of costs."""
    turnover: np.ndarray
    """(B,) half of the traded value over NAV."""
    weights: np.ndarray
    """(B, K) where prices carried the target weights, still in the week's own slots."""


def hold(weights: np.ndarray, outside: np.ndarray, target: np.ndarray, returns: np.ndarray, costs: CostModel) -> Held:
    """One holding week.

    Args:
        weights: (B, K) before trading.
        outside: (B,) share held in names that have no slot: it is sold.
        target: (B, K) after trading.
        returns: (B, K) simple returns of the holding week; cash earns nothing.
        costs: of the traded value.
    """
    turnover = 0.5 * (np.abs(target - weights).sum(axis=1) + outside)
    growth = 1.0 + np.einsum("bk,bk->b", target, returns)
    log_return = np.log(growth * (1.0 - costs.of_turnover(turnover)))
    return Held(log_return, turnover, target * (1.0 + returns) / growth[:, None])


def drifted(weights: np.ndarray, returns: np.ndarray) -> np.ndarray:
    """(B, K) where prices carry weights."""
    return weights * (1.0 + returns) / (1.0 + np.einsum("bk,bk->b", weights, returns))[:, None]


def tradable(target: np.ndarray, weights: np.ndarray, halted: np.ndarray) -> np.ndarray:
    """(B, K) what can be had of a target: a name that does not trade stays as it is.

    What was to be bought with the money from its sale is then bought for the cash that there is, a little of each.
    """
    stays, wanted = np.where(halted, weights, 0.0), np.where(halted, 0.0, target)
    room, asked = 1.0 - stays.sum(axis=1), wanted.sum(axis=1)
    return stays + wanted * np.minimum(1.0, room / np.maximum(asked, 1e-12))[:, None]


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise on what is observed in training: without exact inputs no policy can tell weeks apart by them.

    Equal to a penalty on the slope of what is learned (Bishop 1995, training with noise is Tikhonov regularization).
    """

    size: float
    """Standard deviation, in that of each channel."""
    variants: int
    """How many times the history is there, each with other noise."""
    seed: int


@dataclass(frozen=True, slots=True)
class World:
    """A history ready to be played: observed, and with each slot's place in the week before."""

    history: PolicyHistory
    static: np.ndarray
    """(R, T, K * C) float32: channels of every week, R times with other noise."""
    source: np.ndarray
    """(T, K) int64: slot of the same name a week before; K where it had none."""
    leaving: np.ndarray
    """(T, K) float64: 1 where the name has no slot a week later, in the last week, and before a gap."""
    ahead: np.ndarray
    """(T,) int64: how many weeks can be played from here on; a gap in the history cannot be played across."""
    present: np.ndarray
    """(T, K) float64: 1 where a name is."""
    scale: RewardScale
    baseline: np.ndarray
    """(T,) what equal weight is paid."""
    rules: AllocationParameters
    costs: CostModel
    halts: np.ndarray
    """(T,) bool: some name does not trade at the open."""

    @classmethod
    def of(  # noqa: PLR0913 - two of them are for training
        cls,
        history: PolicyHistory,
        observer: Observer,
        rules: AllocationParameters,
        costs: CostModel,
        scale: RewardScale | None = None,
        noise: Noise | None = None,
    ) -> "World":
        """Prepare a history; `scale` is the training's, by default of these weeks."""
        log_returns = equal_weight_log_returns(history)
        scale = scale or RewardScale.of(log_returns)
        source = _sources(history.name, history.follows)
        return cls(
            history=history,
            static=_noisy(observer.history(history), noise),
            source=source,
            leaving=_leaving(source),
            ahead=_ahead(history.follows),
            present=history.mask.astype(float),
            scale=scale,
            baseline=scale.of_equal_weight(log_returns),
            rules=rules,
            costs=costs,
            halts=np.asarray(history.halted.any(axis=1)),
        )

    @property
    def slots(self) -> int:
        """K."""
        return self.history.name.shape[1]

    def executed(self, target: np.ndarray, weights: np.ndarray, week: np.ndarray) -> np.ndarray:
        """What can be had of (B, K) targets in `week` (B,), where (B, K) are held before."""
        return tradable(target, weights, self.history.halted[week]) if self.halts[week].any() else target

    def carried(self, weights: np.ndarray, week: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights of the week before, (B, K), in the slots of `week` (B,), and the share that has none."""
        padded = np.concatenate([weights, np.zeros((len(weights), 1))], axis=1)
        found = padded[np.arange(len(weights))[:, None], self.source[week]]
        return found, np.einsum("bk,bk->b", weights, self.leaving[week - 1])


def equal_weight_log_returns(history: PolicyHistory) -> np.ndarray:
    """(T,) log return of the mean of each week's names, before costs."""
    count = np.maximum(history.mask.sum(axis=1), 1)
    return np.log1p(history.returns.sum(axis=1) / count)


def _sources(name: np.ndarray, follows: np.ndarray) -> np.ndarray:
    weeks, slots = name.shape
    out = np.full((weeks, slots), slots, dtype=np.int64)
    same = (name[1:, :, None] == name[:-1, None, :]) & (name[1:, :, None] != NOBODY) & follows[1:, None, None]
    week, slot, before = np.nonzero(same)
    out[week + 1, slot] = before
    return out


def _leaving(source: np.ndarray) -> np.ndarray:
    weeks, slots = source.shape
    out = np.ones((weeks, slots + 1))
    np.put_along_axis(out[:-1], source[1:], 0.0, axis=1)
    return out[:, :slots]


def _ahead(follows: np.ndarray) -> np.ndarray:
    out = np.zeros(len(follows), dtype=np.int64)
    for week in range(len(follows) - 2, -1, -1):
        out[week] = out[week + 1] + 1 if follows[week + 1] else 0
    return out


def _noisy(channels: np.ndarray, noise: Noise | None) -> np.ndarray:
    """(R, T, K * C) float32 of (T, K, C)."""
    if noise is None:
        return channels.reshape(1, len(channels), -1)
    rng = np.random.default_rng(noise.seed)
    read = channels[..., : len(READ)]
    out = np.repeat(channels[None], noise.variants, axis=0)
    drawn = rng.standard_normal((noise.variants, *read.shape), dtype=np.float32) * noise.size
    out[..., : len(READ)] += drawn * channels[..., -1:]
    return out.reshape(noise.variants, len(channels), -1)


class Stepped(NamedTuple):
    """What one step gave."""

    observation: np.ndarray
    """(B, size) float32 of the next Monday; where an episode ended, of the first Monday of the next one."""
    reward: np.ndarray
    """(B,) float64."""
    over: np.ndarray
    """(B,) bool: truncated. A year is never a terminal state: the portfolio lives on."""
    last: np.ndarray
    """(B, size) float32: `observation` before new episodes began."""


class Episodes:
    """B episodes side by side, each at its own week."""

    def __init__(self, world: World, batch: int, rng: np.random.Generator, weeks: int = EPISODE_WEEKS) -> None:
        """Start all of them.

        Raises:
            DataError: the history has no two weeks in a row.
        """
        self.world, self.rng = world, rng
        self.length = min(weeks, int(world.ahead.max(initial=0)))
        if not self.length:  # a step needs a week and the one after it
            raise DataError("a history without two weeks in a row cannot be played")
        whole, short = world.ahead >= self.length, ~world.history.follows & (world.ahead > 0)
        self.starts = np.flatnonzero(whole | short)
        """Weeks from which a whole episode can be played; of what lies between two gaps closer together, the first."""
        self.week = np.zeros(batch, dtype=np.int64)
        self.left = np.zeros(batch, dtype=np.int64)
        self.variant = np.zeros(batch, dtype=np.int64)
        self.weights = np.zeros((batch, world.slots))
        self.outside = np.zeros(batch)
        self.shown = np.zeros((batch, world.slots))
        """What is held at the last close, in the slots of now. This is observed and not `weights`: these hold the
        prices of the very open at which the decision will trade, and no decision knows them."""
        self.shown_outside = np.zeros(batch)
        self.first = np.zeros(batch)
        self.second = np.zeros(batch)
        self.parts = np.zeros((2, batch))
        """Return part and differential-Sharpe part of the newest rewards."""
        self.held = Held(np.zeros(batch), np.zeros(batch), np.zeros((batch, world.slots)))
        """What the newest week did, in its own slots."""
        self.begin(np.ones(batch, dtype=bool))

    def begin(self, which: np.ndarray) -> None:
        """Start new episodes: all cash, at a random week. One that comes to a gap is truncated there."""
        count = int(which.sum())
        first = self.starts[self.rng.integers(0, len(self.starts), count)]
        self.week[which] = first
        self.left[which] = np.minimum(self.length, self.world.ahead[first])
        self.variant[which] = self.rng.integers(0, len(self.world.static), count)
        self.weights[which], self.outside[which] = 0.0, 0.0
        self.shown[which], self.shown_outside[which] = 0.0, 0.0
        self.first[which], self.second[which] = self.world.scale.mean, self.world.scale.second

    def observe(self) -> np.ndarray:
        """(B, size) float32 of all episodes as they stand."""
        static = self.world.static
        width = static.shape[2]
        out = np.empty((len(self.week), size(self.world.slots)), dtype=np.float32)
        out[:, :width] = static[self.variant, self.week]
        out[:, width:-2] = self.shown
        out[:, -2] = 1.0 - self.shown.sum(axis=1) - self.shown_outside
        out[:, -1] = self.shown_outside
        return out

    def step(self, logits: np.ndarray) -> Stepped:
        """Play one week with (B, K + 1) logits."""
        world, week = self.world, self.week
        wanted = target_weights(logits, world.present[week], world.rules)
        target = world.executed(wanted, self.weights, week)
        self.held = held = hold(self.weights, self.outside, target, world.history.returns[week], world.costs)
        paid, sharpe, self.first, self.second = world.scale.parts(held.log_return, self.first, self.second)
        self.parts[0], self.parts[1] = paid, sharpe
        reward = paid + sharpe - world.baseline[week]
        self.week = week + 1
        self.weights, self.outside = world.carried(held.weights, self.week)
        self.shown, self.shown_outside = world.carried(drifted(target, world.history.closes[week]), self.week)
        self.left -= 1
        last = self.observe()
        over = self.left == 0
        if not over.any():
            return Stepped(last, reward, over, last)
        self.begin(over)
        return Stepped(self.observe(), reward, over, last)
