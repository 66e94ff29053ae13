"""`python -m learnfinance_dagster models …`: what was trained, what is in use, and putting another version in use."""

import sys

from learnfinance_dagster.allocation import ALLOCATORS
from learnfinance_dagster.allocation.rl.card import PolicyCard, policy_card
from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.forecasting import FORECASTERS
from learnfinance_dagster.forecasting.card import Card, card_of
from learnfinance_dagster.settings import Settings
from learnfinance_dagster.wiring import models_door

LEARNED = tuple(allocator.name for allocator in ALLOCATORS if allocator.policy)


def list_versions(model: str) -> int:
    """Every version of a forecaster or a policy, with what it could do when it was made.

    Raises:
        ConfigurationError: there is no such model.
    """
    store = models_door(Settings.from_environment()).open()
    current, versions = store.current(_known(model)), store.versions(model)
    for version in versions:
        mark, files = "*" if version == current else " ", store.read(model, version)
        told = _told_policy(policy_card(files)) if model in LEARNED else _told(card_of(files))
        sys.stdout.write(f"{mark} {version}  {told}\n")
    how = "make sunday" if model in LEARNED else "make train"
    sys.stdout.write("* in use\n" if versions else f"no version of {model} was trained yet: {how}\n")
    return 0


def _known(model: str) -> str:
    """The name itself."""
    names = (*(forecaster.name for forecaster in FORECASTERS), *LEARNED)
    if model not in names:
        msg = f"no such forecaster or policy: {model}; there are {', '.join(names)}"
        raise ConfigurationError(msg)
    return model


def _told_policy(card: PolicyCard) -> str:
    trained = f"{card.kind.value} for {card.serves}, on {card.trained_on.first} to {card.trained_on.last}"
    return f"{trained}; {card.decision.reason}" if card.decision else trained


def use(model: str, version: str) -> int:
    """Put a version in use: the way back from one that disappoints.

    Raises:
        ConfigurationError: there is no such version, or it is a yearly snapshot.
    """
    store = models_door(Settings.from_environment()).open()
    name = _known(model)
    if not version.startswith("v"):
        msg = f"{version} is no version that can be in use: python -m learnfinance_dagster models list {name}"
        raise ConfigurationError(msg)
    with store.deciding(name):
        before = store.current(name) or "none"
        store.set_current(name, version)
    sys.stdout.write(f"{name}: {version} is in use (before: {before})\n")
    return 0


def synchronise() -> int:
    """Bring this disk and the Hub to the same versions.

    No trial is asked for: what is fetched was tried on another machine, whose register has it.

    Raises:
        ConfigurationError: models are kept on this disk only.
    """
    from resources.models.hub import HubModelStore
    from resources.models.sync import sync

    store = models_door(Settings.from_environment()).open()
    if not isinstance(store, HubModelStore):
        raise ConfigurationError("models are kept on this disk only: set LEARNFINANCE_MODELS=hub, see the README")
    report = sync(store)
    for word, moved in (("up", report.uploaded), ("down", report.downloaded), ("in use", report.promoted)):
        sys.stdout.writelines(f"{word}: {model} {version}\n" for model, version in moved)
    for conflict in report.conflicts:
        sys.stdout.write(f"CONFLICT: {conflict.model} {conflict.version}: {conflict.why}\n")
    sys.stdout.write("done: both sides hold the same\n" if not report.conflicts else "")
    return 1 if report.conflicts else 0


def _told(card: Card) -> str:
    if card.evaluation is None:
        return f"trained on data up to {card.known_until}"
    figures = card.evaluation.skill.model
    ranked = "n/a" if figures.rank_ic is None else f"{figures.rank_ic:+.3f} ± {figures.rank_ic_se:.3f}"
    promoted = "promoted" if card.promoted else "not promoted"
    return f"{promoted}; rank IC {ranked} in {figures.weeks} weeks; data up to {card.known_until}"
