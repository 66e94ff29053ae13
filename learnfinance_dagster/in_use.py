"""Which version of a model is in use: never one that knows the week, and never half put in place."""

from collections.abc import Callable
from datetime import date
from typing import Protocol, TypeVar

from learnfinance_dagster.ports import Checkpoints, ModelFiles, ModelStore
from learnfinance_dagster.values import Week


class Version(Protocol):
    """What a card tells of its version."""

    @property
    def version(self) -> str:
        """Its name."""
        ...

    @property
    def serves(self) -> date:
        """The Monday that it was trained for."""
        ...

    @property
    def known_until(self) -> date:
        """The last session of its data."""
        ...

    @property
    def promoted(self) -> bool:
        """It was put in use when it was made."""
        ...

    @property
    def replaced(self) -> str:
        """The version that was in use before it; empty when there was none."""
        ...


V = TypeVar("V", bound=Version)


def promoted_for(store: ModelStore, model: str, week: Week, card_of: Callable[[ModelFiles], V]) -> V | None:
    """The version that is in use, as far as the week may know it; None when nothing had been promoted.

    That is `current`, which a person may have rolled back; for a week before the one that `current` was trained for,
    the newest version that had been promoted by then.
    """
    current = store.current(model)
    if current is None:
        return None
    card = card_of(store.read(model, current))
    if card.known_until <= week.last_session:
        return card
    cards = [card_of(store.read(model, version)) for version in store.versions(model)]
    known = [card for card in cards if card.promoted and card.known_until <= week.last_session]
    replaced = {card.replaced for card in known}
    return max(known, key=lambda card: (card.serves, card.version not in replaced, card.version), default=None)


def put_in_use(
    store: ModelStore, checkpoints: Checkpoints, model: str, card: V, card_of: Callable[[ModelFiles], V]
) -> None:
    """Point `current` at a promoted version, unless one that was trained for a later Monday is in use.

    Only while `deciding`: it was judged beside what is in use now.
    """
    current = store.current(model)
    if card.promoted and (current is None or card_of(store.read(model, current)).serves <= card.serves):
        store.set_current(model, card.version)
    checkpoints.discard(unfinished(model, card.version))


def unfinished(model: str, version: str) -> str:
    """Checkpoint that is there from before a version is stored until it is in use.

    Without it, a training that is launched again could not tell a kill in between from a person's rollback.
    """
    return f"{model}-{version}-promotion"
