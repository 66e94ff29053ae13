"""The weekly report as e-mail-safe HTML."""

from collections.abc import Mapping
from dataclasses import dataclass

from learnfinance_dagster.evaluation.pictures import DARK, LIGHT, Theme
from learnfinance_dagster.reporting import (
    evidence_rows,
    fates,
    forecast_rows,
    halal_rows,
    in_words,
    plots,
    policy_rows,
    skill_rows,
    wording,
)
from learnfinance_dagster.reporting.content import WeeklyReport
from learnfinance_dagster.reporting.page import MOST_BYTES, fitted, picture_sources, rendered
from learnfinance_dagster.reporting.weights import weight_table

__all__ = ["MOST_BYTES", "picture", "render_html", "render_markup"]


@dataclass(frozen=True, slots=True)
class Detail:
    """How much of the long lists is shown."""

    orders: int
    """Rows for each account."""
    names: int
    """Names in one compact list, or whose forecasts are told."""
    lines: int
    """Warnings, reasons and lines of provenance in one list."""
    told: int
    """Names whose news and filings are told."""
    headline: int
    """Characters of a headline."""


DETAILS = (
    Detail(1000, 1000, 1000, 1000, 140),
    Detail(1000, 1000, 1000, 60, 80),
    Detail(60, 40, 40, 35, 80),
    Detail(60, 40, 40, 24, 60),
    Detail(25, 20, 20, 20, 80),
    Detail(8, 8, 12, 10, 60),
    Detail(2, 3, 6, 3, 40),
)
"""From everything down; the first that stays below `MOST_BYTES` is used. The plain twin always tells everything."""


def render_html(report: WeeklyReport) -> str:
    """The whole report in one file: its pictures are data URIs, for light and for dark surroundings."""
    return render_markup(report, picture_sources("equity", picture(report), picture(report, DARK)))


def picture(report: WeeklyReport, theme: Theme = LIGHT) -> bytes | None:
    """The equity curve as PNG; None while no account has two marks."""
    lines = plots.curves(report)
    return plots.equity_curve(lines, float(report.initial_cash), theme) if lines else None


def render_markup(report: WeeklyReport, sources: Mapping[str, str]) -> str:
    """The report with the given picture addresses (`equity`, and `equity_dark` where the reader is a browser)."""
    return fitted(lambda detail: _render(report, sources, detail), DETAILS, sources)


def _render(report: WeeklyReport, sources: Mapping[str, str], detail: Detail) -> str:
    account_fates = [fates.fates(section) for section in report.accounts]
    words = {
        "report": report,
        "market": report.market,
        "sources": sources,
        "detail": detail,
        "table": weight_table(report.accounts),
        "told": evidence_rows.weighed_rows(report),
        "forecasts": forecast_rows.rows(report),
        "differing": halal_rows.differing(report),
        "accounts": list(zip(report.accounts, account_fates, strict=True)),
        "wording": wording,
        "fates": fates,
        "evidence_rows": evidence_rows,
        "forecast_rows": forecast_rows,
        "halal_rows": halal_rows,
        "in_words": in_words,
        "policy_rows": policy_rows,
        "skill_rows": skill_rows,
        "colour": plots.colour,
    }
    return rendered("weekly.html.j2", words)
