"""PatchTST: a transformer reads sixty sessions of each channel as six overlapping patches, and gives the next five.

Read from top to bottom: windows, network, loss, loop, save, predict.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PatchTSTConfig, PatchTSTForPrediction

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.dropout import Masks
from learnfinance_dagster.forecasting.forecaster import CONFIG, SCALER, Trained, TrainingOrder
from learnfinance_dagster.forecasting.halves import HALVES, together, two_hands
from learnfinance_dagster.forecasting.panel import CLOSE, OHLCV, Panel
from learnfinance_dagster.forecasting.patchtst_pass import training_pass
from learnfinance_dagster.forecasting.scaler import Scaler
from learnfinance_dagster.forecasting.training import fit, in_batches, squared_errors
from learnfinance_dagster.forecasting.version_files import scaler_in, version_files
from learnfinance_dagster.forecasting.windows import HORIZON, INPUT, Split, Windows
from learnfinance_dagster.machine import one_thread
from learnfinance_dagster.model_files import document, fill, tensors
from learnfinance_dagster.ports import ModelFiles

PATCHES = 6
"""What 60 sessions make of patches of 16, one every 8."""
ANSWERED_AT_ONCE = 2048
"""Windows of a batch that is only predicted: about 50 MiB for each channel-wide table of numbers."""
SHAPE = {"input": INPUT, "horizon": HORIZON}
"""What a version was made for; stored with it, and checked when it is loaded."""
SIZES = ("patch_length", "patch_stride", "width", "heads", "layers", "ffn")
"""Numbers of a configuration that make the network."""


# Windows: which rows are learned from, and their scores.


def channels_of(panel: Panel, configuration: Mapping[str, Any]) -> tuple[str, ...]:
    """What the network reads.

    Raises:
        DataError: the configuration asks for signals, and the panel has none.
    """
    if configuration["channels"] != "signals":
        return OHLCV
    if panel.channels[len(OHLCV) :]:
        return panel.channels
    raise DataError("patchtst is to read signals, and the panel holds none besides prices")


def training_scaler(split: Split, channels: tuple[str, ...]) -> Scaler:
    """Fitted on the sessions that the training windows' names traded, up to the last one that any of them reads."""
    panel, end = split.train.panel, split.last_training_session + 1
    names = np.unique(split.train.name)
    values = _picked(panel, channels)[names, :end]
    return Scaler.fit(values[panel.traded[names, :end]], channels)


def _picked(panel: Panel, channels: tuple[str, ...]) -> np.ndarray:
    """(N, T, C) in the order of `channels`, by name.

    Raises:
        DataError: the panel lacks one.
    """
    missing = [name for name in channels if name not in panel.channels]
    if missing:
        msg = f"the model reads {', '.join(missing)}, and the panel holds {', '.join(panel.channels)} only"
        raise DataError(msg)
    return panel.values[..., [panel.channels.index(name) for name in channels]]


def _scores(panel: Panel, scaler: Scaler) -> np.ndarray:
    """(N, T, C) float32."""
    return scaler.scaled(_picked(panel, scaler.channels))


# Network.


def network_config(configuration: Mapping[str, Any], channels: int) -> PatchTSTConfig:
    """The library's own words for our numbers. It ignores those that it does not know."""
    dropout = configuration["dropout"]
    signals = channels > len(OHLCV)
    return PatchTSTConfig(
        num_input_channels=channels,
        context_length=INPUT,
        prediction_length=HORIZON,
        patch_length=configuration["patch_length"],
        patch_stride=configuration["patch_stride"],
        d_model=configuration["width"],
        num_attention_heads=configuration["heads"],
        num_hidden_layers=configuration["layers"],
        ffn_dim=configuration["ffn"],
        attention_dropout=dropout,
        positional_dropout=dropout,
        path_dropout=dropout,
        ff_dropout=dropout,
        head_dropout=dropout,
        scaling=None if signals else configuration["scaling"],  # a level in scores of its own window is no level
        # Left alone, PatchTST forecasts each channel from that channel: signals could change no forecast of close.
        channel_attention=signals,
        share_embedding=not signals,  # and a channel that others look at must be told from the next one
        loss="mse",
    )


def network_of(configuration: Mapping[str, Any], channels: int, seed: int, device: str) -> PatchTSTForPrediction:
    """A network with random weights, as the library draws them; global randomness is left as it was.

    Raises:
        DataError: the numbers make no network, or cut a window into another number of patches than six.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(np.random.default_rng([seed, 0]).integers(2**63)))
        try:
            network = PatchTSTForPrediction(network_config(configuration, channels))
        except ValueError as error:
            msg = f"patchtst: {error}"
            raise DataError(msg) from error
    patches = network.model.patchifier.num_patches
    if patches != PATCHES:
        msg = f"patchtst: {patches} patches instead of {PATCHES}: see patch_length and patch_stride"
        raise DataError(msg)
    nn.Module.to(network, device)  # the library's own `to` does the same, and hides its arguments from type checkers
    return network


# Loss: mean squared error of the five days of open, high, low, close and volume, in standard scores: no channel is
# larger than another by its nature, so none drowns the others. Signals are read, not forecast.


@dataclass(frozen=True, slots=True)
class Study:
    """A `training.Lesson`."""

    network: PatchTSTForPrediction
    split: Split
    scores: np.ndarray
    configuration: Mapping[str, Any]
    device: str

    def losses(self, rng: np.random.Generator) -> Iterator[tuple[Tensor, int]]:
        """One epoch: every window once, or a random `windows` of them where the configuration says so."""
        train, numbers = self.split.train, self.configuration
        masks = [Masks(each, numbers["dropout"], self.device) for each in rng.spawn(HALVES)]
        learned = train[rng.permutation(len(train))[: numbers.get("windows")]]
        weights = [each for each in self.network.parameters() if each.requires_grad]
        networks = self.network, _twin(self.network)
        with two_hands() as hands:
            for rows in in_batches(len(learned), numbers["batch"]):
                halves = [learned[half] for half in np.array_split(rows, HALVES) if len(half)]
                parts = [partial(self._share, *each, len(rows)) for each in zip(networks, halves, masks, strict=False)]
                yield together(hands, weights, parts), len(rows)

    def _share(self, network: PatchTSTForPrediction, half: Windows, masks: Masks, batch: int) -> Tensor:
        """What half a batch adds to the mean loss of all of it."""
        answers = training_pass(network, _on(self.device, half.inputs(self.scores)), masks)
        wanted = _on(self.device, half.targets(self.scores[..., : len(OHLCV)]))
        return nn.functional.mse_loss(answers[..., : len(OHLCV)], wanted) * (len(half) / batch)

    def errors(self, windows: Windows) -> np.ndarray:
        """(5,) mean squared error of each channel."""
        return squared_errors(
            lambda rows: _answers(self.network, windows[rows], self.scores, self.device),
            lambda rows: windows[rows].targets(self.scores[..., : len(OHLCV)]),
            len(windows),
            ANSWERED_AT_ONCE,
        )

    def validate(self) -> tuple[float, float]:
        """Of all five channels, and of close."""
        errors = self.errors(self.split.validation)
        return float(errors.mean()), float(errors[CLOSE])


def _twin(network: PatchTSTForPrediction) -> PatchTSTForPrediction:
    """The same weights, not copied, and running statistics of its own: two halves must not write to the same ones."""
    return deepcopy(network, {id(weights): weights for weights in network.parameters()})


def _on(device: str, values: np.ndarray) -> Tensor:
    return torch.from_numpy(values).to(device)


def _answers(network: PatchTSTForPrediction, windows: Windows, scores: np.ndarray, device: str) -> np.ndarray:
    """(S, 5, 5) scores: days by channels."""
    found = np.empty((len(windows), HORIZON, len(OHLCV)), dtype=np.float32)
    with torch.inference_mode(), one_thread():
        for rows in in_batches(len(windows), ANSWERED_AT_ONCE):
            answers = network(_on(device, windows[rows].inputs(scores))).prediction_outputs
            found[rows] = answers[..., : len(OHLCV)].cpu().numpy()
    return found


# Loop.


def train(order: TrainingOrder) -> Trained:
    """See `forecaster.Implementation`."""
    channels = channels_of(order.split.train.panel, order.configuration)
    network = network_of(order.configuration, len(channels), order.seed, order.device)
    scaler = training_scaler(order.split, channels)
    if order.start is not None:
        fill(network, tensors(order.start))
        scaler = scaler_in(document(order.start, SCALER), channels)
    scores = _scores(order.split.train.panel, scaler)
    fitted = fit(Study(network, order.split, scores, order.configuration, order.device), order)
    stored = {**order.configuration, **SHAPE, "channels": list(channels)}
    files = version_files(fitted.weights, scaler.to_document(), stored)
    return Trained(files, fitted.history, fitted.best_epoch)


# Save and load.


def shape_in(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The channels that a stored version reads.

    Raises:
        DataError: sizes are missing or cannot be, or the version is made for other windows.
    """
    stored = config.get("channels")
    channels = tuple(stored) if isinstance(stored, list) else ()
    other = [f"{name} {config.get(name)}" for name, value in SHAPE.items() if config.get(name) != value]
    if channels[: len(OHLCV)] != OHLCV:
        other.append(f"channels {stored}")
    other += [f"{name} {config.get(name)}" for name in SIZES if type(config.get(name)) is not int or config[name] < 1]
    if other:
        msg = f"{CONFIG}: no PatchTST for {INPUT} sessions of {', '.join(OHLCV)}: {'; '.join(other)}"
        raise DataError(msg)
    return channels


# Predict.


@dataclass(frozen=True, slots=True)
class Reader:
    """A `forecaster.Predictor`."""

    network: PatchTSTForPrediction
    scaler: Scaler
    device: str

    def predict(self, windows: Windows) -> np.ndarray:
        """(S, 5) float64: the next five close log returns.

        Raises:
            DataError: the panel lacks a channel that the model reads.
        """
        answers = _answers(self.network, windows, _scores(windows.panel, self.scaler), self.device)
        return self.scaler.unscaled(answers[..., CLOSE], CLOSE)


def load(files: ModelFiles, device: str) -> Reader:
    """See `forecaster.Implementation`."""
    config = document(files, CONFIG)
    channels = shape_in(config)
    network = network_of({**config, "dropout": 0.0}, len(channels), 0, device)
    fill(network, tensors(files))
    scaler = scaler_in(document(files, SCALER), channels)
    return Reader(network.eval(), scaler, device)
