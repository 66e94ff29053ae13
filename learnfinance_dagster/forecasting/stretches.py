"""Stretches: runs of one name's sessions, so that windows which overlap are read once and not sixty times."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from learnfinance_dagster.forecasting.windows import INPUT, Windows


@dataclass(frozen=True, slots=True)
class Stretches:
    """B runs of L sessions, and W windows that end in them."""

    name: np.ndarray
    """(B,) row of the panel."""
    start: np.ndarray
    """(B,) position of the first session."""
    length: int
    """L."""
    window: np.ndarray
    """(W,) which window."""
    column: np.ndarray
    """(W,) the stretch in which it ends."""
    place: np.ndarray
    """(W,) where in the stretch: 59 or more, so that the window's own sixty sessions are in it."""

    def inputs(self, values: np.ndarray) -> np.ndarray:
        """(L, B, C) of `values` (N, T, C)."""
        return values[self.name, self.start + np.arange(self.length)[:, None]]


def stretches(windows: Windows, span: int, size: int, rng: np.random.Generator) -> Iterator[Stretches]:
    """Deal all windows out to stretches, each window to exactly one, and the stretches to batches, shuffled.

    Anchors are a week apart, so neighbouring windows share most of their sessions. A network that reads forward and
    carries a state can answer at every anchor of a run: about seven sessions a window instead of sixty. What it has
    seen at an anchor is then 60 to 59 + `span` sessions, where a window by itself has 60. Where the runs are cut is
    drawn anew each time, so that no window always stands at the same depth.

    A run never reaches beyond the panel's first session or the newest anchor: there it is moved, not padded, and on a
    panel shorter than a run it is the whole panel.

    Args:
        windows: at least one.
        span: sessions in which a stretch's windows end.
        size: stretches of a batch; the last batch may have fewer.
        rng: draws the cuts and the order.
    """
    end = int(windows.anchor.max()) + 1
    length = min(INPUT - 1 + span, end)
    offset = int(rng.integers(span))
    tile = (windows.anchor + offset) // span
    _, member = np.unique(windows.name * (end + span) + tile, return_inverse=True)
    place = rng.permutation(int(member.max()) + 1)[member]
    order = np.argsort(place, kind="stable")
    start = np.clip(tile * span - offset - (INPUT - 1), 0, end - length)
    cuts = np.searchsorted(place[order], np.arange(size, place.max() + 1, size))
    for rows in np.split(order, cuts):
        _, first, column = np.unique(place[rows], return_index=True, return_inverse=True)
        head = rows[first]
        yield Stretches(
            windows.name[head], start[head], length, rows, column, windows.anchor[rows] - start[head][column]
        )
