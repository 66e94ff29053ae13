"""What the parts learn from: a market's panel, a panel of noise, lessons, and versions nobody trained."""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from learnfinance_dagster.calendar import session_close, sessions_between
from learnfinance_dagster.forecasting import chosen, lstm, patchtst
from learnfinance_dagster.forecasting.checkpoint import copied
from learnfinance_dagster.forecasting.forecaster import TrainingOrder
from learnfinance_dagster.forecasting.panel import OHLCV, Panel, panel_of
from learnfinance_dagster.forecasting.recipe import training_weeks
from learnfinance_dagster.forecasting.scaler import Scaler
from learnfinance_dagster.forecasting.training import Lesson
from learnfinance_dagster.forecasting.version_files import version_files
from learnfinance_dagster.forecasting.windows import Split, split_by_date, windows_at
from learnfinance_dagster.ports import ModelFiles, Trial
from learnfinance_dagster.symbols import is_index
from resources.market_directory import DirectoryMarket
from resources.practice_market import PracticeSpec, ensure

SEED = 7
FIRST, LAST = date(2019, 1, 2), date(2024, 12, 31)
"""Of the practice market."""
MODELS = ("lstm", "patchtst")
Batches = Iterator[tuple[Tensor, int]]


def market(options: argparse.Namespace) -> Panel:
    """The panel of `--market`, or of a practice market; an index is no name to trade."""
    return _market(options.market, options.names)


@cache
def _market(folder: Path | None, names: int) -> Panel:
    with tempfile.TemporaryDirectory() as temporary:
        if folder is None:
            folder = Path(temporary) / "market"
            ensure(folder, PracticeSpec(SEED, names, FIRST, LAST, signal_strength=0.15))
        source = DirectoryMarket.from_directory(folder)
        last = source.info.last_session
        bars = source.bars(source.info.first_session, last, session_close(last))
    panel = panel_of(bars[~bars["symbol"].map(is_index)])
    print(f"market       {source.info.name}: {len(panel.symbols)} names, {panel.sessions[0]} to {panel.sessions[-1]}")
    return panel


def noise(names: int, first: date, last: date) -> Panel:
    """A panel of random changes."""
    sessions = np.array(sessions_between(first, last), dtype="datetime64[D]")
    shape = (names, len(sessions), len(OHLCV))
    values = np.random.default_rng(SEED).standard_normal(shape, dtype=np.float32) * np.float32(0.02)
    traded = np.ones(shape[:2], dtype=bool)
    return Panel(sessions, tuple(f"N{n:03}" for n in range(names)), OHLCV, values, traded, np.zeros_like(traded))


def split_of(panel: Panel) -> Split:
    """All weeks, the newest 52 to stop by, nothing held out."""
    windows = windows_at(panel, training_weeks(panel), with_targets=True)
    return split_by_date(windows, validation_weeks=52, held_out_weeks=0, embargo=5)


def lesson_of(model: str, split: Split) -> Lesson:
    """The lesson of a full training, as `train` makes it."""
    numbers, values = chosen([model])[0].configurations["full"], split.train.panel.values
    if model == "lstm":
        scores = lstm.training_scaler(split).scaled(values)
        return lstm.Reading(lstm.network_of(numbers, SEED), split, scores, numbers, "cpu")
    scores = patchtst.training_scaler(split, OHLCV).scaled(values)
    return patchtst.Study(patchtst.network_of(numbers, len(OHLCV), SEED, "cpu"), split, scores, numbers, "cpu")


@dataclass(frozen=True, slots=True)
class Shortened:
    """A lesson of which only some batches are taught."""

    lesson: Lesson
    cut: Callable[[Batches], Batches]
    validates: bool

    @property
    def network(self) -> nn.Module:
        """What learns."""
        return self.lesson.network

    def losses(self, rng: np.random.Generator) -> Batches:
        """Some of an epoch."""
        return self.cut(self.lesson.losses(rng))

    def validate(self) -> tuple[float, float]:
        """The whole of it, or none."""
        return self.lesson.validate() if self.validates else (1.0, 1.0)


class NoCheckpoints:
    """A `ports.Checkpoints` that remembers nothing: what is measured is the training."""

    def load(self, key: str) -> bytes | None:
        """None."""

    def save(self, key: str, content: bytes) -> None:
        """Forget it."""

    def discard(self, key: str) -> None:
        """It was forgotten."""


class NoRegister:
    """A `ports.TrialRegister` that remembers nothing: a benchmark's versions are thrown away."""

    def record(self, trial: Trial) -> None:
        """Forget it."""

    def find(self, model: str, version: str) -> Trial | None:
        """None."""

    def trials(self, model: str | None = None) -> tuple[Trial, ...]:  # noqa: ARG002 - the port's
        """None at all."""
        return ()


def one_epoch(model: str, split: Split) -> TrainingOrder:
    """An order of a full training that ends with its first epoch."""
    numbers = {**chosen([model])[0].configurations["full"], "epochs": 1}
    return TrainingOrder(split, numbers, SEED, f"{model}-benchmark", NoCheckpoints())


def random_version(model: str, panel: Panel) -> ModelFiles:
    """A version of full size, as stored, with the weights that a training begins with."""
    numbers = chosen([model])[0].configurations["full"]
    if model == "lstm":
        network, told = lstm.network_of(numbers, SEED), {**numbers, **lstm.SHAPE}
    else:
        network = patchtst.network_of(numbers, len(OHLCV), SEED, "cpu")
        told = {**numbers, **patchtst.SHAPE, "channels": list(OHLCV)}
    scaler = Scaler.fit(panel.values.reshape(-1, len(OHLCV)), OHLCV)
    return version_files(copied(network), scaler.to_document(), told)


def save_panel(path: Path, panel: Panel) -> None:
    """For another process."""
    symbols = np.array(panel.symbols)
    np.savez(path, sessions=panel.sessions, symbols=symbols, values=panel.values, traded=panel.traded, over=panel.over)


def load_panel(path: Path) -> Panel:
    """What `save_panel` saved."""
    with np.load(path) as found:
        symbols = tuple(found["symbols"].tolist())
        return Panel(found["sessions"], symbols, OHLCV, found["values"], found["traded"], found["over"])
