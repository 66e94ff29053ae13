"""Forecasts and their skill in plain text: every name, every reason."""

from learnfinance_dagster.reporting import forecast_rows, skill_rows
from learnfinance_dagster.reporting.columns import bullets, paragraphs, table
from learnfinance_dagster.reporting.content import WeeklyReport
from learnfinance_dagster.reporting.forecasts import ForecastSummary
from learnfinance_dagster.reporting.skill_rows import Record

WORDS = "Flat is less than 0.1 % either way."
EVERY = 10**6
"""Names beside one reason: the text leaves none out."""


def forecast_text(report: WeeklyReport) -> str:
    """One line for each name, then why some have no forecast, then each forecaster's record; empty without any."""
    summary = report.forecasts
    if not summary.forecasters:
        return ""
    gaps = (forecast_rows.gap(missing, EVERY) for missing in summary.missing)
    reasons = bullets("Why a forecast is missing", (*forecast_rows.failures(summary), *gaps))
    parts = (f"{forecast_rows.TITLE.upper()}\n{_names(report)}", reasons, _skill(summary))
    return "\n\n".join(filter(None, parts))


def _names(report: WeeklyReport) -> str:
    """Each forecaster has two columns: the number and its direction in a word."""
    summary, rows = report.forecasts, forecast_rows.rows(report)
    if not rows:
        return paragraphs(forecast_rows.NOTHING)
    header = ["name"]
    for name in forecast_rows.heads(summary):
        header += [f"{name} %", ""]
    body = [
        (row.symbol, *(cell for one in row.forecasts for cell in (forecast_rows.number(one), one.direction.lower())))
        for row in rows
    ]
    legend = paragraphs(f"{forecast_rows.LEGEND} {WORDS} {forecast_rows.who_reads(summary)}")
    return f"{legend}\n{table(header, body, left={0, *range(2, len(header), 2)})}"


def _skill(summary: ForecastSummary) -> str:
    """Each forecaster's verdict, then the numbers it rests on."""
    records = skill_rows.records(summary.forecasters)
    verdicts = (f"{note.name}: {skill_rows.verdict(note)}" for note in summary.forecasters)
    said = paragraphs(skill_rows.LEGEND if records else "", *verdicts)
    return "\n\n".join((f"{skill_rows.TITLE.upper()}\n{said}", *map(_record, records)))


def _record(record: Record) -> str:
    rows = [(row.label, *row.cells) for row in record.rows]
    return f"{record.span}:\n{table(('', *skill_rows.HEADER), rows, left={0})}"
