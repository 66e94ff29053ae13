"""Who decided for a learned allocator: the version, why it is in use, and whether its world has changed since."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from learnfinance_dagster.evaluation.drift import DriftFinding, DriftReport, Health
from learnfinance_dagster.ports import TrialKind

WORST_FIRST = (Health.CRITICAL, Health.DEGRADED, Health.HEALTHY)


@dataclass(frozen=True, slots=True)
class PolicyLine:
    """One learned allocator's policy this week."""

    name: str
    """Of the account."""
    version: str
    """That decided; empty when none did."""
    kind: TrialKind | None
    """How it was made; None without a version."""
    serves: date | None
    """The Monday that it was trained for; None without a version."""
    reason: str
    """Why it is in use; empty without a version."""
    failure: str
    """Why no version decided; empty when one did."""


def health(findings: Iterable[DriftFinding], model: str) -> Health | None:
    """The worst that is found of a model; None when nobody looked."""
    found = {finding.health for finding in findings if finding.model == model}
    return next((each for each in WORST_FIRST if each in found), None)


def drift_caveats(drift: DriftReport | None) -> tuple[str, ...]:
    """A sentence for each finding that is not healthy, the critical ones first."""
    if drift is None:
        return ()
    ill = [finding for grade in WORST_FIRST[:-1] for finding in drift.findings if finding.health is grade]
    return tuple(
        f"Drift of {each.model} ({each.health}): {each.told}{'; it is to be trained anew' if each.retrain else ''}"
        for each in ill
    )
