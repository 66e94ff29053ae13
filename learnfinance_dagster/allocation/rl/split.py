"""Which weeks a training learns from, and which weeks judge it: never one that it, or what it began with, has seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from learnfinance_dagster.allocation.rl.card import Span
from learnfinance_dagster.allocation.rl.history import PolicyHistory, monday_at
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.parameters import PolicyParameters


@dataclass(frozen=True, slots=True)
class Split:
    """Positions in a history."""

    training: np.ndarray
    """(N,) increasing."""
    judged: np.ndarray
    """(M,) increasing; maybe none."""
    trained_on: Span
    seen: tuple[Span, ...]
    """What the new version and all before it learned from."""


def full_split(history: PolicyHistory, settings: PolicyParameters, current: Sequence[Span]) -> Split:
    """All weeks but the newest, which judge; of those, none that the version in use has seen.

    Raises:
        DataError: there are too few weeks.
    """
    unseen = _unseen(history, current, settings.embargo_weeks)
    first_judged = _first_judged(unseen, settings)
    count = first_judged - settings.embargo_weeks
    if count < settings.min_training_weeks:
        msg = (
            f"{len(history)} weeks of history leave {max(count, 0)} to learn from, {settings.min_training_weeks} are"
            f" needed: run the job history for earlier weeks, or lower LEARNFINANCE_POLICIES__HELD_OUT_WEEKS"
            f" (now {settings.held_out_weeks})"
        )
        raise DataError(msg)
    training = np.arange(count)
    span = _span(history, training)
    return Split(training, np.flatnonzero(unseen & (np.arange(len(history)) >= first_judged)), span, (span,))


def fine_tune_split(
    history: PolicyHistory, settings: PolicyParameters, start: Sequence[Span], current: Sequence[Span] = ()
) -> Split:
    """The newest weeks; judged on those that neither they nor anything before them touch.

    Args:
        history: all weeks.
        settings: how many.
        start: what the version to begin with has seen; the new one has then seen it, too.
        current: what the version in use has seen, where that is another one.

    Raises:
        DataError: there are too few weeks.
    """
    if len(history) < settings.fine_tune_weeks:
        msg = (
            f"{len(history)} weeks of history, {settings.fine_tune_weeks} are needed to fine-tune: run the job history"
            f" for more weeks, or lower LEARNFINANCE_POLICIES__FINE_TUNE_WEEKS"
        )
        raise DataError(msg)
    training = np.arange(len(history) - settings.fine_tune_weeks, len(history))
    span = _span(history, training)
    seen = _joined((*start, span))
    unseen = _unseen(history, (*seen, *current), settings.embargo_weeks)
    return Split(training, np.flatnonzero(unseen), span, seen)


def _first_judged(unseen: np.ndarray, settings: PolicyParameters) -> int:
    """The newest weeks begin here; earlier where the version in use has seen so many of them that too few could judge.

    Otherwise nothing could take the place of a version that has been fine-tuned for half a year.
    """
    usual = len(unseen) - settings.held_out_weeks
    enough = min(settings.min_judged_weeks, settings.held_out_weeks)
    newest = np.flatnonzero(unseen)[-enough:]
    if len(newest) < enough or newest[0] - settings.embargo_weeks < settings.min_training_weeks:
        return usual
    return min(usual, int(newest[0]))


def _span(history: PolicyHistory, weeks: np.ndarray) -> Span:
    return Span(monday_at(history, weeks[0]), monday_at(history, weeks[-1]))


def _unseen(history: PolicyHistory, seen: Sequence[Span], embargo_weeks: int) -> np.ndarray:
    """(T,) bool: weeks that touch none of the spans, with some weeks between."""
    apart = np.timedelta64(7 * embargo_weeks, "D")
    touched = np.zeros(len(history), dtype=bool)
    for span in seen:
        first, last = np.datetime64(span.first) - apart, np.datetime64(span.last) + apart
        touched |= (history.mondays >= first) & (history.mondays <= last)
    return ~touched


def _joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    """The same weeks in as few spans as there can be."""
    out: list[Span] = []
    for span in sorted(spans, key=lambda each: each.first):
        if out and span.first <= out[-1].last + timedelta(days=7):
            out[-1] = Span(out[-1].first, max(out[-1].last, span.last))
        else:
            out.append(span)
    return tuple(out)
