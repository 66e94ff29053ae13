"""LSTM: sixty sessions of a name's changes go in one after the other, and its next five close changes come out.

Read from top to bottom: windows, network, loss, loop, save, predict.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.dropout import Masks
from learnfinance_dagster.forecasting.forecaster import CONFIG, SCALER, Trained, TrainingOrder
from learnfinance_dagster.forecasting.panel import CLOSE, OHLCV, Panel
from learnfinance_dagster.forecasting.scaler import Scaler
from learnfinance_dagster.forecasting.stretches import stretches
from learnfinance_dagster.forecasting.training import Fitted, fit, in_batches
from learnfinance_dagster.forecasting.version_files import scaler_in, version_files
from learnfinance_dagster.forecasting.windows import HORIZON, INPUT, Split, Windows
from learnfinance_dagster.machine import one_thread
from learnfinance_dagster.model_files import document, fill, tensors
from learnfinance_dagster.ports import ModelFiles

ANSWERED_AT_ONCE = 2048
"""Windows of a batch that is only predicted: 63 MiB a layer."""
SHAPE = {"input": INPUT, "horizon": HORIZON, "channels": list(OHLCV)}
"""What a version was made for; stored with it, and checked when it is loaded."""


# Windows: which rows are learned from, and their scores.


def training_scaler(split: Split) -> Scaler:
    """Fitted on the sessions that the training windows' names traded, up to the last one that any of them reads."""
    panel, end = split.train.panel, split.last_training_session + 1
    names = np.unique(split.train.name)
    rows = panel.values[names, :end, : len(OHLCV)][panel.traded[names, :end]]
    return Scaler.fit(rows, OHLCV)


def _scores(panel: Panel, scaler: Scaler) -> np.ndarray:
    """(N, T, 5) float32."""
    return scaler.scaled(panel.values[..., : len(OHLCV)])


# Network.


class Network(nn.Module):
    """LSTM layers with dropout between them, and a linear head."""

    def __init__(self, hidden: int, layers: int) -> None:
        """Without numbers yet: `network_of` and `fill` put them in, so that no global randomness is used up."""
        super().__init__()
        sizes = [len(OHLCV)] + [hidden] * (layers - 1)
        self.body = nn.ModuleList(nn.LSTM(size, hidden, device="meta") for size in sizes)
        self.head = nn.Linear(hidden, HORIZON, device="meta")
        self.to_empty(device="cpu")

    def read(self, inputs: Tensor, masks: Masks | None = None) -> Tensor:
        """(L, B, 5) scores → (L, B, hidden): what is known after each session."""
        for depth, layer in enumerate(self.body):
            inputs = layer(masks(inputs) if masks and depth else inputs)[0]
        return inputs


def network_of(configuration: Mapping[str, Any], seed: int) -> Network:
    """A network with random weights: all uniform within ±1/√hidden, which is torch's own rule for both its layers."""
    network = Network(configuration["hidden"], configuration["layers"])
    rng, bound = np.random.default_rng([seed, 0]), 1 / sqrt(configuration["hidden"])
    with torch.no_grad():
        for weights in network.parameters():
            weights.copy_(torch.from_numpy(rng.uniform(-bound, bound, weights.shape)))
    return network


# Loss: mean squared error of the five days, in standard scores of the close channel.


@dataclass(frozen=True, slots=True)
class Reading:
    """A `training.Lesson`: stretches to learn from, single windows to validate with."""

    network: Network
    split: Split
    scores: np.ndarray
    configuration: Mapping[str, Any]
    device: str

    def losses(self, rng: np.random.Generator) -> Iterator[tuple[Tensor, int]]:
        """One epoch over stretches: each window stands in one of them."""
        train, numbers = self.split.train, self.configuration
        targets = train.targets(self.scores[..., CLOSE])
        masks = Masks(rng, numbers["dropout"], self.device)
        for batch in stretches(train, numbers["span"], numbers["batch"], rng):
            states = self.network.read(_on(self.device, batch.inputs(self.scores)), masks)
            answers = self.network.head(states[_on(self.device, batch.place), _on(self.device, batch.column)])
            wanted = _on(self.device, targets[batch.window])
            yield nn.functional.mse_loss(answers, wanted), len(batch.window)

    def validate(self) -> tuple[float, float]:
        """The close channel is all that is forecast: both numbers are the same."""
        windows = self.split.validation
        answers = _answers(self.network, windows, self.scores, self.device)
        error = float(np.mean((answers - windows.targets(self.scores[..., CLOSE])) ** 2, dtype=np.float64))
        return error, error


def _on(device: str, values: np.ndarray) -> Tensor:
    return torch.from_numpy(values).to(device)


def _answers(network: Network, windows: Windows, scores: np.ndarray, device: str) -> np.ndarray:
    """(S, 5) scores, each from its own sixty sessions and nothing before them."""
    found = np.empty((len(windows), HORIZON), dtype=np.float32)
    with torch.inference_mode(), one_thread():
        for rows in in_batches(len(windows), ANSWERED_AT_ONCE):
            inputs = windows[rows].inputs(scores).swapaxes(0, 1)
            found[rows] = network.head(network.read(_on(device, inputs))[-1]).cpu().numpy()
    return found


# Loop.


def learn(network: Network, scaler: Scaler, order: TrainingOrder) -> Fitted:
    """Train a network on the order's windows; `training.fit` holds the loop."""
    scores = _scores(order.split.train.panel, scaler)
    return fit(Reading(network.to(order.device), order.split, scores, order.configuration, order.device), order)


def train(order: TrainingOrder) -> Trained:
    """See `forecaster.Implementation`."""
    network = network_of(order.configuration, order.seed)
    scaler = training_scaler(order.split)
    if order.start is not None:
        fill(network, tensors(order.start))
        scaler = scaler_in(document(order.start, SCALER), OHLCV)
    fitted = learn(network, scaler, order)
    files = version_files(fitted.weights, scaler.to_document(), {**order.configuration, **SHAPE})
    return Trained(files, fitted.history, fitted.best_epoch)


# Save and load.


def empty_network(config: Mapping[str, Any]) -> Network:
    """A network of the stored sizes, without numbers.

    Raises:
        DataError: sizes are missing, or the version is made for other windows.
    """
    other = [f"{name} {config.get(name)}" for name, value in SHAPE.items() if config.get(name) != value]
    sizes = [config.get(name) for name in ("hidden", "layers")]
    if other or not all(isinstance(size, int) and size > 0 for size in sizes):
        msg = f"{CONFIG}: not an LSTM for {INPUT} sessions of {', '.join(OHLCV)}: {', '.join(other) or sizes}"
        raise DataError(msg)
    return Network(config["hidden"], config["layers"])


# Predict.


@dataclass(frozen=True, slots=True)
class Reader:
    """A `forecaster.Predictor`."""

    network: Network
    scaler: Scaler
    device: str

    def predict(self, windows: Windows) -> np.ndarray:
        """(S, 5) float64: the next five close log returns."""
        answers = _answers(self.network, windows, _scores(windows.panel, self.scaler), self.device)
        return self.scaler.unscaled(answers, CLOSE)


def load(files: ModelFiles, device: str) -> Reader:
    """See `forecaster.Implementation`."""
    network = empty_network(document(files, CONFIG))
    fill(network, tensors(files))
    return Reader(network.to(device).eval(), scaler_in(document(files, SCALER), OHLCV), device)
