"""The loop that all networks share: Adam, clipped gradients, early stopping, and a checkpoint after every epoch."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.checkpoint import Standing, read_standing, write_standing
from learnfinance_dagster.forecasting.forecaster import EpochLosses, Progress, TrainingOrder
from learnfinance_dagster.machine import keep_memory, one_thread


class Lesson(Protocol):
    """What differs from network to network."""

    @property
    def network(self) -> nn.Module:
        """What learns."""
        ...

    def losses(self, rng: np.random.Generator) -> Iterator[tuple[Tensor, int]]:
        """One epoch: the mean loss of each batch, ready for `backward`, and how many windows it stands for.

        Every window stands in exactly one batch; order and dropout are drawn from `rng` alone.
        """
        ...

    def validate(self) -> tuple[float, float]:
        """Mean squared error of the validation windows in standard scores: of all channels, and of close alone."""
        ...


@dataclass(frozen=True, slots=True)
class Fitted:
    """The best weights, and how they were found."""

    weights: dict[str, Tensor]
    history: tuple[EpochLosses, ...]
    best_epoch: int


def fit(lesson: Lesson, order: TrainingOrder) -> Fitted:
    """Train until validation has not improved for `patience` epochs; keep the best weights.

    The configuration gives `learning_rate`, `weight_decay`, `epochs`, `patience`, `clip` and, where the rate is to be
    halved on a plateau, `plateau` epochs. Interrupted at any moment, it goes on from the last whole epoch, and the
    result is the same to the byte.

    Raises:
        DataError: a loss is no longer a number, there is nothing to learn from, or the checkpoint cannot be read.
    """
    keep_memory()
    with one_thread():
        standing = _fitted(lesson, order)
    order.checkpoints.discard(order.key)
    return Fitted(standing.best_weights, standing.history, standing.best_epoch)


def _fitted(lesson: Lesson, order: TrainingOrder) -> Standing:
    numbers, network = order.configuration, lesson.network
    optimizer = torch.optim.Adam(
        network.parameters(), numbers["learning_rate"], weight_decay=numbers["weight_decay"], fused=True
    )
    standing = _standing(order, network, optimizer)
    while not _is_over(standing, numbers):
        epoch = len(standing.history) + 1
        _set_rate(optimizer, standing.history, numbers)
        train = _epoch(lesson, optimizer, np.random.default_rng([order.seed, epoch]), numbers["clip"])
        network.eval()
        with torch.inference_mode():
            losses = EpochLosses(epoch, train, *lesson.validate())
        _check_finite(losses, order.key)
        standing = standing.after(losses, network)
        order.checkpoints.save(order.key, write_standing(standing, network, optimizer))
        order.say(Progress(losses, numbers["epochs"], standing.best_epoch))
    return standing


def _standing(order: TrainingOrder, network: nn.Module, optimizer: torch.optim.Optimizer) -> Standing:
    try:
        return read_standing(order.checkpoints.load(order.key), network, optimizer)
    except DataError as error:
        msg = f"the checkpoint {order.key}: {error}; without it the training begins anew"
        raise DataError(msg) from error


def _epoch(lesson: Lesson, optimizer: torch.optim.Optimizer, rng: np.random.Generator, clip: float) -> float:
    lesson.network.train()
    total, count = 0.0, 0
    for loss, windows in lesson.losses(rng):
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(lesson.network.parameters(), clip)
        optimizer.step()
        total += loss.item() * windows
        count += windows
    if not count:
        raise DataError("there are no windows to learn from")
    return total / count


def _check_finite(losses: EpochLosses, key: str) -> None:
    """Such weights would be stored, and forecast nothing; a comparison with them is always False."""
    if not all(map(isfinite, (losses.train, losses.validation, losses.close))):
        msg = (
            f"training {key} broke down in epoch {losses.epoch}: its losses are {losses.train} (training),"
            f" {losses.validation} (validation) and {losses.close} (close); look for such values among the bars,"
            " or lower the learning rate"
        )
        raise DataError(msg)


def _is_over(standing: Standing, numbers: Mapping[str, Any]) -> bool:
    done = len(standing.history)
    return done >= numbers["epochs"] or done - standing.best_epoch >= numbers["patience"] > 0


def _set_rate(optimizer: torch.optim.Optimizer, history: tuple[EpochLosses, ...], numbers: Mapping[str, Any]) -> None:
    """Halve the rate when validation has not improved for more than `plateau` epochs.

    Replayed from the history, so that a resumed training needs no memory of its own for it.
    """
    for group in optimizer.param_groups:
        group["lr"] = numbers["learning_rate"]
    if numbers.get("plateau"):
        schedule = ReduceLROnPlateau(optimizer, factor=0.5, patience=numbers["plateau"])
        for losses in history:
            schedule.step(losses.validation)


def in_batches(count: int, size: int, rng: np.random.Generator | None = None) -> Iterator[np.ndarray]:
    """Indexes of `count` things in batches, shuffled by `rng` when given; the last batch may be smaller."""
    order = np.arange(count) if rng is None else rng.permutation(count)
    for first in range(0, count, size):
        yield order[first : first + size]


def squared_errors(
    predict: Callable[[np.ndarray], np.ndarray], targets: Callable[[np.ndarray], np.ndarray], count: int, size: int
) -> np.ndarray:
    """Mean squared error of each of the last axis's channels over `count` windows, `size` at a time."""
    total = sum(((predict(rows) - targets(rows)) ** 2).sum(axis=(0, 1)) for rows in in_batches(count, size))
    return np.asarray(total) / (count * 5)
