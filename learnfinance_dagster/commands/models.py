"""`python -m learnfinance_dagster models …`: what was trained, what is in use, and putting another version in use."""

import sys

from learnfinance_dagster.definitions import models_door
from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.forecasting import chosen
from learnfinance_dagster.forecasting.card import Card, card_of
from learnfinance_dagster.settings import Settings


def list_versions(forecaster: str) -> int:
    """Every version of a forecaster, with what it could do when it was made."""
    store = models_door(Settings.from_environment()).open()
    current = store.current(chosen([forecaster])[0].name)
    versions = store.versions(forecaster)
    for version in versions:
        mark = "*" if version == current else " "
        sys.stdout.write(f"{mark} {version}  {_told(card_of(store.read(forecaster, version)))}\n")
    sys.stdout.write("* in use\n" if versions else f"no version of {forecaster} was trained yet: make train\n")
    return 0


def use(forecaster: str, version: str) -> int:
    """Put a version in use: the way back from one that disappoints.

    Raises:
        ConfigurationError: there is no such version, or it is a yearly snapshot.
    """
    store = models_door(Settings.from_environment()).open()
    name = chosen([forecaster])[0].name
    if not version.startswith("v"):
        msg = f"{version} is no version that can be in use: python -m learnfinance_dagster models list {name}"
        raise ConfigurationError(msg)
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
