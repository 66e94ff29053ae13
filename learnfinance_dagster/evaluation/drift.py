"""Whether a model's world, or its luck, is still the one that it was trained and judged in."""

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How far something is from what it was."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class DriftFinding:
    """What is found of one model."""

    model: str
    """E.g. `ppo_lstm` or `lstm`."""
    version: str
    """In use that Monday; empty when there was none."""
    kind: str
    """`skill` or `inputs`."""
    health: Health
    told: str
    """One sentence for a reader."""
    retrain: bool
    """It should be trained anew."""
    figures: dict[str, float]
    """What was measured, by name."""


@dataclass(frozen=True, slots=True)
class DriftReport:
    """One Monday's findings."""

    week: str
    findings: tuple[DriftFinding, ...]
