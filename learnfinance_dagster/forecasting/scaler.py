"""Standard scores: fitted on training rows, stored with the model, and used again to serve."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from learnfinance_dagster.errors import DataError


@dataclass(frozen=True, slots=True)
class Scaler:
    """Mean and standard deviation of each channel."""

    channels: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def fit(cls, values: np.ndarray, channels: tuple[str, ...]) -> Self:
        """Learn from training rows.

        Args:
            values: (rows, C); rows of training windows, and no others.
            channels: their C names.

        Raises:
            DataError: there are no rows, a value is not finite, or there are not C of them in a row.

        A channel that never changes has scale 1: its rounding errors are no unit.
        """
        exact = np.asarray(values, dtype=np.float64)
        if not len(exact) or not np.isfinite(exact).all():
            raise DataError("a scaler needs training rows, and all of them finite")
        if exact.shape != (len(exact), len(channels)):
            msg = f"rows of {exact.shape[1:]} values do not fit the channels {', '.join(channels)}"
            raise DataError(msg)
        deviation = exact.std(axis=0)
        varies = (np.ptp(exact, axis=0) > 0) & (deviation > 0)
        return cls(channels, tuple(exact.mean(axis=0).tolist()), tuple(np.where(varies, deviation, 1).tolist()))

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """(..., C) values as float32 standard scores."""
        return ((values - np.array(self.mean)) / np.array(self.scale)).astype(np.float32)

    def unscaled(self, scores: np.ndarray, channel: int) -> np.ndarray:
        """Standard scores of one channel as float64 values."""
        return np.asarray(scores, dtype=np.float64) * self.scale[channel] + self.mean[channel]

    def to_document(self) -> dict[str, Any]:
        """Plain JSON; `from_document` gives exactly this object back."""
        return {"channels": list(self.channels), "mean": list(self.mean), "scale": list(self.scale)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_document` wrote.

        Raises:
            DataError: it is something else.
        """
        names = ("channels", "mean", "scale")
        if not isinstance(document, Mapping) or not all(isinstance(document.get(name), list) for name in names):
            raise DataError("a scaler holds three lists: channels, mean and scale")
        channels, mean, scale = (document[name] for name in names)
        if not len(channels) == len(mean) == len(scale) == len({str(name) for name in channels}):
            raise DataError("a scaler has one mean and one scale for each of its channels")
        if not all(isinstance(name, str) for name in channels):
            raise DataError("the channels of a scaler are names")
        if not all(isinstance(number, float) and np.isfinite(number) for number in (*mean, *scale)):
            raise DataError("means and scales of a scaler are finite floats")
        if not all(number > 0 for number in scale):
            raise DataError("scales of a scaler are positive")
        return cls(tuple(channels), tuple(mean), tuple(scale))
