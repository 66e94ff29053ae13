"""LSTM by transfer: learn the index, then fine-tune for groups of names that move alike.

Read from top to bottom: groups, index, stages, loop, save, predict. The network and its loss are those of `lstm`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from learnfinance_dagster.errors import ConfigurationError, DataError
from learnfinance_dagster.forecasting import lstm
from learnfinance_dagster.forecasting.forecaster import CONFIG, SCALER, EpochLosses, Progress, Trained, TrainingOrder
from learnfinance_dagster.forecasting.panel import CLOSE, OHLCV, Panel
from learnfinance_dagster.forecasting.scaler import Scaler
from learnfinance_dagster.forecasting.training import Fitted
from learnfinance_dagster.forecasting.version_files import scaler_in, version_files
from learnfinance_dagster.forecasting.windows import HORIZON, Split, Windows
from learnfinance_dagster.model_files import document, fill, tensors
from learnfinance_dagster.ports import Checkpoints, ModelFiles

INDEX = "index"
GROUPS = ("calm", "middling", "wild")
UNKNOWN = "middling"
"""Group of a name that training did not know."""
PARTS = (INDEX, *GROUPS)
MEAN = "mean of all names"
"""Stands in for an index that the panel does not hold; `index_used` in config.json says so."""


# Groups: who is trained together.


def groups_of(split: Split, index: str) -> dict[str, list[str]]:
    """Group → names, split into thirds by the standard deviation of the close changes that training rows hold.

    Raises:
        DataError: fewer names than groups.
    """
    panel, end = split.train.panel, split.last_training_session + 1
    names = [name for name in np.unique(split.train.name).tolist() if panel.symbols[name] != index]
    if len(names) < len(GROUPS):
        msg = f"{len(names)} names with training windows are too few for {len(GROUPS)} groups"
        raise DataError(msg)
    closes, traded = panel.values[:, :end, CLOSE].astype(np.float64), panel.traded[:, :end]
    ranked = sorted(names, key=lambda name: (closes[name][traded[name]].std(), panel.symbols[name]))
    thirds = np.array_split(np.array(ranked), len(GROUPS))
    return {group: sorted(panel.symbols[name] for name in third) for group, third in zip(GROUPS, thirds, strict=True)}


def _of(split: Split, symbols: Sequence[str]) -> Split:
    """The windows of some names."""
    rows = np.flatnonzero(np.isin(split.train.panel.symbols, symbols))
    return _each(split, lambda windows: windows[np.isin(windows.name, rows)])


def _each(split: Split, change: Callable[[Windows], Windows]) -> Split:
    return Split(change(split.train), change(split.validation), change(split.held_out))


# Index: what is learned first.


def index_split(split: Split, index: str) -> tuple[str, Split]:
    """Which index there is, and its windows: the symbol's own, or at the same decisions those of the names' mean."""
    own = _of(split, [index])
    if len(own.train) and len(own.validation):
        return index, own
    mean = _mean_of(split.train.panel)
    return MEAN, _each(split, lambda windows: _once_a_week(windows, mean))


def _mean_of(panel: Panel) -> Panel:
    """One name whose change is the mean change of all names that traded."""
    count = panel.traded.sum(axis=0, keepdims=True)
    total = panel.values[..., : len(OHLCV)].sum(axis=0, keepdims=True, where=panel.traded[..., None], dtype=np.float64)
    values = (total / np.maximum(count, 1)[..., None]).astype(np.float32)
    return Panel(panel.sessions, (MEAN,), OHLCV, values, count > 0, np.zeros_like(count, dtype=bool))


def _once_a_week(windows: Windows, panel: Panel) -> Windows:
    """One window at each decision. In a placebo its target is as far from it as that of a name."""
    first = windows[np.unique(windows.anchor, return_index=True)[1]]
    return replace(first, panel=panel, name=np.zeros_like(first.name))


# Stages: the index, then every group from the index's weights.


@dataclass(frozen=True, slots=True)
class _KeptCheckpoints:
    """Those of finished stages stay until all are done, so that an interruption costs none of them."""

    inner: Checkpoints

    def load(self, key: str) -> bytes | None:
        return self.inner.load(key)

    def save(self, key: str, content: bytes) -> None:
        self.inner.save(key, content)

    def discard(self, key: str) -> None:
        """Not yet."""


def _stage_order(order: TrainingOrder, part: str, split: Split, done: int) -> TrainingOrder:
    """The order of one part, whose epochs are counted on from the `done` ones of the parts before it."""
    if not len(split.train) or not len(split.validation):
        msg = f"the group {part} has {len(split.train)} windows to learn from and {len(split.validation)} to stop by"
        raise DataError(msg)
    numbers = order.configuration
    if part == INDEX:
        changed = {"batch": numbers["index_batch"]}
    else:
        changed = {"learning_rate": numbers["tuning_rate" if numbers["transfer"] == "full" else "learning_rate"]}
    most = done + numbers["epochs"] * (len(PARTS) - PARTS.index(part))

    def say(progress: Progress) -> None:
        order.say(Progress(_later(progress.losses, done), most, done + progress.best_epoch))

    return replace(
        order,
        split=split,
        configuration={**numbers, **changed},
        key=_key(order, part),
        checkpoints=_KeptCheckpoints(order.checkpoints),
        say=say,
    )


def _key(order: TrainingOrder, part: str) -> str:
    return f"{order.key}-{part}"


def _later(losses: EpochLosses, epochs: int) -> EpochLosses:
    return replace(losses, epoch=losses.epoch + epochs)


def _tuned_from(index: Fitted, numbers: Mapping[str, Any]) -> lstm.Network:
    """The index's network, ready to be fine-tuned; with `freeze` only its head can change."""
    network = lstm.Network(numbers["hidden"], numbers["layers"])
    fill(network, index.weights)
    network.body.requires_grad_(numbers["transfer"] == "full")
    return network


# Loop.


def train(order: TrainingOrder) -> Trained:
    """See `forecaster.Implementation`.

    With `start`, the index model begins from that version's, and its scalers are kept; groups are formed anew and
    fine-tuned from the index as ever. Losses are told part after part.

    Raises:
        ConfigurationError: `transfer` is neither `freeze` nor `full`.
    """
    numbers, split = order.configuration, order.split
    if numbers["transfer"] not in {"freeze", "full"}:
        msg = f"transfer is `freeze` or `full`, not {numbers['transfer']!r}"
        raise ConfigurationError(msg)
    groups = groups_of(split, numbers["index"])
    index_used, index = index_split(split, numbers["index"])
    splits = {INDEX: index} | {group: _of(split, names) for group, names in groups.items()}
    begun = None if order.start is None else _readers(order.start, "cpu")
    fitted: dict[str, Fitted] = {}
    scalers: dict[str, Scaler] = {}
    for part, own in splits.items():
        stage = _stage_order(order, part, own, done=sum(len(each.history) for each in fitted.values()))
        scalers[part] = lstm.training_scaler(own) if begun is None else begun[part].scaler
        if part != INDEX:
            network = _tuned_from(fitted[INDEX], numbers)
        else:
            network = lstm.network_of(numbers, order.seed) if begun is None else begun[INDEX].network
        fitted[part] = lstm.learn(network, scalers[part], stage)
    for part in PARTS:
        order.checkpoints.discard(_key(order, part))
    return _trained(fitted, scalers, {**numbers, "index_used": index_used, "groups": groups})


# Save: one file of weights, the parts told apart by prefix.


def _trained(fitted: Mapping[str, Fitted], scalers: Mapping[str, Scaler], config: Mapping[str, Any]) -> Trained:
    """All parts' files and histories. `best_epoch` is that of the last part; config.json tells that of each."""
    weights = {f"{part}/{name}": tensor for part, each in fitted.items() for name, tensor in each.weights.items()}
    documents = {part: scaler.to_document() for part, scaler in scalers.items()}
    history: list[EpochLosses] = []
    best: dict[str, int] = {}
    for part, each in fitted.items():
        best[part] = len(history) + each.best_epoch
        history += [_later(losses, len(history)) for losses in each.history]
    files = version_files(weights, documents, {**config, **lstm.SHAPE, "best_epochs": best})
    return Trained(files, tuple(history), best[PARTS[-1]])


# Predict: each name with its group's network.


@dataclass(frozen=True, slots=True)
class Readers:
    """A `forecaster.Predictor`."""

    parts: Mapping[str, lstm.Reader]
    part_of: Mapping[str, str]
    """Symbol → part, of those that training knew."""

    def predict(self, windows: Windows) -> np.ndarray:
        """(S, 5) float64: the next five close log returns."""
        part = np.array([self.part_of.get(symbol, UNKNOWN) for symbol in windows.panel.symbols])[windows.name]
        found = np.empty((len(windows), HORIZON))
        for name, reader in self.parts.items():
            found[part == name] = reader.predict(windows[part == name])
        return found


def load(files: ModelFiles, device: str) -> Readers:
    """See `forecaster.Implementation`."""
    config = document(files, CONFIG)
    groups = config.get("groups")
    if not isinstance(groups, dict) or not all(isinstance(groups.get(group), list) for group in GROUPS):
        msg = f"{CONFIG}: `groups` must list the names of {', '.join(GROUPS)}"
        raise DataError(msg)
    part_of = {str(symbol): group for group in GROUPS for symbol in groups[group]}
    part_of[str(config.get("index"))] = INDEX
    return Readers(_readers(files, device), part_of)


def _readers(files: ModelFiles, device: str) -> dict[str, lstm.Reader]:
    config, scalers, weights = document(files, CONFIG), document(files, SCALER), tensors(files)
    readers: dict[str, lstm.Reader] = {}
    for part in PARTS:
        network = lstm.empty_network(config)
        prefix = f"{part}/"
        fill(network, {name.removeprefix(prefix): each for name, each in weights.items() if name.startswith(prefix)})
        readers[part] = lstm.Reader(network.to(device).eval(), scaler_in(scalers.get(part), OHLCV), device)
    return readers
