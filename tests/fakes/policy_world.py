"""Small pasts for tests of policies: names that change, weeks that are not full, and the same past in other slots."""

import importlib.util
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from learnfinance_dagster.allocation.rl.episodes import World
from learnfinance_dagster.allocation.rl.history import NOBODY, PolicyHistory
from learnfinance_dagster.allocation.rl.observation import Observer
from learnfinance_dagster.allocation.rl.state import PolicyState
from learnfinance_dagster.allocation.rl.worlds import made_up_history
from learnfinance_dagster.costs import CostModel
from learnfinance_dagster.parameters import AllocationParameters

RULES, COSTS = AllocationParameters(), CostModel()
IN_SLOTS = ("name", "features", "forecast", "returns", "closes", "halted", "hrp")
PLAIN = Path(__file__).resolve().parents[2] / "benchmarks" / "rl_parts" / "plain_portfolio.py"


def made_up(weeks=80, slots=6, names=14, seed=0, *, signal=0.15, clairvoyant=False) -> PolicyHistory:
    return made_up_history(weeks, slots, names, seed, signal=signal, clairvoyant=clairvoyant)


def played(history, observer=None, **options) -> World:
    return World.of(history, observer or Observer.fit(history), RULES, COSTS, **options)


def thinned(history: PolicyHistory, seed=0) -> PolicyHistory:
    """The same past, where every week has lost some of its last names."""
    rng = np.random.default_rng(seed)
    weeks, slots = history.name.shape
    gone = np.arange(slots) >= rng.integers(1, slots + 1, weeks)[:, None]
    return replace(
        history,
        name=np.where(gone, NOBODY, history.name),
        features=np.where(gone[..., None], np.nan, history.features),
        forecast=np.where(gone, np.nan, history.forecast),
        returns=np.where(gone, 0.0, history.returns),
        closes=np.where(gone, 0.0, history.closes),
        halted=history.halted & ~gone,
        hrp=np.where(gone, np.nan, history.hrp),
    )


def halting(history: PolicyHistory, seed=0) -> PolicyHistory:
    """The same past, where one name in eight does not trade at the open."""
    rng = np.random.default_rng(seed)
    return replace(history, halted=history.mask & (rng.random(history.name.shape) < 1 / 8))


def in_other_slots(history: PolicyHistory, order: np.ndarray) -> PolicyHistory:
    """Slot n of week t is slot `order[t, n]` of the history's."""
    week = np.arange(len(history))[:, None]
    return replace(history, **{part: getattr(history, part)[week, order] for part in IN_SLOTS})


def shuffled_slots(history: PolicyHistory, seed=0) -> np.ndarray:
    return np.argsort(np.random.default_rng(seed).random(history.name.shape), axis=1)


def state_at(history: PolicyHistory, week: int, weights: dict[str, float]) -> PolicyState:
    """One week of a history as a Monday would have stored it."""
    slots = [slot for slot, name in enumerate(history.name[week].tolist()) if name != NOBODY]
    symbols = [history.symbols[history.name[week, slot]] for slot in slots]
    known = [[_known(value) for value in history.features[week, slot]] for slot in slots]
    return PolicyState(
        symbols=tuple(symbols),
        features={symbol: tuple(row) for symbol, row in zip(symbols, known, strict=True)},
        forecast={symbol: _known(history.forecast[week, slot]) for symbol, slot in zip(symbols, slots, strict=True)},
        weights=dict(sorted(weights.items())),
    )


def plain_portfolio():
    """The benchmark's module: one portfolio, name after name, without any array."""
    if "plain_portfolio" not in sys.modules:
        spec = importlib.util.spec_from_file_location("plain_portfolio", PLAIN)
        module = importlib.util.module_from_spec(spec)
        sys.modules["plain_portfolio"] = module
        spec.loader.exec_module(module)
    return sys.modules["plain_portfolio"]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
