"""A model store and checkpoints in memory. They pass the contract tests, and forget everything at the end."""

from contextlib import AbstractContextManager
from threading import Lock

from learnfinance_dagster.ports import ModelFiles
from resources.models.rules import checked_files, checked_name, checksums, no_such_version, refuse_other, verify


class MemoryModelStore:
    """A `ports.ModelStore`; `damage` changes a stored file, as a disk would."""

    def __init__(self) -> None:
        self._stored: dict[tuple[str, str], tuple[dict[str, bytes], dict[str, str]]] = {}
        self._current: dict[str, str] = {}
        self._deciding: dict[str, Lock] = {}

    def versions(self, model: str) -> tuple[str, ...]:
        checked_name(model, "model")
        return tuple(sorted(version for known, version in list(self._stored) if known == model))

    def has(self, model: str, version: str) -> bool:
        return _key(model, version) in self._stored

    def read(self, model: str, version: str) -> ModelFiles:
        found = self._stored.get(_key(model, version))
        if found is None:
            raise no_such_version(model, version, self.versions(model))
        files, told = found
        verify(files, told, f"{model} {version}")
        return dict(files)

    def write(self, model: str, version: str, files: ModelFiles, *, replace: bool = False) -> None:
        key, copy = _key(model, version), checked_files(files)
        told = checksums(copy)
        if replace:
            self._stored[key] = (copy, told)
            return
        stored, stored_told = self._stored.setdefault(key, (copy, told))
        verify(stored, stored_told, f"{model} {version}")
        refuse_other(model, version, stored_told, told)

    def current(self, model: str) -> str | None:
        return self._current.get(checked_name(model, "model"))

    def deciding(self, model: str) -> AbstractContextManager[object]:
        return self._deciding.setdefault(checked_name(model, "model"), Lock())

    def set_current(self, model: str, version: str) -> None:
        if not self.has(model, version):
            raise no_such_version(model, version, self.versions(model))
        self._current[model] = version

    def forget_current(self, model: str) -> None:
        """As if nothing had ever been put in use."""
        self._current.pop(model, None)

    def damage(self, model: str, version: str, name: str) -> None:
        """The last byte of a stored file is lost."""
        files, _ = self._stored[_key(model, version)]
        files[name] = files[name][:-1]


def _key(model: str, version: str) -> tuple[str, str]:
    return checked_name(model, "model"), checked_name(version, "version")


class MemoryCheckpoints:
    """A `ports.Checkpoints`; `saved` lists every save by key, oldest first."""

    def __init__(self) -> None:
        self.saved: list[str] = []
        self._contents: dict[str, bytes] = {}

    def load(self, key: str) -> bytes | None:
        return self._contents.get(checked_name(key, "training"))

    def save(self, key: str, content: bytes) -> None:
        self._contents[checked_name(key, "training")] = bytes(content)
        self.saved.append(key)

    def discard(self, key: str) -> None:
        self._contents.pop(checked_name(key, "training"), None)
