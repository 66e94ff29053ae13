"""From what is known of a Monday to the numbers that a policy reads: one object for training, evaluation and serving.

Layout of an observation with K slots, float32: K blocks of `CHANNELS` (imputed, standardized, clipped; the last two say
how much was imputed and whether a name is there), then K weights held, then cash, then the share held in names that
are no longer screened. Slots are the week's names by rank; which name stands where is `PolicyState.symbols` or
`PolicyHistory.name`, never remembered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from learnfinance_dagster.allocation.rl.history import PolicyHistory
from learnfinance_dagster.allocation.rl.state import FEATURES, LAYOUT, PolicyState
from learnfinance_dagster.errors import DataError

READ = (*FEATURES, "forecast")
CHANNELS = (*READ, "imputed", "present")
CLIP = 5.0
"""Standard scores beyond this are as good as this: one wild ratio must not steer everything."""
WILD = 0.01
"""Share of values at each end that only count as the next usual one when the scale is learned: a single current ratio
of 770, which is on file, would leave all others within 0.05 of each other."""
NO_OPINION = ("news_sentiment", "forecast")
"""Without news or a forecast there is no opinion, which is 0, not the usual one."""
FLAT = 1e-12
"""A standard deviation below this is that of a constant."""


@dataclass(frozen=True, slots=True)
class Observer:
    """What stands in for missing values, and the scale of each channel. Fitted on training weeks alone."""

    fills: tuple[float, ...]
    means: tuple[float, ...]
    stds: tuple[float, ...]

    @classmethod
    def fit(cls, history: PolicyHistory) -> Self:
        """Learn medians, and means and standard deviations without the wildest values, from the names of some weeks.

        Raises:
            DataError: there is nobody, or a value is infinite.
        """
        values = _read(history)[history.mask]
        if not len(values):
            raise DataError("there is no name to learn the scale of features from")
        _check(values)
        fills = [0.0 if name in NO_OPINION else _median(values[:, n]) for n, name in enumerate(READ)]
        filled = np.where(np.isnan(values), fills, values)
        usual = filled.clip(*np.quantile(filled, (WILD, 1 - WILD), axis=0))
        stds = usual.std(axis=0)
        return cls(
            fills=tuple(fills),
            means=tuple(usual.mean(axis=0).tolist()),
            stds=tuple(np.where(stds < FLAT, 1.0, stds).tolist()),
        )

    def channels(self, values: np.ndarray, present: np.ndarray) -> np.ndarray:
        """Standard scores of what is known, with what stands in for the rest.

        Args:
            values: (..., K, len(READ)) float64, NaN where not known.
            present: (..., K) bool.

        Returns:
            (..., K, len(CHANNELS)) float32; zeros in empty slots.

        Raises:
            DataError: a value is infinite.
        """
        _check(values)
        unknown = np.isnan(values)
        scores = (np.where(unknown, self.fills, values) - np.array(self.means)) / np.array(self.stds)
        parts = [scores.clip(-CLIP, CLIP), unknown.mean(axis=-1, keepdims=True), present[..., None]]
        return np.where(present[..., None], np.concatenate(parts, axis=-1), 0.0).astype(np.float32)

    def history(self, history: PolicyHistory) -> np.ndarray:
        """(T, K, len(CHANNELS)) float32 of past weeks.

        Raises:
            DataError: a value is infinite.
        """
        return self.channels(_read(history), history.mask)

    def state(self, state: PolicyState) -> np.ndarray:
        """The observation of one Monday, (1, `size(K)`) float32, as many slots as the state has names.

        Raises:
            DataError: the state is of another layout, or a value is infinite.
        """
        if state.layout != LAYOUT:
            msg = f"a state of layout {state.layout}, where {LAYOUT} is read"
            raise DataError(msg)
        symbols = state.symbols
        values = np.array([[*state.features[each], state.forecast[each]] for each in symbols], dtype=float)
        weights = np.array([[state.weights.get(each, 0.0) for each in symbols]])
        outside = np.array([sum((weight for each, weight in state.weights.items() if each not in symbols), 0.0)])
        channels = self.channels(values.reshape(1, len(symbols), len(READ)), np.ones((1, len(symbols)), dtype=bool))
        return assembled(channels, weights, 1.0 - weights.sum(axis=1) - outside, outside)

    def to_document(self) -> dict[str, Any]:
        """Plain JSON; `from_document` gives exactly this object back."""
        return {
            "layout": LAYOUT,
            "features": list(READ),
            "fills": list(self.fills),
            "means": list(self.means),
            "stds": list(self.stds),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_document` wrote.

        Raises:
            DataError: it is something else, or of another layout.
        """
        if document.get("layout") != LAYOUT or document.get("features") != list(READ):
            msg = f"an observer of layout {document.get('layout')}, where {LAYOUT} is read: train the policy again"
            raise DataError(msg)
        parts = [document.get(name) for name in ("fills", "means", "stds")]
        if not all(_are_numbers(part) for part in parts):
            raise DataError("an observer holds as many finite fills, means and stds as features")
        return cls(*(tuple(part) for part in parts if part))


def size(slots: int) -> int:
    """Length of an observation."""
    return slots * (len(CHANNELS) + 1) + 2


def assembled(channels: np.ndarray, weights: np.ndarray, cash: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Observations (B, `size(K)`) float32 from their parts: (B, K, C), (B, K), (B,) and (B,)."""
    flat = channels.reshape(len(channels), -1)
    return np.concatenate([flat, weights, cash[:, None], outside[:, None]], axis=1).astype(np.float32)


def padded(observations: np.ndarray, slots: int) -> np.ndarray:
    """The same observations with empty slots behind the names, `slots` in all."""
    names = (observations.shape[1] - 2) // (len(CHANNELS) + 1)
    flat, weights = observations[:, : names * len(CHANNELS)], observations[:, names * len(CHANNELS) : -2]
    more = slots - names
    return np.concatenate(
        [np.pad(flat, ((0, 0), (0, more * len(CHANNELS)))), np.pad(weights, ((0, 0), (0, more))), observations[:, -2:]],
        axis=1,
    )


def _read(history: PolicyHistory) -> np.ndarray:
    return np.concatenate([history.features, history.forecast[..., None]], axis=-1)


def _check(values: np.ndarray) -> None:
    infinite = np.isinf(values)
    if infinite.any():
        msg = f"feature {READ[np.argwhere(infinite)[0][-1]]} is infinite"
        raise DataError(msg)


def _median(column: np.ndarray) -> float:
    known = column[~np.isnan(column)]
    return float(np.median(known)) if len(known) else 0.0


def _are_numbers(part: object) -> bool:
    return (
        isinstance(part, list)
        and len(part) == len(READ)
        and all(isinstance(each, int | float) and np.isfinite(each) for each in part)
    )
