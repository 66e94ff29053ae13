"""The files of a version, in and out: JSON and safetensors, and an error that names the file that is wrong."""

import json
from collections.abc import Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

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


def document(files: ModelFiles, name: str) -> dict[str, Any]:
    """One of the JSON files.

    Raises:
        DataError: it is missing, or no JSON object.
    """
    try:
        found = json.loads(_content(files, name))
    except ValueError as error:  # of the encoding, too
        msg = f"{name}: no JSON: {error}"
        raise DataError(msg) from error
    if not isinstance(found, dict):
        msg = f"{name}: a JSON object is expected"
        raise DataError(msg)
    return found


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


def tensors(files: ModelFiles) -> dict[str, Tensor]:
    """Everything in `weights.safetensors`.

    Raises:
        DataError: it is missing, something else, or holds a number that is not finite.
    """
    try:
        found = load(_content(files, WEIGHTS))
    except SafetensorError as error:
        msg = f"{WEIGHTS}: not in the safetensors format: {error}"
        raise DataError(msg) from error
    broken = sorted(name for name, tensor in found.items() if not torch.isfinite(tensor).all())
    if broken:
        msg = f"{WEIGHTS}: {broken[0]} holds numbers that are not finite"
        raise DataError(msg)
    return found


def fill(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Put stored weights into a network.

    Raises:
        DataError: they are those of another network.
    """
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        msg = f"{WEIGHTS}: does not fit the configuration: {error}"
        raise DataError(msg) from error


def _content(files: ModelFiles, name: str) -> bytes:
    if name not in files:
        msg = f"{name}: missing from the version, which has {', '.join(sorted(files)) or 'no files'}"
        raise DataError(msg)
    return files[name]
