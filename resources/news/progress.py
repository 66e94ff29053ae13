"""How a long back-fill tells how far it is."""

import time
from collections.abc import Callable


class Progress:
    """Says a line after every batch, with an estimate of what is left."""

    def __init__(self, say: Callable[[str], None], unit: str, ticks: Callable[[], float] = time.monotonic) -> None:
        """Lines go to `say`; a batch is one of `unit`, e.g. days; `ticks` are monotonic seconds."""
        self._say, self._unit, self._ticks = say, unit, ticks
        self.begin(0)

    def begin(self, batches: int) -> None:
        """That many batches will follow."""
        self._total, self._done, self._articles, self._started = batches, 0, 0, self._ticks()

    def done(self, label: str, articles: int, trouble: str = "") -> None:
        """One more batch is over."""
        self._done += 1
        self._articles += articles
        left = (self._ticks() - self._started) / self._done * (self._total - self._done)
        rest = f"about {_spoken(left)} left" if self._done < self._total else "done"
        failed = f" was not fetched ({trouble})" if trouble else ""
        count = f"{self._articles:,}".replace(",", " ")
        self._say(f"news {label}{failed}: {self._done} of {self._total} {self._unit}, {count} articles, {rest}")


def _spoken(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
