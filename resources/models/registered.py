"""No version without a trial: whoever counts what was tried must be able to trust the count."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

from learnfinance_dagster.errors import RefusedError
from learnfinance_dagster.ports import ModelFiles, ModelStore, TrialRegister


@dataclass(frozen=True, slots=True)
class RegisteredModels:
    """A `ports.ModelStore` in front of another one. It stores only what the register knows.

    What came from the Hub was tried on another machine, whose register has it: it is fetched by the store behind this
    one, and no trial is asked for.
    """

    store: ModelStore
    register: TrialRegister

    def versions(self, model: str) -> tuple[str, ...]:
        """Every whole version of a model, snapshots included, sorted."""
        return self.store.versions(model)

    def has(self, model: str, version: str) -> bool:
        """Whether the version is there, whole."""
        return self.store.has(model, version)

    def read(self, model: str, version: str) -> ModelFiles:
        """The version's files; see the store behind this one."""
        return self.store.read(model, version)

    def write(self, model: str, version: str, files: ModelFiles, *, replace: bool = False) -> None:
        """Store a version whose trial is recorded.

        Raises:
            RefusedError: it is not; or the store behind this one refuses.
        """
        if self.register.find(model, version) is None:
            msg = f"{model} {version} is not stored: it has no trial in the register, so nobody would know it was tried"
            raise RefusedError(msg)
        self.store.write(model, version, files, replace=replace)

    def current(self, model: str) -> str | None:
        """The version in use; None before the first promotion."""
        return self.store.current(model)

    def deciding(self, model: str) -> AbstractContextManager[None]:
        """The right to decide which version is in use; see the store behind this one."""
        return self.store.deciding(model)

    def set_current(self, model: str, version: str) -> None:
        """Put a version in use; see the store behind this one."""
        self.store.set_current(model, version)
