"""How far the training of a policy is: in Dagster's log, and as a bar where somebody looks at a terminal."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from learnfinance_dagster.allocation.rl.training import Progress


@dataclass(slots=True)
class PolicyTeller:
    """Tells of trainings, one after the other."""

    log: Callable[[str], object]
    """Takes one line, e.g. `context.log.info`."""
    _bar: Any = field(default=None, init=False)
    _name: str = field(default="", init=False)

    def __call__(self, name: str, progress: "Progress") -> None:
        """One more leg of the training `name` is done."""
        point = progress.point
        self.log(
            f"{name}: {progress.step} of {progress.steps} steps, reward {point.reward:.4f}, beyond equal weight in"
            f" training {point.train_excess * 1e4:.1f} bp a week, entropy {point.entropy:.3f}"
        )
        if sys.stderr.isatty():
            self._draw(name, progress)

    def _draw(self, name: str, progress: "Progress") -> None:
        from tqdm import tqdm

        if name != self._name:
            self.close()
            self._name = name
        if self._bar is None:
            self._bar = tqdm(desc=name, total=progress.steps, leave=False, unit=" steps")
        self._bar.update(min(progress.step, progress.steps) - self._bar.n)
        self._bar.set_postfix(reward=f"{progress.point.reward:.4f}")

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
