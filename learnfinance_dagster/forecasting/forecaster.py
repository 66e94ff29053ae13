"""What a forecaster is: a record, its configurations, and two functions that need torch and are imported when used."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from learnfinance_dagster.forecasting.windows import Split, Windows
from learnfinance_dagster.ports import Checkpoints, ModelFiles

WEIGHTS, SCALER, CONFIG, METADATA = "weights.safetensors", "scaler.json", "config.json", "metadata.json"
"""Files of a version. `train` makes the first three; the card of the whole training is the fourth."""


@dataclass(frozen=True, slots=True)
class EpochLosses:
    """Mean squared errors of one epoch, in standard scores: 1 is what the training mean would have."""

    epoch: int
    train: float
    validation: float
    close: float
    """Of the validation windows, the close channel alone."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Told after every epoch."""

    losses: EpochLosses
    epochs: int
    """At most that many there will be."""
    best_epoch: int


@dataclass(frozen=True, slots=True)
class TrainingOrder:
    """All that a training depends on: the same order gives the same bytes on one machine."""

    split: Split
    configuration: Mapping[str, Any]
    """The network's and the loop's numbers: one of the forecaster's `configurations`, plain JSON."""
    seed: int
    key: str
    """Names the training for its checkpoints: whatever it depends on is hashed into it."""
    checkpoints: Checkpoints
    device: str = "cpu"
    start: ModelFiles | None = None
    """A version whose weights to begin with, and whose scaler to keep; None: from random weights."""
    say: Callable[[Progress], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training made."""

    files: ModelFiles
    """`weights.safetensors`, `scaler.json`, `config.json`."""
    history: tuple[EpochLosses, ...]
    best_epoch: int
    """Its weights were kept."""


class Predictor(Protocol):
    """A loaded version."""

    def predict(self, windows: Windows) -> np.ndarray:
        """(S, 5) float64: the next five close log returns of each window, in few large batches."""
        ...


class Implementation(Protocol):
    """The part that needs torch."""

    def train(self, order: TrainingOrder) -> Trained:
        """Learn until validation no longer improves.

        Raises:
            DataError: the windows do not fit the configuration.
        """
        ...

    def load(self, files: ModelFiles, device: str) -> Predictor:
        """Make a version ready to predict.

        Raises:
            DataError: the files are not what `train` makes.
        """
        ...


@dataclass(frozen=True, slots=True)
class Forecaster:
    """One way of forecasting next week's returns."""

    name: str
    summary: str
    """One sentence for a reader of the web UI."""
    configurations: Mapping[str, Mapping[str, Any]]
    """Profile → numbers, plain JSON: `full` as specified, `quick` smaller and shorter."""
    implementation: Callable[[], Implementation]


def weekly_return(daily: np.ndarray) -> np.ndarray:
    """(...,) simple return of (..., 5) daily log returns: exp(Σ) - 1."""
    return np.expm1(np.asarray(daily, dtype=np.float64).sum(axis=-1))
