"""The line about the forward record, in both forms of the letter."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from learnfinance_dagster.documents import from_json, to_json
from learnfinance_dagster.evaluation.forward_record import Link, Made, WeekRecord
from learnfinance_dagster.reporting.content import WeeklyReport
from learnfinance_dagster.reporting.html import render_html
from learnfinance_dagster.reporting.text import render_text

OWN, BEFORE = "0a" * 32, "f9" * 32
RECORD = WeekRecord(
    week="2025-12-22",
    link=Link(date(2025, 12, 22), 1, OWN),
    recorded_at=datetime(2025, 12, 22, 12, 31, 5, tzinfo=UTC),
    first_open=datetime(2025, 12, 22, 14, 30, tzinfo=UTC),
    made=Made.BEFORE_THE_OPEN,
    after=Link(date(2025, 12, 15), 1, BEFORE),
    accounts=("hrp",),
)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (RECORD, f"Recorded 2025-12-22T12:31Z, sha256 {OWN}, after week 2025-12-15 sha256 {BEFORE}"),
        (replace(RECORD, after=None), f"Recorded 2025-12-22T12:31Z, sha256 {OWN}, the first of its chain"),
        (
            replace(RECORD, link=Link(date(2025, 12, 22), 2, OWN)),
            f"Recorded 2025-12-22T12:31Z, entry 2 of the week, sha256 {OWN}",
        ),
        (
            replace(RECORD, made=Made.AFTER_THE_FACT, recorded_at=datetime(2026, 11, 28, 20, 31, tzinfo=UTC)),
            "Recorded 2026-11-28T20:31Z, after the first open 2025-12-22T14:30Z: not a forward record, sha256",
        ),
        (
            replace(RECORD, made=Made.AFTER_THE_FACT, first_open=None),
            "Recorded 2025-12-22T12:31Z: not a forward record, sha256",
        ),
        (WeekRecord("2025-12-22"), "nothing was recorded, because no plan of this run is live"),
        (
            WeekRecord("2025-12-22", failure="the disk is full"),
            "The week's plans are not in the forward record: the disk is full",
        ),
    ],
    ids=["in time", "first", "again", "late", "closed", "dry", "failed"],
)
def test_both_forms_of_the_letter_tell_what_is_recorded(make_report, record, words):
    report = make_report(record=record)
    assert words in " ".join(render_text(report).split())
    assert words in " ".join(render_html(report).replace("&#x27;", "'").replace("&#39;", "'").split())


def test_the_longest_line_keeps_both_hashes_whole(make_report):
    late = replace(RECORD, made=Made.AFTER_THE_FACT, link=Link(date(2025, 12, 22), 12, OWN))
    page = render_html(make_report(record=late))
    assert OWN in page
    assert BEFORE in page


def test_a_report_without_a_record_is_silent_about_it(make_report):
    assert "forward record" not in render_text(make_report()).lower()


def test_a_record_is_read_back_with_its_report(make_report):
    report = make_report(record=RECORD)
    assert from_json(WeeklyReport, to_json(report)).record == RECORD
