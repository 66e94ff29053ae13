"""Bringing a disk and the Hub to the same models, both ways, without overwriting anything."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial

from learnfinance_dagster.errors import DataError, RefusedError
from resources.models.hub import HubModelStore
from resources.models.rules import CURRENT


@dataclass(frozen=True, slots=True)
class Conflict:
    """What a person must decide; both sides are as they were."""

    model: str
    version: str
    """`current` where the version in use is the matter."""
    why: str


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What was moved, as (model, version)."""

    uploaded: tuple[tuple[str, str], ...]
    downloaded: tuple[tuple[str, str], ...]
    promoted: tuple[tuple[str, str], ...]
    """Put in use on the side where nothing was."""
    conflicts: tuple[Conflict, ...]


class _Notes:
    """Moves things and notes what came of it."""

    def __init__(self) -> None:
        self.conflicts: list[Conflict] = []

    def moved(
        self, model: str, versions: Iterable[str], move: Callable[[str, str], bool]
    ) -> tuple[tuple[str, str], ...]:
        """Those that `move` had to move; what it refuses is a conflict."""
        return tuple((model, version) for version in versions if self._try(model, version, move))

    def _try(self, model: str, version: str, move: Callable[[str, str], bool]) -> bool:
        try:
            return move(model, version)
        except (RefusedError, DataError) as error:
            self.conflicts.append(Conflict(model, version, str(error)))
            return False


def sync(store: HubModelStore) -> SyncReport:
    """Upload versions that are only here or not whole there, download those that are only there.

    Where one side has no version in use, it takes the other's. Where they differ, that is a conflict, for nobody can
    tell which was meant: `set_current` decides. Doing it again changes nothing.

    Raises:
        TransientError: the Hub could not be asked; what was moved before stays moved.
        ConfigurationError: the Hub refuses the token.
    """
    notes, uploaded, downloaded, promoted = _Notes(), (), (), ()
    for model in sorted(store.repos):
        here = store.local.versions(model)
        there = store.remote_versions(model, besides=set(here))
        uploaded += notes.moved(model, here, store.upload)
        downloaded += notes.moved(model, there, store.download)
        if notes.moved(model, [CURRENT], partial(_agree, store, {*here, *there})):
            promoted += ((model, store.local.current(model) or ""),)
    return SyncReport(uploaded, downloaded, promoted, tuple(notes.conflicts))


def _agree(store: HubModelStore, known: Collection[str], model: str, _: str) -> bool:
    """Whether one side took the other's version in use.

    Raises:
        RefusedError: they differ, or there is no such version.
    """
    here, there = store.local.current(model), store.remote_current(model)
    version = here or there
    if version is None or here == there:
        return False
    if here and there:
        msg = f"{here} is in use here, {there} on the Hub: promote one of them again to decide"
        raise RefusedError(msg)
    if version not in known:
        msg = f"{version} should be in use and is neither here nor whole on the Hub"
        raise RefusedError(msg)
    store.set_current(model, version)
    return True
