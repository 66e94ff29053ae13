"""A certificate as it is kept: what one trainer did in worlds whose answer is known."""

from dataclasses import dataclass

from learnfinance_dagster.allocation.rl.algorithm import Algorithm
from learnfinance_dagster.allocation.rl.card import Behaviour
from learnfinance_dagster.documents import from_json
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.evaluation.gate import Condition
from learnfinance_dagster.ports import ModelFiles

CERTIFICATE = "certificate.json"


@dataclass(frozen=True, slots=True)
class Excess:
    """Mean weekly return beyond equal weight, on weeks after the training."""

    mean: float
    standard_error: float

    @property
    def errors(self) -> float:
        """Its distance from zero in standard errors."""
        return self.mean / self.standard_error if self.standard_error else 0.0

    def __str__(self) -> str:
        """In basis points."""
        return f"{self.mean * 1e4:.1f} ± {self.standard_error * 1e4:.1f} bp a week"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What one algorithm with one configuration did in both worlds."""

    algorithm: str
    version: str
    profile: str
    config_hash: str
    code_hash: str
    seed: int
    clairvoyant: Excess
    """Net of costs."""
    blind: Excess
    """Before costs."""
    behaviour: Behaviour
    """Of the clairvoyant."""
    checks: tuple[Condition, ...]

    @property
    def passed(self) -> bool:
        """Every check."""
        return all(check.passed for check in self.checks)


def model_of(algorithm: Algorithm) -> str:
    """What the store and the trial register call its certificates."""
    return f"{algorithm.name}_certificate"


def certificate_in(files: ModelFiles) -> Certificate:
    """The certificate among a version's files.

    Raises:
        DataError: there is none.
    """
    if CERTIFICATE not in files:
        msg = f"a version without {CERTIFICATE}"
        raise DataError(msg)
    return from_json(Certificate, files[CERTIFICATE].decode())
