"""What stands in for a missing feature. Fitted on training rows, stored with the model, and used again to serve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from learnfinance_dagster.errors import DataError

KEYS = ("week", "symbol")
NO_OPINION = {"news_sentiment": 0.0}
"""Features whose absence means something: without news there is no opinion, not the usual one."""


@dataclass(frozen=True, slots=True)
class Imputation:
    """One fill for each feature, in the order in which a model was trained."""

    features: tuple[str, ...]
    fills: tuple[float, ...]

    @classmethod
    def fit(cls, frame: pd.DataFrame, features: Sequence[str]) -> Self:
        """Learn the median of each of `features` over the rows of `frame`: training rows, and no others.

        A feature that none of them has is filled with 0.

        Raises:
            DataError: a feature is not in `frame`, or is infinite somewhere.
        """
        absent = [name for name in features if name not in frame]
        if absent:
            msg = f"no feature {', '.join(absent)} to learn from"
            raise DataError(msg)
        values = _finite(frame[list(features)])
        medians = pd.DataFrame(values, columns=list(features)).median().fillna(0.0)
        return cls(tuple(features), tuple(NO_OPINION.get(name, float(medians[name])) for name in features))

    def apply(self, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Fill what is missing.

        Args:
            frame: exactly `features`, in their order; `week` and `symbol` may stand beside them.

        Returns:
            values: float64 (rows, features), none missing. mask: bool of that shape, true where it was missing.

        Raises:
            DataError: other features or another order, or an infinite value.
        """
        given = tuple(name for name in frame.columns if name not in KEYS)
        if given != self.features:
            msg = f"features {', '.join(map(str, given))} are not those that were learned: {', '.join(self.features)}"
            raise DataError(msg)
        values = _finite(frame[list(self.features)])
        mask = np.isnan(values)
        return np.where(mask, np.array(self.fills, dtype=float), values), mask

    def to_document(self) -> dict[str, Any]:
        """Plain JSON; `from_document` gives exactly this object back."""
        return {"features": list(self.features), "fills": list(self.fills)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_document` wrote.

        Raises:
            DataError: it is something else.
        """
        features, fills = document.get("features"), document.get("fills")
        if not isinstance(features, list) or not isinstance(fills, list) or len(features) != len(fills):
            raise DataError("an imputation holds two lists of one length: features and fills")
        if not all(isinstance(name, str) for name in features) or len(set(features)) != len(features):
            raise DataError("the features of an imputation are distinct names")
        if not all(isinstance(fill, float) and np.isfinite(fill) for fill in fills):
            raise DataError("the fills of an imputation are finite floats")
        return cls(tuple(features), tuple(fills))


def _finite(frame: pd.DataFrame) -> np.ndarray:
    values = frame.to_numpy(dtype=float, na_value=np.nan)
    infinite = np.isinf(values).any(axis=0)
    if infinite.any():
        msg = f"feature {frame.columns[int(np.argmax(infinite))]} is infinite"
        raise DataError(msg)
    return values
