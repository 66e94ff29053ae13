"""The card of a trained version: what it was made of, what it can do, and whether it is in use. Its `metadata.json`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from learnfinance_dagster.documents import from_json, to_json
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.forecaster import METADATA, EpochLosses
from learnfinance_dagster.forecasting.promotion import Decision
from learnfinance_dagster.forecasting.skill import Placebo, SkillTable
from learnfinance_dagster.ports import ModelFiles

Numbers = dict[str, bool | int | float | str | list[str]]
"""A configuration: plain JSON."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How a candidate did on weeks that it never saw."""

    skill: SkillTable
    skill_passed: bool
    skill_told: str
    placebo: Placebo
    """Of the same training on targets shuffled across time."""
    placebo_passed: bool
    placebo_told: str
    current_version: str
    """The version in use at that time; empty when there was none."""
    current: SkillTable | None
    """That version, judged anew on the same weeks."""
    weekly_rank_ic: dict[str, float]
    """Held-out Monday → rank IC of the candidate."""


@dataclass(frozen=True, slots=True)
class Card:
    """One version."""

    forecaster: str
    version: str
    serves: date
    """The Monday that it was trained for; a snapshot's year-end."""
    first_session: date
    known_until: date
    """The last session of the data: no decision at or before its close may use this version."""
    last_training_session: date
    """The last session that an input of a training window holds; scalers saw nothing after it."""
    windows: dict[str, int]
    """Part → number of windows."""
    symbols: tuple[str, ...]
    """Names that training windows were made of."""
    channels: tuple[str, ...]
    configuration: Numbers
    splitting: dict[str, int]
    seed: int
    device: str
    start: str
    """The version whose weights it began with; empty when they were random."""
    data_hash: str
    code_hash: str
    fingerprint: str
    """Hash of data, configuration, seed, start and code: the same fingerprint is the same training."""
    history: tuple[EpochLosses, ...]
    best_epoch: int
    evaluation: Evaluation | None
    """None for a snapshot: walk-forward forecasts judge it."""
    decision: Decision | None
    software: dict[str, str]

    @property
    def promoted(self) -> bool:
        """It was put in use when it was made."""
        return self.decision is not None and self.decision.promoted

    @property
    def replaced(self) -> str:
        """The version that was in use before it; empty when there was none, or nothing was decided."""
        return self.decision.current if self.decision else ""

    def content(self) -> bytes:
        """As a file of the version."""
        return to_json(self).encode()


def card_of(files: ModelFiles) -> Card:
    """The card among a version's files.

    Raises:
        DataError: there is none, or it is not one of ours.
    """
    if METADATA not in files:
        msg = f"a version without {METADATA}"
        raise DataError(msg)
    return from_json(Card, files[METADATA].decode())


def plain(configuration: Mapping[str, Any]) -> Numbers:
    """A configuration that a card can hold."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in configuration.items()}
