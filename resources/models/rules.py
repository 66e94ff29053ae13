"""What every model store holds to: names that are safe everywhere, no pickles, and a checksum for each file."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping

from learnfinance_dagster.errors import ConfigurationError, DataError, RefusedError
from learnfinance_dagster.ports import ModelFiles

CHECKSUMS = "checksums.json"
"""File name → sha256. Stores keep it beside the files and do not hand it out."""
CURRENT = "current"
"""The pointer beside the versions, so no version may be called that."""
PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt", ".joblib")
"""Endings of formats that run code when they are loaded."""
LONGEST = 128
_NAME = re.compile(r"(?!\.)[A-Za-z0-9._-]+")


def is_name(name: str, of: str) -> bool:
    """Whether `checked_name` takes it."""
    return len(name) <= LONGEST and bool(_NAME.fullmatch(name)) and not (of == "version" and name.lower() == CURRENT)


def checked_name(name: str, of: str) -> str:
    """The name itself.

    Args:
        name: of a model, a version, a file or a training.
        of: which of them, for the message.

    Raises:
        DataError: it could leave its folder, hide, or not be a name on some disk.
    """
    if is_name(name, of):
        return name
    msg = f"{name!r} is no name of a {of}: up to {LONGEST} of A-Z a-z 0-9 . _ -, no dot first, and not `{CURRENT}`"
    raise DataError(msg)


def checked_files(files: ModelFiles) -> dict[str, bytes]:
    """A copy of a version's files, by name.

    Raises:
        DataError: there are none, or a name is not safe.
        RefusedError: one is a pickle by its name.
    """
    if not files:
        raise DataError("a version without files is no version")
    for name in files:
        checked_name(name, "file")
        if name.lower() == CHECKSUMS:
            msg = f"{name} is written by the store itself"
            raise DataError(msg)
        if name.lower().endswith(PICKLES):
            msg = f"{name} looks like a pickle, which runs code when it is read; weights are kept as safetensors"
            raise RefusedError(msg)
    return {name: bytes(files[name]) for name in sorted(files)}


def digest(content: bytes) -> str:
    """sha256 as 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def checksums(files: ModelFiles) -> dict[str, str]:
    """File name → sha256."""
    return {name: digest(content) for name, content in sorted(files.items())}


def manifest(files: ModelFiles) -> bytes:
    """Content of `checksums.json`; equal files give equal bytes."""
    return (json.dumps(checksums(files), indent=1) + "\n").encode()


def read_manifest(content: bytes, where: str) -> dict[str, str]:
    """Checksums by file name, as `manifest` wrote them.

    Raises:
        DataError: it is not such a list, or names a file that no version may have.
    """
    try:
        told = json.loads(content)
    except ValueError as error:
        msg = f"{where}: not a list of checksums"
        raise DataError(msg) from error
    if not isinstance(told, dict) or not told or not all(isinstance(each, str) for each in told.values()):
        msg = f"{where}: not a list of checksums"
        raise DataError(msg)
    return {checked_name(name, "file"): each for name, each in told.items()}


def verify(files: ModelFiles, told: Mapping[str, str], where: str) -> None:
    """Compare files with their checksums.

    Raises:
        DataError: one is missing, or is not what was written; the message names it.
    """
    for name, expected in told.items():
        if name not in files:
            msg = f"{where}: {name} is missing"
            raise DataError(msg)
        if digest(files[name]) != expected:
            msg = f"{where}: {name} ({len(files[name])} bytes) is not what was written"
            raise DataError(msg)


def refuse_other(model: str, version: str, stored: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Nothing when a stored version is the wanted one, both by their checksums.

    Raises:
        RefusedError: they differ; the message names the files.
    """
    differing = sorted(name for name in stored.keys() | wanted.keys() if stored.get(name) != wanted.get(name))
    if differing:
        msg = f"{model} {version} is stored already, and its {', '.join(differing)} is not the same"
        raise RefusedError(msg)


def no_such_version(model: str, version: str, known: Iterable[str]) -> ConfigurationError:
    """For versions that were never stored; says which there are."""
    there = ", ".join(known) or "none at all"
    return ConfigurationError(f"{model} has no version {version}: train it or fetch it from the Hub; there is {there}")
