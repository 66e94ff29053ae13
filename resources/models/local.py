"""Models on this disk: `<root>/<model>/<version>/` with the files and their checksums, and the pointer `current`."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.ports import ModelFiles
from resources.files import write_atomic
from resources.models.folders import flush_folder, locked, put, put_right, read_from, stage, sweep_aside
from resources.models.rules import (
    CHECKSUMS,
    CURRENT,
    checked_files,
    checked_name,
    checksums,
    is_name,
    manifest,
    no_such_version,
    read_manifest,
    refuse_other,
    verify,
)

HOUR = 3600
"""Seconds after which what lies aside belongs to nobody."""


class LocalModelStore:
    """A `ports.ModelStore` in a folder. Several processes may use it at once, and any of them may be killed."""

    def __init__(self, root: Path, clock: Callable[[], float] = time.time) -> None:
        """Nothing is made before the first write; `clock` (POSIX time) tells the age of what killed writers left."""
        self.root, self._clock = root, clock

    def versions(self, model: str) -> tuple[str, ...]:
        """Every whole version, sorted by name."""
        parent = self._parent(model)
        if not parent.is_dir():
            return ()
        with locked(parent):
            put_right(parent)
            return tuple(
                sorted(each.name for each in parent.iterdir() if is_name(each.name, "version") and each.is_dir())
            )

    def has(self, model: str, version: str) -> bool:
        """Whether the version is there; reading it may still find it damaged."""
        return self.path(model, version).is_dir() or version in self.versions(model)

    def path(self, model: str, version: str) -> Path:
        """Where a version is, or would be.

        Raises:
            DataError: a name is not safe.
        """
        return self._parent(model) / checked_name(version, "version")

    def read(self, model: str, version: str) -> ModelFiles:
        """The version's files, compared with their checksums; one that is being replaced is read old or new.

        Raises:
            ConfigurationError: it was never stored.
            DataError: a file is missing, or is not what was written; the message names it.
        """
        path = self.path(model, version)
        while True:
            folder = self._open(model, version)
            try:
                return _verified(folder, str(path))
            except DataError:
                if _is_still(path, folder):
                    raise
            finally:
                os.close(folder)

    def write(self, model: str, version: str, files: ModelFiles, *, replace: bool = False) -> None:
        """Store a version: visible only when whole. The same files again change nothing.

        Raises:
            RefusedError: it is there with other files, and `replace` is not set; or a file is a pickle.
            DataError: a name is not safe, or what is there is damaged and `replace` is not set.
        """
        target, copy = self.path(model, version), checked_files(files)
        if self._is_stored(model, version, checksums(copy), replace=replace):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        flush_folder(self.root)
        sweep_aside(target.parent, self._clock() - HOUR)
        staged = stage(target, copy | {CHECKSUMS: manifest(copy)})
        try:
            with locked(target.parent):
                put_right(target.parent)
                if not self._is_stored(model, version, checksums(copy), replace=replace):
                    put(staged, target)
        finally:
            rmtree(staged, ignore_errors=True)

    def current(self, model: str) -> str | None:
        """The version in use; None before the first promotion.

        Raises:
            DataError: the pointer holds no version's name.
        """
        pointer = self._parent(model) / CURRENT
        try:
            told = pointer.read_text(encoding="utf-8").removesuffix("\n")
            return checked_name(told, "version")
        except FileNotFoundError:
            return None
        except (DataError, UnicodeDecodeError) as error:
            msg = f"{pointer}: {error}"
            raise DataError(msg) from error

    @contextmanager
    def deciding(self, model: str) -> Iterator[None]:
        """The right to decide which version is in use; the others wait. A decision takes seconds: all models share it.

        Raises:
            DataError: the name is not safe.
        """
        self._parent(model)
        self.root.mkdir(parents=True, exist_ok=True)
        with locked(self.root):
            yield

    def set_current(self, model: str, version: str) -> None:
        """Put a version in use, at once and for every reader.

        Raises:
            ConfigurationError: there is no such version.
        """
        if not self.has(model, version):
            raise no_such_version(model, version, self.versions(model))
        write_atomic(self._parent(model) / CURRENT, f"{version}\n".encode())

    def _parent(self, model: str) -> Path:
        return self.root / checked_name(model, "model")

    def _open(self, model: str, version: str) -> int:
        """A descriptor of the version's folder: it stays the same folder whatever is renamed."""
        while True:
            try:
                return os.open(self.path(model, version), os.O_RDONLY | os.O_DIRECTORY)
            except (FileNotFoundError, NotADirectoryError):
                known = self.versions(model)
                if version not in known:
                    raise no_such_version(model, version, known) from None

    def _is_stored(self, model: str, version: str, told: Mapping[str, str], *, replace: bool) -> bool:
        """Whether exactly that is there, sound. Other files, or damage, are errors unless they will be replaced."""
        if not self.path(model, version).is_dir():
            return False
        try:
            stored = checksums(self.read(model, version))
        except DataError:
            if replace:
                return False
            raise
        if not replace:
            refuse_other(model, version, stored, told)
        return stored == told


def _verified(folder: int, where: str) -> dict[str, bytes]:
    listed = read_from(folder, CHECKSUMS)
    if listed is None:
        msg = f"{where}: {CHECKSUMS} is missing"
        raise DataError(msg)
    told = read_manifest(listed, f"{where}/{CHECKSUMS}")
    found = {name: read_from(folder, name) for name in told}
    files = {name: content for name, content in found.items() if content is not None}
    verify(files, told, where)
    return files


def _is_still(path: Path, folder: int) -> bool:
    """Whether the open folder is the one at `path`: no replacement took its place."""
    try:
        return os.path.samestat(path.stat(), os.fstat(folder))
    except FileNotFoundError:
        return False
