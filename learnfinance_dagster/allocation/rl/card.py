"""The card of a policy's version: what it was made of, what it can do, and whether it is in use. `metadata.json`."""

from dataclasses import dataclass
from datetime import date

from learnfinance_dagster.documents import from_json, to_json
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.evaluation.gate import GateDecision
from learnfinance_dagster.ports import ModelFiles, TrialKind

WEIGHTS, OBSERVER, CONFIG, METADATA = "weights.safetensors", "observer.json", "config.json", "metadata.json"
"""Files of a version."""
Numbers = dict[str, bool | int | float | str]
"""A configuration: plain JSON."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """How a training stood after some steps."""

    step: int
    reward: float
    """Mean reward of a week in training, in the trainer's own units."""
    train_excess: float
    """Mean weekly net log return beyond equal weight, deterministic, over the training weeks."""
    entropy: float
    """Mean entropy of the deterministic weights over its maximum, 0 (one name) to 1 (all alike)."""


@dataclass(frozen=True, slots=True)
class Span:
    """Weeks from one Monday to another, both included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What kind of policy it is, over the judged weeks."""

    entropy: float
    turnover: float
    """Mean half-sum turnover a week."""
    sensitivity: float
    """Mean half-sum change of the weights when the inputs of a week are dealt out anew among its names."""
    copies: dict[str, float]
    """Other allocator → mean half-sum distance of the weights; near zero is a copy."""


@dataclass(frozen=True, slots=True)
class PolicyCard:
    """One version."""

    allocator: str
    """E.g. `ppo_lstm`."""
    algorithm: str
    forecaster: str
    version: str
    kind: TrialKind
    serves: date
    """The Monday that it was trained for."""
    known_until: date
    """The last session of the data: no decision at or before its close may use this version."""
    trained_on: Span
    """Decisions that this training learned from."""
    seen: tuple[Span, ...]
    """Decisions that it or a version before it learned from: it is judged on no such week."""
    layout: str
    features: tuple[str, ...]
    names: int
    """How many names its weeks held."""
    configuration: Numbers
    seed: int
    device: str
    start: str
    """The version that it began with; empty: random weights."""
    data_hash: str
    code_hash: str
    config_hash: str
    fingerprint: str
    """Hash of data, configuration, seed, start and code: the same fingerprint is the same training."""
    certificate: str
    """Version of the certificate that vouches for its trainer."""
    curve: tuple[CurvePoint, ...]
    reward_parts: float
    """Standard deviation of the differential-Sharpe part of the reward over that of the return part."""
    behaviour: Behaviour | None
    decision: GateDecision | None
    weekly_excess: dict[str, float]
    """Judged Monday → net return beyond equal weight."""
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


def policy_card(files: ModelFiles) -> PolicyCard:
    """The card among a version's files.

    Raises:
        DataError: there is none, or it is not one of ours.
    """
    if METADATA not in files:
        msg = f"a version without {METADATA}"
        raise DataError(msg)
    return from_json(PolicyCard, files[METADATA].decode())
