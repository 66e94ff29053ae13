"""Windows a second of a full training, beside the loop that one would write first.

The baseline: batches of 32, each window with its own sixty sessions, `nn.LSTM` and transformers' module as they are.
It gets whatever only needs a switch: the better number of threads, and memory that is kept (`machine.keep_memory`).
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
from forecasting_parts.material import Batches, Shortened, lesson_of, market, one_epoch, split_of
from torch import Tensor, nn
from transformers import PatchTSTForPrediction

from learnfinance_dagster.forecasting import chosen, lstm, patchtst
from learnfinance_dagster.forecasting.panel import CLOSE, OHLCV
from learnfinance_dagster.forecasting.training import Lesson, fit, in_batches
from learnfinance_dagster.forecasting.windows import HORIZON, Split
from learnfinance_dagster.machine import keep_memory

BATCH = 32
Made = tuple[nn.Module, Callable[[Tensor, Tensor], Tensor]]
"""A network, and its loss of inputs and targets."""


@dataclass(slots=True)
class Meter:
    """Counts the windows that were learned in some seconds, by the clock and of CPU.

    From the first batch's loss on, so that what an epoch does once is no part of it: `prepared` is that.
    """

    seconds: float
    windows: int = 0
    wall: float = 0.0
    cpu: float = 0.0
    prepared: float = 0.0

    def __call__(self, batches: Batches) -> Batches:
        """Hand on batches until the time is over."""
        called, began, used, learned = time.perf_counter(), 0.0, 0.0, 0
        for loss, windows in batches:
            if not began:
                began, used = time.perf_counter(), time.process_time()
                self.prepared = began - called
            self.windows += learned
            self.wall, self.cpu = time.perf_counter() - began, time.process_time() - used
            if self.wall > self.seconds:
                return
            learned = windows
            yield loss, windows

    @property
    def pace(self) -> float:
        """Windows a second."""
        return self.windows / self.wall

    @property
    def cpu_pace(self) -> float:
        """Windows a second of CPU: what others do on the machine matters less."""
        return self.windows / self.cpu


class PlainLSTM(nn.Module):
    """Torch's two layers and a linear head."""

    def __init__(self) -> None:
        """With torch's own random weights."""
        super().__init__()
        self.body = nn.LSTM(len(OHLCV), 128, 2, dropout=0.2, batch_first=True)
        self.head = nn.Linear(128, HORIZON)

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, 60, 5) → (B, 5)."""
        return self.head(self.body(inputs)[0][:, -1])


def plain_lstm() -> Made:
    network = PlainLSTM()
    return network, lambda past, future: nn.functional.mse_loss(network(past), future[..., CLOSE])


def plain_patchtst() -> Made:
    numbers = chosen(["patchtst"])[0].configurations["full"]
    network = PatchTSTForPrediction(patchtst.network_config(numbers, len(OHLCV)))
    return network, lambda past, future: network(past_values=past, future_values=future).loss


class PlainLoop:
    """The baseline's training."""

    def __init__(self, split: Split, made: Made) -> None:
        """Every window is laid out in memory once."""
        scores = lstm.training_scaler(split).scaled(split.train.panel.values)
        self.past = torch.from_numpy(split.train.inputs(scores))
        self.future = torch.from_numpy(split.train.targets(scores))
        self.network, self.loss = made
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-3)

    def batches(self) -> Batches:
        """One epoch."""
        for rows in in_batches(len(self.past), BATCH, np.random.default_rng(0)):
            yield self.loss(self.past[rows], self.future[rows]), len(rows)

    def learn(self, seconds: float, threads: int) -> Meter:
        """For some seconds."""
        meter, before = Meter(seconds), torch.get_num_threads()
        torch.set_num_threads(threads)
        self.network.train()
        for loss, _ in meter(self.batches()):
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
            loss.item()
        torch.set_num_threads(before)
        return meter


def ours(model: str, lesson: Lesson, split: Split, seconds: float) -> Meter:
    """`fit` itself, which takes one thread, for some seconds of an epoch."""
    meter = Meter(seconds)
    fit(Shortened(lesson, meter, validates=False), one_epoch(model, split))
    return meter


def compare(model: str, plain: PlainLoop, split: Split, options: argparse.Namespace) -> None:
    keep_memory()
    lesson, threads = lesson_of(model, split), sorted({1, torch.get_num_threads()})
    baseline: dict[int, list[Meter]] = {count: [] for count in threads}
    quick: list[Meter] = []
    for _ in range(options.bursts):
        for count in threads:
            baseline[count].append(plain.learn(options.seconds, count))
        quick.append(ours(model, lesson, split, options.seconds))
    for label, pace in (("by the clock", lambda meter: meter.pace), ("of CPU", lambda meter: meter.cpu_pace)):
        middle = {count: median(map(pace, meters)) for count, meters in baseline.items()}
        told = "  ".join(f"{count} thread{'s' * (count > 1)} {value:,.0f}" for count, value in middle.items())
        rivals = baseline[max(middle, key=lambda count: middle[count])]
        ratios = sorted(pace(mine) / pace(other) for mine, other in zip(quick, rivals, strict=True))
        print(
            f"{model:<12} windows a second {label:<12}  full {median(map(pace, quick)):,.0f}  plain {told}"
            f"  ratio {median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})"
        )
    prepared = median(meter.prepared for meter in quick)
    print(
        f"{model:<12} once an epoch of {len(split.train):,} windows {prepared:.2f} s, the first batch's loss included"
    )


def lstm_pace(options: argparse.Namespace) -> None:
    torch.manual_seed(1)
    split = split_of(market(options))
    compare("lstm", PlainLoop(split, plain_lstm()), split, options)


def patchtst_pace(options: argparse.Namespace) -> None:
    torch.manual_seed(1)
    split = split_of(market(options))
    compare("patchtst", PlainLoop(split, plain_patchtst()), split, options)
