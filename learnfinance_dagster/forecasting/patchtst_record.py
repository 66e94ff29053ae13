"""The record of `patchtst` and its numbers: known without torch."""

from collections.abc import Mapping
from typing import Any

from learnfinance_dagster.forecasting.forecaster import Forecaster, Implementation

FULL: Mapping[str, Any] = {
    "channels": "ohlcv",  # or `signals`: whatever else the panel holds is read, too
    "scaling": "mean",  # each window by its mean size; `std` would add the window's mean to every forecast
    "patch_length": 16,
    "patch_stride": 8,
    "width": 64,
    "heads": 4,
    "layers": 2,
    "ffn": 128,
    "dropout": 0.2,
    "batch": 256,  # the quickest on a CPU, and as good as 32
    "windows": None,  # learned from in an epoch: all
    "learning_rate": 3e-4,
    "weight_decay": 1e-4,
    "clip": 1.0,
    "epochs": 100,
    "patience": 15,
    "plateau": 5,
}
QUICK: Mapping[str, Any] = {
    **FULL,
    "width": 16,
    "heads": 2,
    "layers": 1,
    "ffn": 32,
    "windows": 16_384,  # drawn anew for every epoch: about a second on two cores
    "learning_rate": 1e-3,
    "epochs": 6,
    "patience": 2,
}


def _implementation() -> Implementation:
    from learnfinance_dagster.forecasting import patchtst

    return patchtst


PATCHTST = Forecaster(
    name="patchtst",
    summary="A transformer reads each channel's last 60 sessions as six overlapping patches, and answers with the next"
    " five days.",
    configurations={"full": FULL, "quick": QUICK},
    implementation=_implementation,
)
