import email
import email.policy
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.reporting import formats
from learnfinance_dagster.reporting.eml import render_eml
from learnfinance_dagster.reporting.formats import MINUS
from learnfinance_dagster.reporting.text import comparison_table, render_text
from learnfinance_dagster.reporting.wording import headline, subject

SENDER, READERS = "house@example.org", ("ann@example.org", "bo@example.org")


def parsed(report):
    return email.message_from_bytes(render_eml(report, SENDER, READERS), policy=email.policy.default)


def with_navs(section, *navs):
    marks = tuple(replace(mark, nav=Decimal(nav)) for mark, nav in zip(section.marks[-len(navs) :], navs, strict=True))
    return replace(section, marks=marks)


def test_the_subject_tells_the_week_with_the_better_account_first(make_report, make_section):
    slow = with_navs(make_section("equal_weight"), 100_000, 100_100)
    fast = with_navs(make_section("hrp"), 100_000, 100_420)
    report = make_report(slow, fast)
    news = "hrp +0.42 %, equal_weight +0.10 % since 22 Dec (paper)"
    assert subject(report) == f"Practice market, week of 29 Dec 2025: {news}"
    real = replace(report, market=replace(report.market, is_practice=False))
    assert subject(real) == f"Week of 29 Dec 2025: {news}"


def test_the_subject_does_not_sell_an_old_return_as_this_weeks(make_report, make_section):
    stale = make_section("hrp")
    stale = replace(stale, marks=stale.marks[:-1])
    assert "no returns yet" in subject(make_report(stale))
    assert headline(make_report(stale)) == ""


def test_the_subject_says_when_an_account_was_skipped_and_when_nothing_could_be_ordered(
    make_report, make_section, failed_account, closed_report
):
    assert "1 account skipped" in subject(make_report(make_section(), failed_account))
    assert "NYSE closed, nothing ordered" in subject(closed_report)


def test_a_line_break_in_a_name_does_not_reach_the_header(make_report, make_section):
    message = parsed(make_report(make_section("hrp\r\nBcc: eve@example.org")))
    assert message["Bcc"] is None
    assert "\n" not in message["Subject"]


def test_a_short_record_is_called_short(make_report, make_section, largest_report):
    assert "11 weeks are too few to tell skill from luck" in headline(make_report())
    assert "too few" not in headline(largest_report)


def test_two_losers_are_not_praised(make_report, make_section):
    report = make_report(with_navs(make_section("hrp"), 100, 98), with_navs(make_section("equal_weight"), 100, 99))
    assert headline(report).startswith(f"From 22 Dec to 29 Dec equal_weight lost less: {MINUS}1.00")


def test_the_mail_has_a_text_and_a_letter_and_every_picture_it_speaks_of(make_report):
    message = parsed(make_report())
    assert message.get_content_type() == "multipart/alternative"
    plain, letter = message.get_body(("plain",)), message.get_body(("html",))
    assert plain.get_content().startswith("Practice market: invented prices, nothing here happened")
    spoken_of = set(re.findall(r"cid:([^\"']+)", letter.get_content()))
    pictures = {part["Content-ID"].strip("<>"): part for part in message.walk() if part["Content-ID"]}
    assert spoken_of == set(pictures)
    assert len(pictures) == 1
    assert all(part.get_content().startswith(b"\x89PNG") for part in pictures.values())
    assert "data:image" not in letter.get_content()


def test_a_mail_without_a_curve_has_no_picture(make_report, make_section):
    message = parsed(make_report(make_section(weeks=1)))
    assert not [part for part in message.walk() if part.get_content_maintype() == "image"]
    assert "cid:" not in message.get_body(("html",)).get_content()


def test_the_headers_follow_from_the_run_alone(make_report):
    message = parsed(make_report())
    assert re.fullmatch(r"<paper\.2025-12-29\.1\.[0-9a-f]{8}@learnfinance\.invalid>", message["Message-ID"])
    assert message["Date"].datetime == datetime(2025, 12, 29, 12, 30, tzinfo=UTC)
    assert (message["From"], message["To"]) == (SENDER, ", ".join(READERS))


def test_the_same_report_gives_the_same_mail_byte_for_byte(make_report):
    assert render_eml(make_report(), SENDER, READERS) == render_eml(make_report(), SENDER, READERS)


def test_another_market_is_another_mail(make_report):
    report = make_report()
    other = replace(report, market=replace(report.market, name="us"))
    assert parsed(report)["Message-ID"] != parsed(other)["Message-ID"]


def test_the_mail_is_lines_that_every_server_carries(make_report):
    raw = render_eml(make_report(), SENDER, READERS)
    lines = raw.split(b"\r\n")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(map(len, lines)) <= 998
    assert raw.isascii()


@pytest.mark.parametrize(
    ("sender", "readers"), [("", READERS), (SENDER, ()), (SENDER, ("ann@example.org\nBcc: eve@example.org",))]
)
def test_a_mail_needs_honest_addresses(make_report, sender, readers):
    with pytest.raises(ConfigurationError, match="sender"):
        render_eml(make_report(), sender, readers)


def test_the_text_lists_every_order_of_the_fullest_report(largest_report):
    text = render_text(largest_report)
    for section in largest_report.accounts:
        part = text[text.index(f"\n\n{section.name.upper()}\n") :]
        part = part[: part.index("Not sent")]
        assert len(re.findall(r"^\S+ +(?:buy|sell) ", part, re.MULTILINE)) == 60


def test_the_text_says_what_the_letter_says(make_report, make_section, failed_account):
    text = render_text(make_report(make_section(), failed_account))
    for words in (
        "SOMETHING IS MISSING\n- ppo_lstm: the LSTM forecaster gave no forecast",
        "READ WITH CARE\n- SPRE's newest holdings are 52 days old",
        "rejected, insufficient buying power",
        "Not weighed, 41 returns, 60 are needed: BRK.B",
        "Cash   3.0       n/a",
        "Paper trading only. Not financial advice.\nRun ID: paper:2025-12-29\n",
    ):
        assert words in text
    assert "None" not in text


def test_the_comparison_is_a_line_for_each_account_in_columns(make_report, make_section):
    report = make_report(
        with_navs(make_section("hrp"), 100_000, 100_420), with_navs(make_section("equal_weight"), 100_000, 99_000)
    )
    header, rule, first, second, dates = comparison_table(report).splitlines()
    assert dates == "week: 22 Dec → 29 Dec", "a return is never shown without its dates"
    assert set(rule) == {"-"}
    assert first.split()[:2] == ["hrp", "live"]
    assert "+0.42 %" in first
    assert f"{MINUS}1.00 %" in second
    end = header.index("drawdown") + len("drawdown")
    assert first[:end].endswith("0.00 %")
    assert second[:end].endswith("1.00 %")


def test_foreign_words_cannot_steer_a_terminal(make_report, make_section):
    report = make_report(make_section("hrp\x1b[31m"), warnings=("clear\x1b[2J\nscreen",))
    assert "\x1b" not in render_text(report) + comparison_table(report)
    assert "- clear [2J screen" in render_text(report)


def test_a_missing_number_is_never_called_none():
    for formatted in (
        formats.percent(None),
        formats.signed_percent(float("nan")),
        formats.usd(None),
        formats.price(None),
    ):
        assert formatted == "n/a"
    assert formats.points(None) == "n/a"


def test_what_rounds_to_zero_has_no_sign():
    assert formats.signed_percent(-0.00001) == "0.00\xa0%"
    assert formats.signed_percent(0.00005) == "+0.01\xa0%"
    assert formats.signed_percent(-0.0123) == f"{MINUS}1.23\xa0%"
    assert formats.usd(Decimal("-1234.5"), 2) == f"{MINUS}$1,234.50"
    assert formats.quantity(Decimal("1200.500")) == "1,200.5"
    assert formats.quantity(Decimal(100)) == "100"
