"""The record of `lstm` and its numbers: known without torch."""

from collections.abc import Mapping
from typing import Any

from learnfinance_dagster.forecasting.forecaster import Forecaster, Implementation

FULL: Mapping[str, Any] = {
    "hidden": 128,
    "layers": 2,
    "dropout": 0.2,
    "span": 120,  # sessions of a stretch in which its windows end (stretches.py)
    "batch": 8,  # stretches: about 200 windows
    "learning_rate": 1e-3,
    "weight_decay": 0.0,
    "clip": 1.0,
    "epochs": 100,
    "patience": 10,
}
QUICK: Mapping[str, Any] = {**FULL, "hidden": 32, "layers": 1, "epochs": 8, "patience": 3}


def _implementation() -> Implementation:
    from learnfinance_dagster.forecasting import lstm

    return lstm


LSTM = Forecaster(
    name="lstm",
    summary="A recurrent network reads the last 60 sessions of one name and answers with its next five days.",
    configurations={"full": FULL, "quick": QUICK},
    implementation=_implementation,
)
