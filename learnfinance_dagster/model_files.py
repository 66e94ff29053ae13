"""The files of a version, in and out: JSON and safetensors, and an error that names the file that is wrong."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.ports import ModelFiles

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS = "weights.safetensors"


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


def tensors(files: ModelFiles) -> "dict[str, Tensor]":
    """Everything in `weights.safetensors`.

    Raises:
        DataError: it is missing, something else, or holds a number that is not finite.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

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


def fill(network: "nn.Module", weights: "Mapping[str, Tensor]") -> None:
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
