"""A forecaster without torch, and a made-up market for it: what happens around a training, in milliseconds."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from memory_models import MemoryCheckpoints, MemoryModelStore
from memory_trials import MemoryTrialRegister

from learnfinance_dagster.calendar import sessions_between
from learnfinance_dagster.forecasting.forecaster import (
    CONFIG,
    SCALER,
    WEIGHTS,
    EpochLosses,
    Forecaster,
    Progress,
    Trained,
)
from learnfinance_dagster.forecasting.panel import CLOSE, OHLCV, Panel
from learnfinance_dagster.forecasting.recipe import Workshop
from learnfinance_dagster.parameters import ForecastParameters

NAMES = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
PARAMETERS = ForecastParameters(profile="quick", validation_weeks=8, held_out_weeks=8, device="cpu")
DRIFT = 0.002
"""Log change a day that the made-up market is about."""


def a_panel(first="2017-10-02", last="2019-06-28", names=NAMES, drift=DRIFT) -> Panel:
    """Random walks that rise."""
    ends = (np.datetime64(day).item() for day in (first, last))
    sessions = np.array(sessions_between(*ends), dtype="datetime64[D]")
    values = np.random.default_rng(5).normal(drift, 0.01, (len(names), len(sessions), len(OHLCV)))
    traded = np.ones(values.shape[:2], dtype=bool)
    return Panel(sessions, tuple(names), OHLCV, values.astype(np.float32), traded, np.zeros_like(traded))


@dataclass
class Plain:
    """Learns the mean close change of its training windows, and answers with it every day.

    The configuration may change that: `says` answers with a number instead, and `cheats` with what really came.
    """

    orders: list = field(default_factory=list)
    """Of every training that was asked for."""
    epochs: list = field(default_factory=list)
    """Key of the training that each epoch was of; there is one a training, unless its checkpoint is there."""
    at_once: Callable = lambda _order: None
    """Called before a training begins."""

    def train(self, order):
        self.orders.append(order)
        self.at_once(order)
        panel, numbers = order.split.train.panel, dict(order.configuration)
        mean = order.split.train.targets(panel.values)[:, :, CLOSE].astype(float).mean()
        losses = EpochLosses(1, 1.0, 1.0, 1.0)
        if order.checkpoints.load(order.key) is None:
            self.epochs.append(order.key)
            order.checkpoints.save(order.key, b"done")
            order.say(Progress(losses, numbers["epochs"], 1))
        order.checkpoints.discard(order.key)
        learned = {"says": numbers.get("says") or float(mean), "seed": order.seed, "started": order.start is not None}
        told = {WEIGHTS: learned, SCALER: {}, CONFIG: {"cheats": bool(numbers.get("cheats"))}}
        return Trained({name: json.dumps(each).encode() for name, each in told.items()}, (losses,), 1)

    def load(self, files, _device):
        return Answers(json.loads(files[WEIGHTS])["says"], json.loads(files[CONFIG])["cheats"])


@dataclass(frozen=True)
class Answers:
    """A loaded version."""

    says: float
    cheats: bool

    def predict(self, windows):
        if self.cheats:
            return windows.targets(windows.panel.values)[:, :, CLOSE].astype(float)
        return np.full((len(windows), 5), self.says)


class WatchedStore(MemoryModelStore):
    """Remembers what was done to it; `dies` is raised by the next act of that name, before it happens."""

    def __init__(self):
        super().__init__()
        self.acts, self.dies = [], ""

    def _act(self, name, model, version):
        if self.dies == name:
            self.dies = ""
            raise KeyboardInterrupt
        self.acts.append((name, model, version))

    def write(self, model, version, files, *, replace=False):
        self._act("write", model, version)
        super().write(model, version, files, replace=replace)

    def set_current(self, model, version):
        self._act("set_current", model, version)
        super().set_current(model, version)


def a_workshop(**changes) -> Workshop:
    """An empty one."""
    usual = Workshop(WatchedStore(), MemoryTrialRegister(), MemoryCheckpoints(), {"commit": "none"}, "cpu")
    return replace(usual, **changes)


def a_forecaster(implementation=None, name="plain", **numbers) -> Forecaster:
    """One with these numbers in its configuration besides the usual ones."""
    usual = {"epochs": 9, "patience": 3, "learning_rate": 0.1}
    made = implementation or Plain()
    return Forecaster(name, "Planted.", {"quick": {**usual, **numbers}}, lambda: made)
