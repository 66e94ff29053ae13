"""How far a training is: in Dagster's log, and as a bar where somebody looks at a terminal."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from learnfinance_dagster.forecasting.forecaster import Progress

BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt}{postfix}"
"""Without the library's own guess of the time: it did not see the first epoch begin."""


@dataclass(slots=True)
class Teller:
    """Tells of trainings, one after the other."""

    log: Callable[[str], object]
    """Takes one line, e.g. `context.log.info`."""
    _bar: Any = field(default=None, init=False)
    _name: str = field(default="", init=False)
    _began: float = field(default=0.0, init=False)
    _first: int = field(default=1, init=False)
    """Epoch that this process trained first: a resumed training begins later."""

    def __call__(self, name: str, progress: Progress) -> None:
        """One more epoch of the training `name` is done."""
        now = time.perf_counter()
        if name != self._name:
            self.close()
            self._name, self._first = name, progress.losses.epoch
            self._began = now
        seconds = self._seconds(progress, now)
        self.log(f"{name}: {line(progress, seconds)}")
        if sys.stderr.isatty():
            self._draw(name, progress, seconds)

    def _seconds(self, progress: Progress, now: float) -> float:
        """Seconds an epoch takes; 0 while that is not known."""
        done = progress.losses.epoch - self._first
        return (now - self._began) / done if done else 0.0

    def _draw(self, name: str, progress: Progress, seconds: float) -> None:
        from tqdm import tqdm

        losses = progress.losses
        if self._bar is None:
            self._bar = tqdm(desc=name, total=progress.epochs, initial=losses.epoch, leave=False, bar_format=BAR)
        told = {"train": f"{losses.train:.4f}", "validation": f"{losses.validation:.4f}"}
        if seconds:
            told["left"] = f"{seconds * (progress.epochs - losses.epoch):.0f} s"
        self._bar.n, self._bar.total = losses.epoch, progress.epochs
        self._bar.set_postfix(told)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def line(progress: Progress, seconds: float) -> str:
    """One epoch in words.

    Args:
        progress: how far the training is.
        seconds: an epoch takes that long; 0 where it is not known yet.
    """
    losses = progress.losses
    told = (
        f"epoch {losses.epoch} of at most {progress.epochs}: train {losses.train:.5f}, validation"
        f" {losses.validation:.5f} (close {losses.close:.5f}), best {progress.best_epoch}"
    )
    left = seconds * (progress.epochs - losses.epoch)
    return f"{told}; {seconds:.1f} s an epoch, at most {left:.0f} s to go" if seconds else told
