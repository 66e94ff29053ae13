"""Policies and drift as sentences, so that the letter and its plain twin say the same."""

from collections.abc import Iterable

from learnfinance_dagster.evaluation.drift import DriftFinding, DriftReport, Health
from learnfinance_dagster.ports import TrialKind
from learnfinance_dagster.reporting.content import WeeklyReport
from learnfinance_dagster.reporting.formats import day
from learnfinance_dagster.reporting.policies import PolicyLine, health

TITLE, ONLY_DRIFT = "Policies", "Drift"
LEGEND = "The trained version that decided for each learned allocator, and why it is in use."
KINDS = {TrialKind.TRAINING: "trained from scratch", TrialKind.FINE_TUNE: "fine-tuned"}


def title(report: WeeklyReport) -> str:
    """The section's heading; empty where there is nothing to say."""
    if report.policies:
        return TITLE
    return ONLY_DRIFT if report.drift and report.drift.findings else ""


def made(line: PolicyLine) -> str:
    """E.g. `v2025-12-26-0a1b2c3d4e5f, fine-tuned for the week of 29 Dec 2025`."""
    how = KINDS.get(line.kind, "made") if line.kind else "made"
    return f"{line.version}, {how} for the week of {day(line.serves)}" if line.serves else line.version


def why(line: PolicyLine) -> str:
    """Why it is in use, or why nobody decided."""
    if line.version:
        return briefly(line.reason, line.version)
    return f"No policy decided: {line.failure or 'there is none'}"


def briefly(reason: str, version: str) -> str:
    """A gate's sentence without its subject, where the version stands above it."""
    rest = reason.removeprefix(f"{version} is ")
    return rest[:1].upper() + rest[1:] if rest != reason else reason


def badge(report: WeeklyReport, line: PolicyLine) -> str:
    """What the drift checks say of it in a word; empty when nobody looked."""
    found = health(report.drift.findings, line.name) if report.drift else None
    return str(found) if found else ""


def drift_lines(drift: DriftReport | None) -> tuple[str, ...]:
    """What drifted and what did not, a line each; what the findings say stands among the warnings."""
    if drift is None:
        return ()
    ill = [finding for finding in drift.findings if finding.health is not Health.HEALTHY]
    well = [finding for finding in drift.findings if finding.health is Health.HEALTHY]
    return (*([f"Drift: {_listed(ill)}."] if ill else []), *([f"No drift: {_listed(well)}."] if well else []))


def _listed(findings: Iterable[DriftFinding]) -> str:
    """E.g. `lstm (skill degraded, to be trained anew), ppo_lstm (inputs, skill)`."""
    by_model: dict[str, list[str]] = {}
    for finding in findings:
        by_model.setdefault(finding.model, []).append(_word(finding))
    return ", ".join(f"{model} ({', '.join(words)})" for model, words in by_model.items())


def _word(finding: DriftFinding) -> str:
    if finding.health is Health.HEALTHY:
        return finding.kind
    return f"{finding.kind} {finding.health}{', to be trained anew' if finding.retrain else ''}"
