"""The training summary in words: six paragraphs, whatever came of the trainings."""

from dataclasses import replace

import pytest
from training_summaries import a_policy, a_summary, not_made, promoted

from learnfinance_dagster.commentary.check import objection
from learnfinance_dagster.commentary.narrate import by_template
from learnfinance_dagster.commentary.training import training_letter
from learnfinance_dagster.reporting.training_html import render_training_html
from learnfinance_dagster.reporting.training_text import render_training_text

ALGORITHMS = {"ppo_lstm": "ppo", "ppo_patchtst": "ppo", "sac_lstm": "sac", "sac_patchtst": "sac"}


@pytest.fixture
def letter():
    return training_letter(a_summary(), ALGORITHMS)


def test_there_are_six_paragraphs(letter):
    assert [each.key for each in letter.outlines] == [
        "overall",
        "forecaster_lstm",
        "forecaster_patchtst",
        "algorithm_ppo",
        "algorithm_sac",
        "next",
    ]


@pytest.mark.parametrize(
    "policies", [(), (promoted(),), (not_made("ppo_lstm"),), (a_policy(), not_made()), (a_policy(new=None, in_use=""),)]
)
def test_every_outcome_can_be_told(policies):
    summary = a_summary(*policies)
    words = by_template(training_letter(summary, ALGORITHMS))
    assert all(each.text and "{" not in each.text for each in words.paragraphs)
    text = render_training_text(replace(summary, words=words))
    page = render_training_html(replace(summary, words=words))
    assert all(each.heading in text and each.heading in page for each in words.paragraphs)


def test_a_version_that_lost_to_the_yardstick_was_not_ahead_of_it(letter):
    sac = next(each for each in letter.outlines if each.key == "algorithm_sac")
    honest = "{sac_lstm.name} was behind the yardstick by {sac_lstm.excess}; {sac_patchtst.name} is left out."
    assert objection(honest, sac, letter.names) == ""
    assert objection(honest.replace("behind", "ahead of"), sac, letter.names)
    assert objection(honest.replace("{sac_lstm.excess}", "{sac_patchtst.excess}"), sac, letter.names)
    assert objection(
        "The policies were promoted: {sac_lstm.name} and its {sac_lstm.tried} versions.", sac, letter.names
    )
