from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from learnfinance_dagster.documents import from_json, to_json
from learnfinance_dagster.evaluation.drift import DriftReport, Health
from learnfinance_dagster.reporting import html, plots, policy_rows
from learnfinance_dagster.reporting.content import WeeklyReport
from learnfinance_dagster.reporting.html import render_html, render_markup
from learnfinance_dagster.reporting.text import comparison_table, render_text
from learnfinance_dagster.reporting.weights import weight_table

WEEK = "2025-12-29"
NOW, BEFORE = "v2025-12-26-0a1b2c3d4e5f", "v2025-11-28-5d4c3b2a1f0e"
HOSTILE = '"><script>alert("x")</script>'


class Words(HTMLParser):
    """The words of a page, and its tags."""

    def __init__(self, page):
        super().__init__()
        self.words, self.tags = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):  # noqa: ARG002 - the parser's own signature
        self.tags.append(tag)

    def handle_data(self, data):
        self.words += data.split()

    @property
    def text(self):
        return " ".join(self.words)


def letter(report):
    return Words(render_markup(report, {})).text


def twin(report):
    return " ".join(render_text(report).split())


def both_say(report, words):
    assert words in letter(report)
    assert words in twin(report)


def of(*findings):
    return DriftReport(WEEK, findings)


def test_without_learned_allocators_and_drift_nothing_is_said_of_them(make_report):
    report = make_report()
    assert (report.policies, report.drift) == ((), None)
    for said in (letter(report), twin(report)):
        assert "Polic" not in said
        assert "rift" not in said


def test_a_report_stored_before_there_were_policies_is_still_read(make_report):
    text = to_json(make_report()).replace(' "drift": null,\n', "").replace(' "policies": [],\n', "")
    assert '"policies"' not in text
    assert '"drift"' not in text
    assert from_json(WeeklyReport, text) == make_report()


def test_a_report_with_policies_and_drift_is_stored_and_read_unchanged(usual_report):
    assert from_json(WeeklyReport, to_json(usual_report)) == usual_report


def test_each_policy_says_which_version_decided_for_which_monday_and_why(make_report, make_policy):
    report = make_report(policies=(make_policy(),))
    both_say(report, f"{NOW}, fine-tuned for the week of 29 Dec 2025")
    both_say(report, f"Promoted: on 104 weeks its Sharpe is 0.61 above that of {BEFORE} (p = 0.012)")


def test_a_sentence_of_another_form_is_told_as_it_is(make_report, make_policy):
    both_say(make_report(policies=(make_policy(reason="rolled back by a person"),)), "rolled back by a person")


def test_an_account_without_a_policy_says_why_nobody_decided(make_report, make_policy):
    gone = make_policy(version="", kind=None, serves=None, reason="", failure="no policy was ever promoted")
    both_say(make_report(policies=(gone,)), "No policy decided: no policy was ever promoted")


def test_policies_stand_between_the_weights_and_the_news(usual_report):
    said = letter(usual_report)
    assert said.index("What each allocator wants") < said.index("Policies") < said.index("What the news")


@pytest.mark.parametrize("health", [Health.DEGRADED, Health.CRITICAL])
def test_drift_is_a_warning_before_the_numbers_and_a_badge_beside_the_policy(
    make_report, make_policy, make_finding, health
):
    found = make_finding("ppo_lstm", "inputs", health, told="gross_margin has moved")
    report = make_report(policies=(make_policy(),), drift=of(found))
    said = letter(report)
    warning = f"Drift of ppo_lstm ({health}): gross_margin has moved"
    assert said.index(warning) < said.index("At a glance")
    assert f"ppo_ lstm {health}" in said
    assert warning in twin(report)
    assert f"ppo_lstm ({health})" in twin(report)


def test_a_model_that_is_to_be_trained_anew_is_told_so(make_report, make_finding):
    report = make_report(drift=of(make_finding("lstm", "skill", Health.CRITICAL)))
    both_say(report, "it is to be trained anew")
    both_say(report, "Drift: lstm (skill critical, to be trained anew).")


def test_critical_findings_are_told_before_degraded_ones(make_report, make_finding):
    findings = (make_finding("a", health=Health.DEGRADED), make_finding("b", health=Health.CRITICAL))
    caveats = [each for each in make_report(drift=of(*findings)).caveats if each.startswith("Drift")]
    assert [each.split()[2] for each in caveats] == ["b", "a"]


def test_the_worst_finding_is_the_badge(make_report, make_policy, make_finding):
    findings = (make_finding(kind="skill"), make_finding(kind="inputs", health=Health.DEGRADED))
    report = make_report(policies=(make_policy(),), drift=of(*findings))
    assert policy_rows.badge(report, report.policies[0]) == "degraded"


def test_healthy_models_are_one_line_and_no_warning(make_report, make_finding):
    findings = (make_finding("ppo_lstm", "skill"), make_finding("ppo_lstm", "inputs"), make_finding("lstm", "inputs"))
    report = make_report(drift=of(*findings))
    both_say(report, "No drift: ppo_lstm (skill, inputs), lstm (inputs).")
    assert not [each for each in report.caveats if each.startswith("Drift")]


def test_drift_that_nobody_looked_for_is_no_badge(make_report, make_policy):
    report = make_report(policies=(make_policy(),))
    assert policy_rows.badge(report, report.policies[0]) == ""
    assert "healthy" not in twin(report)
    assert "badge healthy" not in render_markup(report, {})


def test_six_accounts_of_fifteen_names_are_told_whole_and_far_from_being_clipped(usual_report):
    page = render_markup(usual_report, {})
    assert len(page.encode()) < 0.7 * html.MOST_BYTES
    assert "the plain-text version of this report lists them all" not in page
    table = weight_table(usual_report.accounts)
    assert {len(row.weights) for row in (*table.rows, table.cash)} == {6}
    assert (len(table.rows), table.more) == (15, 0)


def test_the_most_crowded_report_is_not_clipped_and_hides_no_order_no_forecast_and_no_policy(crowded_report):
    page = render_markup(crowded_report, {})
    assert len(page.encode()) < html.MOST_BYTES
    assert "more orders" not in page
    assert "more names: the plain-text" not in page[page.index("What the forecasters expect") :]
    said = Words(page).text
    for name in ("ppo_ lstm degraded", "ppo_ patchtst healthy", "sac_ lstm critical", "sac_ patchtst No policy"):
        assert name in said


def test_six_lines_have_a_taller_picture_than_two_and_each_account_its_colour(make_report, usual_report):
    two, six = (
        np.asarray(Image.open(BytesIO(html.picture(each))).convert("RGB")) for each in (make_report(), usual_report)
    )
    assert two.shape[1] == six.shape[1] == 1080
    assert six.shape[0] > two.shape[0]
    for place in range(6):
        wanted = [int(plots.colour(place)[at : at + 2], 16) for at in (1, 3, 5)]
        assert (np.abs(six.astype(int) - wanted).max(axis=2) < 12).sum() > 50


def test_the_comparison_of_six_accounts_fits_a_terminal_of_80_columns(usual_report):
    lines = comparison_table(usual_report).splitlines()
    assert len(lines) == 9
    assert max(map(len, lines)) <= 80


def test_the_dates_of_the_week_stand_once_where_all_accounts_share_them(usual_report):
    assert letter(usual_report).count("22 Dec → 29 Dec") == 1


def test_accounts_with_other_dates_each_say_theirs(make_report, make_section):
    old = make_section("equal_weight", seed=4)
    report = make_report(make_section(), replace(old, marks=old.marks[:-1]))
    said = letter(report)
    assert said.count("22 Dec → 29 Dec") == 1
    assert said.count("15 Dec → 22 Dec") == 1


def test_hostile_words_are_shown_and_never_obeyed(make_report, make_policy, make_finding):
    line = make_policy(HOSTILE, version=HOSTILE, reason=HOSTILE)
    report = make_report(policies=(line,), drift=of(make_finding(HOSTILE, HOSTILE, Health.CRITICAL, told=HOSTILE)))
    page = Words(render_html(report))
    assert "script" not in page.tags
    assert 'alert("x")' in page.text
