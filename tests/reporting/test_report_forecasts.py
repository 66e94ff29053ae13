import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from learnfinance_dagster.documents import from_json, to_json
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.reporting import html
from learnfinance_dagster.reporting.content import WeeklyReport
from learnfinance_dagster.reporting.forecasts import ForecastSummary, SkillLine
from learnfinance_dagster.reporting.formats import MINUS
from learnfinance_dagster.reporting.html import render_markup
from learnfinance_dagster.reporting.text import render_text
from learnfinance_dagster.reporting.weights import weight_rows

TITLE = "What the forecasters expect"
EN_DASH = "\N{EN DASH}"
UNREAD = "No account reads the forecasts yet: no weight depends on them."
SHORT = "12 of 60 sessions have a bar"
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</td></tr></table><h1>Buy now</h1>",
    "{{ 7 * 7 }}{% include 'x' %}",
)


class Tags(HTMLParser):
    """Every tag with its attributes, and every word."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, attrs))

    def handle_data(self, data):
        self.words += data.split()

    @property
    def text(self):
        return " ".join(self.words)


def letter(report):
    """What the letter says of forecasts and skill."""
    text = Tags(render_markup(report, {})).text
    return text[text.index(TITLE) : text.index("orders and their fate")]


def twin(report):
    """The same of the plain text."""
    text = render_text(report)
    return text[text.index(TITLE.upper()) : text.index("\n\nHRP\n")]


def names_table(report):
    """The letter's table of names, as markup."""
    page = render_markup(report, {})
    start = page.index("<table", page.index(TITLE))
    return page[start : page.index("</table>", start)]


def lines(report, start):
    """The lines of the plain text that begin so, as words."""
    return [line.split() for line in twin(report).splitlines() if line.startswith(f"{start} ")]


def both_say(report, words):
    assert words in letter(report)
    assert words in " ".join(twin(report).split())


@pytest.fixture
def saying(make_report, make_forecasts):
    """A report whose forecasters say so of AAPL and MSFT."""

    def build(apple=(0.0042, -0.0123), microsoft=(0.0004, 0.002), **changes):
        return make_report(forecasts=make_forecasts(names=("AAPL", "MSFT"), AAPL=apple, MSFT=microsoft, **changes))

    return build


@pytest.fixture
def unheard(make_forecaster):
    """A forecaster that failed before it ever was judged."""
    return make_forecaster(
        "patchtst",
        version="",
        trained_until=None,
        failure="no version is in use",
        first_week="",
        last_week="",
        weeks=0,
        skill=(),
        verdict="",
    )


@pytest.fixture
def tame_tags(saying):
    return Tags(render_markup(saying(("x", "x")), {})).tags


def test_a_name_shows_what_each_forecaster_expects_with_its_sign_and_direction(saying):
    report = saying()
    assert "Name lstm % patchtst % Name lstm % patchtst %" in letter(report)
    assert f" AAPL ↑ +0.42 ↓ {MINUS}1.23 " in letter(report)
    assert " MSFT +0.04 ↑ +0.20 " in letter(report)
    assert lines(report, "AAPL") == [["AAPL", "+0.42", "up", f"{MINUS}1.23", "down"]]
    assert lines(report, "MSFT") == [["MSFT", "+0.04", "flat", "+0.20", "up"]]


def test_a_direction_needs_no_colour(saying):
    assert not re.search('class="(?:up|down)"', names_table(saying()))


def test_two_names_stand_in_a_row_unless_there_are_three_forecasters(make_report, make_forecaster, make_forecasts):
    def rows(*names):
        notes = tuple(map(make_forecaster, names))
        return names_table(make_report(forecasts=make_forecasts(forecasters=notes))).count("<tr")

    assert rows("lstm") == rows("lstm", "patchtst") == 1 + 18
    assert rows("lstm", "patchtst", "transfer_lstm") == 1 + 35


def test_the_odd_name_leaves_its_neighbours_place_empty(make_report, make_forecasts):
    report = make_report(forecasts=make_forecasts(names=("AAPL", "MSFT", "ZZZ"), ZZZ=(0.01, 0.02)))
    *_, row = re.findall(r"<tr.*</tr>", names_table(report))
    assert row.count("<td") == 5
    assert row.endswith('<td></td><td colspan="3"></td></tr>')


def test_names_that_an_allocator_weighs_come_first_in_the_order_of_their_weights(
    make_report, make_section, make_forecasts
):
    report = make_report(make_section(names=5, orders=0))
    wanted = [row.symbol for row in weight_rows(report.accounts)]
    symbols = re.findall(rf"^([A-Z]+) +(?:[+{MINUS}\d]|n/a)", twin(report), re.MULTILINE)
    assert symbols[:5] == wanted
    assert symbols[5:] == sorted(symbols[5:])
    assert len(symbols) == 35


def test_no_forecast_is_a_dash_with_its_reason_and_never_a_number(saying):
    report = saying(apple=(SHORT, SHORT))
    assert f" AAPL {EN_DASH} {EN_DASH} " in letter(report)
    assert lines(report, "AAPL") == [["AAPL", "n/a", "n/a"]]
    both_say(report, f"No forecast of AAPL: {SHORT}")
    assert "None" not in letter(report) + twin(report)


def test_a_reason_that_names_share_is_told_once_and_one_forecasters_gap_is_told_as_its_own(saying):
    report = saying(apple=(SHORT, SHORT), microsoft=(SHORT, SHORT))
    both_say(report, f"No forecast of AAPL, MSFT: {SHORT}")
    assert letter(report).count(SHORT) == 1
    both_say(saying(apple=(0.01, SHORT)), f"No forecast of AAPL by patchtst: {SHORT}")
    both_say(saying(apple=("", 0.01)), "No forecast of AAPL by lstm: no reason was given")


def test_a_reason_of_very_many_names_is_not_pushed_out_by_them(make_report, make_forecasts):
    names = tuple(f"N{number:03}" for number in range(200))
    report = make_report(forecasts=make_forecasts(names=(*names, "AAPL"), **dict.fromkeys(names, SHORT)))
    assert f"N010, N011 and 188 more: {SHORT}" in letter(report)
    assert f"N198, N199: {SHORT}" in " ".join(twin(report).split())


def test_the_letter_tells_a_dozen_reasons_and_the_text_all(make_report, make_forecasts):
    values = {f"N{number:02}": f"{number} of 60 sessions" for number in range(20)}
    report = make_report(forecasts=make_forecasts(names=("AAPL", *values), **values))
    assert letter(report).count("of 60 sessions") == 12
    assert "and 8 more reasons: the plain-text version of this report lists them all." in letter(report)
    assert twin(report).count("of 60 sessions") == 20


def test_a_forecaster_that_failed_has_no_column_and_says_why_before_the_scoreboard(saying, make_forecaster, unheard):
    report = saying((0.0042, "no version is in use"), (0.0004, "x"), forecasters=(make_forecaster(), unheard))
    assert "Name lstm % Name lstm %" in letter(report)
    assert lines(report, "AAPL") == [["AAPL", "+0.42", "up"]]
    both_say(report, "patchtst, no forecast this week: no version is in use")
    both_say(report, "Not judged yet: nothing is known of its skill.")
    assert "No forecast of" not in letter(report), "one failure is one line"
    text = Tags(render_markup(report, {})).text
    assert text.index("patchtst made no forecast this week: no version is in use") < text.index("At a glance")


def test_a_week_in_which_all_failed_says_so_and_still_shows_the_record(make_report, make_forecaster, make_forecasts):
    broken = make_forecaster(failure="the network is gone")
    report = make_report(forecasts=make_forecasts(names=("AAPL",), forecasters=(broken,), AAPL="the network is gone"))
    both_say(report, "No forecaster gave a forecast this week.")
    both_say(report, "lstm, no forecast this week: the network is gone")
    assert "+0.021 ± 0.023" in letter(report)
    assert "guess of a name" not in letter(report) + twin(report)


def test_forecasters_that_were_never_judged_claim_nothing(make_report, make_forecasts, unheard):
    report = make_report(forecasts=make_forecasts(forecasters=(unheard,)))
    assert "Not judged yet: nothing is known of its skill." in letter(report)
    assert "Rank IC" not in letter(report)
    assert "Rank IC" not in twin(report)


def test_without_forecasters_the_report_does_not_speak_of_them(make_report):
    report = make_report(forecasts=ForecastSummary((), ()))
    for words in (render_markup(report, {}), render_text(report)):
        assert not re.search("forecaster|guess", words, re.IGNORECASE)
    assert report.forecasts.caveats == ()


def test_skill_stands_beside_what_needs_no_model_and_errors_are_told_against_zero(make_report):
    report = make_report()
    told = (
        f"lstm +0.021 ± 0.023 50.8 ± 1.3 1.019 patchtst {MINUS}0.004 ± 0.023 49.7 ± 1.2 1.013",
        f"always zero {EN_DASH} {EN_DASH} 1.000 last week again {MINUS}0.012 ± 0.025 48.9 ± 1.1 2.095",
        "four-week mean +0.008 ± 0.027 50.3 ± 1.2 1.152 last year's mean +0.011 ± 0.024 51.2 ± 1.5 1.006",
    )
    for words in told:
        both_say(report, words)
    both_say(report, "52 weeks, 30 Dec 2024 to 22 Dec 2025: ")
    assert letter(report).count("always zero") == 1, "the same yardsticks are told once"


def test_the_verdict_is_told_as_it_was_found(make_report):
    verdict = "No skill found: its rank IC is within two standard errors of chance."
    report = make_report()
    assert letter(report).count(verdict) == 2
    assert " ".join(twin(report).split()).count(verdict) == 2
    assert not re.search(r"\b(?:buy|sell|should|recommend\w*|signal)\b", letter(report) + twin(report), re.IGNORECASE)


def test_forecasters_judged_on_other_weeks_have_a_table_of_their_own(make_report, make_forecaster, make_forecasts):
    young = make_forecaster("patchtst", first_week="2025-06-30", weeks=26)
    report = make_report(forecasts=make_forecasts(forecasters=(make_forecaster(), young)))
    both_say(report, "52 weeks, 30 Dec 2024 to 22 Dec 2025:")
    both_say(report, "26 weeks, 30 Jun 2025 to 22 Dec 2025:")
    assert letter(report).count("always zero") == 2


@pytest.mark.parametrize(
    ("own", "told"),
    [
        (SkillLine("lstm", 0.001, -0.0001, 0.0231, None, None), f"lstm 0.000 ± 0.023 {EN_DASH} 1.000"),
        (SkillLine("lstm", 0.0005, 0.5, None, 0.5, None), "lstm +0.500 50.0 0.500"),
    ],
)
def test_what_has_no_standard_error_is_shown_without_one(make_report, make_forecaster, make_forecasts, own, told):
    zero = SkillLine("zero", 0.001, None, None, None, None)
    note = make_forecaster(skill=(own, zero))
    both_say(make_report(forecasts=make_forecasts(forecasters=(note,))), told)


def test_an_error_is_not_compared_where_nothing_moved_or_zero_was_not_tried(
    make_report, make_forecaster, make_forecasts
):
    own = SkillLine("lstm", 0.001, 0.5, 0.1, 0.5, 0.1)
    for others in ((), (SkillLine("zero", 0.0, None, None, None, None),)):
        note = make_forecaster(skill=(own, *others))
        both_say(make_report(forecasts=make_forecasts(forecasters=(note,))), "lstm +0.500 ± 0.100 50.0 ± 10.0 n/a")


def test_the_reader_is_told_that_no_account_reads_the_forecasts(make_report):
    report = make_report()
    assert UNREAD in report.caveats
    both_say(report, "No account reads them: no weight depends on them.")


def test_it_is_told_which_account_reads_which_forecaster(make_report, make_forecaster, make_forecasts):
    read = make_forecaster("lstm", readers=("ppo_lstm", "sac_lstm"))
    half = make_forecasts(forecasters=(read, make_forecaster("patchtst")))
    both_say(make_report(forecasts=half), "Of the accounts, ppo_lstm, sac_lstm read lstm; no account reads patchtst.")
    assert "No account reads patchtst yet: no weight depends on it." in half.caveats
    full = make_forecasts(forecasters=(read, make_forecaster("patchtst", readers=("hrp",))), names=("AAPL",))
    assert full.caveats == ()
    both_say(make_report(forecasts=full), "Of the accounts, ppo_lstm, sac_lstm read lstm; hrp reads patchtst.")


def test_the_caveats_count_the_names_without_a_forecast(make_report, make_forecasts):
    assert f"2 of 35 names lack a forecast: {SHORT}" in make_report().caveats
    alone = make_forecasts(names=("AAPL", "MSFT"), AAPL=(0.1, SHORT))
    assert f"1 of 2 names lacks a forecast: {SHORT}" in alone.caveats
    various = make_forecasts(names=("AAPL", "MSFT"), AAPL=SHORT, MSFT="not asked")
    assert "2 of 2 names lack a forecast; the reasons stand below the forecasts." in various.caveats


def test_each_number_can_be_walked_back_to_a_version_and_the_end_of_its_training(make_report, make_forecasts, unheard):
    report = make_report()
    origin = "v2025-12-19-0a1b2c3d4e5f; trained on data to 2024-12-20"
    assert f"Forecaster lstm {origin}" in Tags(render_markup(report, {})).text
    assert f"- Forecaster lstm: {origin}" in render_text(report)
    nobody = replace(report, forecasts=make_forecasts(forecasters=(unheard,)))
    assert "- Forecaster patchtst: no version\n" in render_text(nobody)


def test_the_fullest_report_shows_every_forecast_and_is_not_clipped(largest_report):
    page = render_markup(largest_report, {})
    assert len(largest_report.forecasts.names) == 35
    assert len(largest_report.forecasts.forecasters) == 2
    assert len(page.encode()) < html.MOST_BYTES
    shown = names_table(largest_report)
    assert all(f">{name.symbol}<" in shown for name in largest_report.forecasts.names)
    assert "more names" not in page
    assert "more orders" not in page


def test_of_very_many_names_the_letter_shows_forty_and_the_text_all(make_report, make_forecasts):
    names = tuple(f"N{number:03}" for number in range(300))
    report = make_report(forecasts=make_forecasts(names=names))
    assert len(re.findall(r"\bN\d{3}\b", letter(report))) == 40
    assert "and 260 more names: the plain-text version of this report lists them all." in letter(report)
    assert len(re.findall(r"^N\d{3} ", twin(report), re.MULTILINE)) == 300


@pytest.mark.parametrize("words", HOSTILE)
def test_markup_in_foreign_words_is_shown_and_never_obeyed(saying, make_forecaster, words):
    def report(text):
        note = make_forecaster("patchtst", failure=text, version=text, verdict=text, readers=(text,))
        return saying(apple=(text, text), forecasters=(make_forecaster(), note))

    quiet, loud = (Tags(render_markup(report(text), {})) for text in ("x", words))
    assert loud.tags == quiet.tags
    assert words in loud.text
    assert words in " ".join(render_text(report(words)).split())


@given(words=st.text(min_size=1, max_size=80))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_reason_changes_the_page_or_the_lines_around_it(saying, tame_tags, words):
    wild = saying((words, words))
    assert Tags(render_markup(wild, {})).tags == tame_tags
    assert all(line.isprintable() for line in render_text(wild).split("\n"))


def test_forecasts_come_back_from_storage_as_they_were(make_report, make_forecaster, make_forecasts, unheard):
    report = make_report(forecasts=make_forecasts(forecasters=(make_forecaster(readers=("hrp",)), unheard)))
    assert from_json(WeeklyReport, to_json(report)) == report
    assert report.forecasts.forecasters[0].trained_until == date(2024, 12, 20)


def test_a_forecast_that_is_no_number_cannot_be_stored(saying):
    with pytest.raises(DataError, match=r"forecasts\.names\.0\.forecasts\.1\.weekly_return"):
        to_json(saying(apple=(0.1, float("nan"))))
