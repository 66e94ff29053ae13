"""A made-up market for forecasters: few names, few sessions, tiny networks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from memory_models import MemoryCheckpoints

from learnfinance_dagster.calendar import mondays_between, sessions_between, week_of
from learnfinance_dagster.forecasting.forecaster import Progress, TrainingOrder
from learnfinance_dagster.forecasting.lstm_configurations import FULL
from learnfinance_dagster.forecasting.panel import CLOSE, OHLCV, Panel
from learnfinance_dagster.forecasting.windows import Split, split_by_date, windows_at

TINY = {**FULL, "hidden": 8, "dropout": 0.0, "span": 40, "batch": 2, "epochs": 3, "patience": 5}
NAMES = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
FIRST, LAST = np.datetime64("2018-01-02").item(), np.datetime64("2018-12-31").item()


def a_panel(names=NAMES, seed=0, first=FIRST, last=LAST, calm=0.01, wild=0.04):
    """Random walks; from the first name to the last they move more."""
    sessions = np.array(sessions_between(first, last), dtype="datetime64[D]")
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1, (len(names), len(sessions), len(OHLCV)))
    values *= np.linspace(calm, wild, len(names))[:, None, None]
    traded = np.ones(values.shape[:2], dtype=bool)
    return Panel(sessions, tuple(names), OHLCV, values.astype(np.float32), traded, np.zeros_like(traded))


def trending(panel):
    """The same market, in which each close change is almost the one before: something to be learned."""
    values = panel.values.copy()
    for at in range(1, values.shape[1]):
        values[:, at, CLOSE] = 0.95 * values[:, at - 1, CLOSE] + 0.3 * panel.values[:, at, CLOSE]
    return replace(panel, values=values)


def a_split(panel, validation=6, held_out=6) -> Split:
    """All weeks of the panel."""
    weeks = [week_of(monday) for monday in mondays_between(panel.sessions[7].item(), panel.sessions[-1].item())]
    return split_by_date(windows_at(panel, weeks, with_targets=True), validation, held_out, embargo=5)


@dataclass
class Listener:
    """A `say` that remembers, and may stop the training after some epochs."""

    stop_after: int = 10**9
    heard: list[Progress] = field(default_factory=list)

    def __call__(self, progress: Progress) -> None:
        self.heard.append(progress)
        if len(self.heard) == self.stop_after:
            raise KeyboardInterrupt


def an_order(split, configuration=TINY, **changes) -> TrainingOrder:
    """An order with checkpoints of its own."""
    return replace(
        TrainingOrder(split, configuration, seed=7, key="a-training", checkpoints=MemoryCheckpoints()), **changes
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """Networks this small only lose by a second thread, and a busy machine makes it much worse."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
