"""Windows: what was known at each decision, and the five sessions after it. Cut by date, never by position."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.panel import CLOSE, Panel
from learnfinance_dagster.values import Week

INPUT = 60
"""Sessions that a forecast looks at, the last one before the decision included."""
HORIZON = 5
"""Sessions that it looks ahead."""
MOST_MISSING = 5
"""Sessions of an input on which a name may have had no bar (a halt); more, and nothing is forecast."""


@dataclass(frozen=True, slots=True)
class Windows:
    """S windows into a panel, sorted by anchor and name."""

    panel: Panel
    name: np.ndarray
    """(S,) row of the panel."""
    anchor: np.ndarray
    """(S,) position of the last session that was known."""
    target_anchor: np.ndarray
    """(S,) position after which the target follows: the anchor itself, except in a placebo."""
    monday: np.ndarray
    """(S,) datetime64[D]: the decision's week."""

    def __len__(self) -> int:
        """S."""
        return len(self.anchor)

    def __getitem__(self, rows: np.ndarray) -> Self:
        """Some of the windows, by index or mask."""
        return replace(
            self,
            name=self.name[rows],
            anchor=self.anchor[rows],
            target_anchor=self.target_anchor[rows],
            monday=self.monday[rows],
        )

    def inputs(self, values: np.ndarray) -> np.ndarray:
        """(S, 60, C) of `values` (N, T, C): the panel's, or scores of them."""
        return _stretches(values, INPUT, self.name, self.anchor + 1 - INPUT)

    def targets(self, values: np.ndarray) -> np.ndarray:
        """(S, 5, C) of `values` (N, T, C): what came after."""
        return _stretches(values, HORIZON, self.name, self.target_anchor + 1)

    def weekly_returns(self) -> np.ndarray:
        """(S,) realised: exp(Σ of the next five close log returns) - 1."""
        daily = self.targets(self.panel.values)[:, :, CLOSE].astype(np.float64)
        return np.expm1(daily.sum(axis=1))

    def shuffled(self, rng: np.random.Generator) -> Self:
        """A placebo: each name's targets dealt out anew among its own windows. There is nothing to learn in it.

        Each target is still the target of one window alone, so no part of a later split can tell another one anything.
        """
        target = self.target_anchor.copy()
        for rows in _groups(self.name):
            target[rows] = rng.permutation(target[rows])
        return replace(self, target_anchor=target)


def _stretches(values: np.ndarray, length: int, name: np.ndarray, first: np.ndarray) -> np.ndarray:
    """(S, length, ...) of `values` (N, T, ...): whole stretches are copied, five times as fast as single sessions."""
    if not len(name):
        return np.empty((0, length, *values.shape[2:]), dtype=values.dtype)
    return np.moveaxis(sliding_window_view(values, length, axis=1), -1, 2)[name, first]


def _groups(labels: np.ndarray) -> list[np.ndarray]:
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1) if len(labels) else []


def history_used(panel: Panel) -> np.ndarray:
    """(N, T) number of sessions with a bar among the 60 that end there."""
    total = np.cumsum(panel.traded, axis=1)
    before = np.zeros_like(total)
    before[:, INPUT:] = total[:, :-INPUT]
    return total - before


def windows_at(panel: Panel, weeks: Iterable[Week], *, with_targets: bool) -> Windows:
    """Every name's window at each decision, where it has one.

    Args:
        panel: bars up to whatever is known.
        weeks: decisions whose last session the panel holds. Those with fewer than 60 sessions and one more before
            them are left out; so are, with targets, those whose five target sessions it does not hold.
        with_targets: leave out windows whose target is not wholly known: a halt in it, or a name whose bars just end.
            A name whose listing ended and was paid out has a target, and it counts.

    Raises:
        DataError: the panel does not hold a week's last session.
    """
    slots = sorted((panel.position(week.last_session), week.monday) for week in weeks)
    last = len(panel.sessions) - 1 - (HORIZON if with_targets else 0)
    slots = [(slot, monday) for slot, monday in slots if INPUT <= slot <= last]  # a panel's first session has no change
    anchors = np.array([slot for slot, _ in slots], dtype=np.int64)
    mondays = np.array([monday for _, monday in slots], dtype="datetime64[D]")
    usable = history_used(panel)[:, anchors] >= INPUT - MOST_MISSING
    usable &= ~panel.over[:, anchors]
    if with_targets and len(anchors):
        known = (panel.traded | panel.over)[:, anchors[:, None] + np.arange(1, 1 + HORIZON)]
        usable &= known.all(axis=2)
    column, name = np.nonzero(usable.T)
    return Windows(panel, name, anchors[column], anchors[column], mondays[column])


@dataclass(frozen=True, slots=True)
class Split:
    """Windows by date: to learn from, to stop by, and to be judged on."""

    train: Windows
    validation: Windows
    held_out: Windows

    @property
    def last_training_session(self) -> int:
        """Position of the last session that any training input holds: scalers see nothing after it."""
        return int(self.train.anchor.max())


def split_by_date(windows: Windows, validation_weeks: int, held_out_weeks: int, embargo: int) -> Split:
    """Cut at dates: the newest weeks are held out, those before them decide when to stop, and the oldest are learned.

    Between the last target of a part and the first of the next lie at least `embargo` sessions. All names are cut at
    the same dates.

    Raises:
        DataError: too few weeks for three parts.
    """
    anchors = np.unique(windows.anchor)
    newest = anchors[max(0, len(anchors) - held_out_weeks) :]
    stopping = _clear_of(newest, anchors, embargo)[-validation_weeks:]
    learning = _clear_of(stopping, anchors, embargo)
    if len(stopping) < validation_weeks or not len(learning):
        msg = (
            f"{len(anchors)} weeks of windows are too few: {validation_weeks} to stop by, {held_out_weeks} held out,"
            f" and {embargo + HORIZON} sessions between the parts leave none to learn from"
        )
        raise DataError(msg)
    return Split(*(windows[np.isin(windows.anchor, part)] for part in (learning, stopping, newest)))


def _clear_of(part: np.ndarray, anchors: np.ndarray, embargo: int) -> np.ndarray:
    """Anchors whose targets end early enough before the targets of `part` begin; all, where it has none."""
    return anchors[anchors + HORIZON + embargo <= part[0]] if len(part) else anchors
