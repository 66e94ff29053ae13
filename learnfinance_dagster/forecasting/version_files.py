"""The files of a version, in and out: JSON and safetensors, and an error that names the file that is wrong."""

from collections.abc import Mapping
from typing import Any

from safetensors.torch import save
from torch import Tensor

from learnfinance_dagster.documents import to_json
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.forecaster import CONFIG, SCALER, WEIGHTS
from learnfinance_dagster.forecasting.scaler import Scaler
from learnfinance_dagster.ports import ModelFiles


def version_files(weights: Mapping[str, Tensor], scaler: Mapping[str, Any], config: Mapping[str, Any]) -> ModelFiles:
    """The three files that a training makes; equal parts give equal bytes."""
    return {
        WEIGHTS: save(dict(weights)),
        SCALER: to_json(dict(scaler)).encode(),
        CONFIG: to_json(dict(config)).encode(),
    }


def scaler_in(stored: Any, channels: tuple[str, ...]) -> Scaler:
    """The scaler that `scaler.json`, or a part of it, holds.

    Raises:
        DataError: it is none, or of other channels.
    """
    if not isinstance(stored, dict):
        msg = f"{SCALER}: a JSON object is expected"
        raise DataError(msg)
    try:
        scaler = Scaler.from_document(stored)
    except DataError as error:
        msg = f"{SCALER}: {error}"
        raise DataError(msg) from error
    if scaler.channels != channels:
        msg = f"{SCALER}: made for {', '.join(scaler.channels)}, not {', '.join(channels)}"
        raise DataError(msg)
    return scaler
