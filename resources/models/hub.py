"""Models on the Hugging Face Hub: a mirror of a local store, with the same files.

One private repository a model, one branch a version or snapshot, and on `main` the files of the version in use.
"""

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from learnfinance_dagster.errors import ConfigurationError, DataError, TransientError
from learnfinance_dagster.ports import ModelFiles, ModelStore
from resources.models.hub_errors import OfflineError
from resources.models.hub_repository import MAIN, HubRepository, Tree
from resources.models.model_card import model_card
from resources.models.rules import (
    CHECKSUMS,
    checked_files,
    checked_name,
    is_name,
    manifest,
    no_such_version,
    read_manifest,
    verify,
)

CURRENT_FILE = "current.json"
"""On `main` only: which version its files are."""
README = "README.md"
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HubModelStore:
    """A `ports.ModelStore`. What is here is read from here, without the network; the Hub is asked for the rest.

    Anything written is kept here first: when the Hub cannot be reached, `write` and `set_current` raise with the local
    part done, and doing the same again, or `sync`, finishes it.
    """

    local: ModelStore
    repos: Mapping[str, str]
    """Model → owner/name."""
    endpoint: str
    token: Callable[[], str | None] = field(repr=False)
    """Read whenever the Hub is asked, kept nowhere. Without one, public repositories can be read."""
    private: bool = True
    """What new repositories are, and what old ones must be before anything is uploaded to them."""

    def versions(self, model: str) -> tuple[str, ...]:
        """Whole versions here and on the Hub, sorted; those that are here when the Hub cannot be reached.

        Raises:
            ConfigurationError: the Hub refuses the token.
        """
        here = set(self.local.versions(model))
        try:
            there = self.remote_versions(model, besides=here)
        except (TransientError, OfflineError) as error:
            _LOGGER.warning("versions of %s on the Hub are not listed: %s", model, error)
            there = ()
        return tuple(sorted(here.union(there)))

    def has(self, model: str, version: str) -> bool:
        """Whether the version is here or, whole, on the Hub.

        Raises:
            TransientError: it is not here, and the Hub cannot be asked.
        """
        return self.local.has(model, version) or self._remote(model, version) is not None

    def read(self, model: str, version: str) -> ModelFiles:
        """The version's files; fetched from the Hub and stored here first when they are missing here.

        Raises:
            ConfigurationError: it was never stored.
            DataError: a file is missing, or is not what was written or what the Hub says; nothing is stored then.
            RefusedError: a file on the Hub is a pickle.
            TransientError: it is not here, and the Hub cannot be asked.
        """
        if not self.local.has(model, version):
            self.download(model, version)
        return self.local.read(model, version)

    def write(self, model: str, version: str, files: ModelFiles, *, replace: bool = False) -> None:
        """Store a version here, then on its branch.

        Raises:
            RefusedError: here or on the Hub it is there with other files, and `replace` is not set.
            TransientError: it is stored here, and the Hub has yet to get it.
        """
        self._repository(model)
        _branch(version)
        _refuse_reserved(files)
        self.local.write(model, version, files, replace=replace)
        self._hold(model, version, files, replace=replace)

    def current(self, model: str) -> str | None:
        """The version in use: what was set here; where nothing was, what `main` says.

        Raises:
            TransientError: nothing was set here, and the Hub cannot be asked.
        """
        return self.local.current(model) or self.remote_current(model)

    def deciding(self, model: str) -> AbstractContextManager[None]:
        """The right to decide which version is in use here. Another machine that shares the Hub is not held up."""
        return self.local.deciding(model)

    def set_current(self, model: str, version: str) -> None:
        """Put a version in use here, then on `main`, its files and the pointer in one commit.

        Raises:
            ConfigurationError: there is no such version.
            RefusedError: its branch holds other files than those here.
            TransientError: it is in use here, and `main` has yet to follow.
        """
        if not self.local.has(model, version):
            self.download(model, version)
        self.local.set_current(model, version)
        self.upload(model, version)
        self.publish(model, version)

    def remote_versions(self, model: str, besides: set[str] | None = None) -> tuple[str, ...]:
        """Whole versions on the Hub, sorted; one request, and one for each branch.

        Args:
            model: whose.
            besides: names that are of no interest, and cost no request.
        """
        names = (each for each in self._repository(model).branches() if is_name(each, "version") and each != MAIN)
        return tuple(sorted(each for each in names if each not in (besides or ()) and self._remote(model, each)))

    def remote_current(self, model: str) -> str | None:
        """The version that `main` says is in use.

        Raises:
            DataError: it says nothing that is a version's name.
        """
        repository = self._repository(model)
        tree = repository.look(MAIN)
        if tree is None or CURRENT_FILE not in tree.files:
            return None
        content = repository.fetch(tree, [CURRENT_FILE])[CURRENT_FILE]
        try:
            return checked_name(json.loads(content)["version"], "version")
        except (ValueError, KeyError, TypeError, DataError):
            msg = f"{repository.name}: {CURRENT_FILE} on {MAIN} names no version"
        raise DataError(msg)

    def upload(self, model: str, version: str) -> bool:
        """Bring the version's branch to what is here; True when something had to be sent.

        Raises:
            RefusedError: the branch holds other files.
        """
        return self._hold(model, version, self.local.read(model, version), replace=False)

    def download(self, model: str, version: str) -> bool:
        """Store here what the version's branch holds: True when that is done; see `read` for the errors."""
        tree = self._remote(model, version)
        if tree is None:
            raise no_such_version(model, version, self.versions(model))
        repository = self._repository(model)
        where = f"{repository.name}, branch {version}"
        told = read_manifest(repository.fetch(tree, [CHECKSUMS])[CHECKSUMS], f"{where}: {CHECKSUMS}")
        checked_files(dict.fromkeys(told, b""))
        for name, sha256 in told.items():
            if name in tree.files and tree.files[name].sha256 not in (None, sha256):
                msg = f"{where}: the Hub holds another {name} than {CHECKSUMS} says"
                raise DataError(msg)
        files = repository.fetch(tree, told)
        verify(files, told, where)
        self.local.write(model, version, files)
        return True

    def publish(self, model: str, version: str) -> None:
        """Bring `main` to that version's files and its name; one commit, and none when they are there."""
        files = self.local.read(model, version)
        pointer = f"{json.dumps({'version': version})}\n".encode()
        page = {README: model_card(model, version, files), CURRENT_FILE: pointer}
        self._repository(model).hold(MAIN, page | {CHECKSUMS: manifest(files)} | dict(files), replace=True)

    def _hold(self, model: str, version: str, files: ModelFiles, *, replace: bool) -> bool:
        _refuse_reserved(files)
        wanted = {**files, CHECKSUMS: manifest(files)}
        return self._repository(model).hold(_branch(version), wanted, replace=replace)

    def _remote(self, model: str, version: str) -> Tree | None:
        """The version's branch when a whole version is on it."""
        tree = self._repository(model).look(_branch(version))
        return tree if tree and tree.is_whole else None

    def _repository(self, model: str) -> HubRepository:
        name = self.repos.get(checked_name(model, "model"))
        if name is None:
            msg = f"no repository on the Hub is set for {model}: set one (owner/name), or keep models on this disk only"
            raise ConfigurationError(msg)
        return HubRepository(name, self.endpoint, self.token, self.private)


def _branch(version: str) -> str:
    """The version's branch: its name.

    Raises:
        DataError: git has no branch of that name, or `main` is meant.
    """
    name = checked_name(version, "version")
    if name == MAIN or name.startswith("-") or ".." in name or name.endswith((".", ".lock")):
        msg = f"{name!r} is no name of a version on the Hub, where each is a branch"
        raise DataError(msg)
    return name


def _refuse_reserved(files: ModelFiles) -> None:
    if CURRENT_FILE in files:
        msg = f"{CURRENT_FILE} is written by the store itself"
        raise DataError(msg)
