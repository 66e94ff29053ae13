"""Policies and drift in plain text."""

from learnfinance_dagster.reporting import policy_rows
from learnfinance_dagster.reporting.columns import bullets
from learnfinance_dagster.reporting.content import WeeklyReport


def policy_text(report: WeeklyReport) -> str:
    """Which version decided for whom, then drift; empty where there is nothing to say."""
    lines = []
    for line in report.policies:
        word = policy_rows.badge(report, line)
        who = f"{line.name} ({word})" if word else line.name
        what = f"{policy_rows.made(line)}. {policy_rows.why(line)}" if line.version else policy_rows.why(line)
        lines.append(f"{who}: {what}")
    return bullets(policy_rows.title(report), (*lines, *policy_rows.drift_lines(report.drift)))
