from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnfinance_dagster.documents import from_json, to_json
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.promotion import Decision, Judged, decide
from learnfinance_dagster.forecasting.skill import Skill, SkillTable

ERRORS = st.floats(1e-9, 1e3)
MARGINS = st.floats(0, 0.99)
PASSED, FAILED = (True, "no skill found"), (False, "worse than forecasting zero")
VERDICTS = st.sampled_from([PASSED, FAILED])
ZERO = Skill(52, 100.0, 0.0017, 0.0001, None, None, None, None, 0, 0)


def judged(version, mse, zero=ZERO, first_week="2025-01-06"):
    mine = Skill(52, 100.0, mse, 0.0001, 0.01, 0.01, 0.51, 0.01, 52, 52)
    return Judged(version, SkillTable(first_week, "2025-12-29", (("lstm", mine), ("zero", zero)), ()))


def decided(candidate, current, margin=0.0, skill=PASSED, placebo=PASSED):
    before = None if current is None else judged("v1", current)
    return decide(judged("v2", candidate), before, margin, skill=skill, placebo=placebo)


def test_the_first_version_is_promoted():
    decision = decided(0.0016, None)
    assert decision == Decision(
        promoted=True,
        reason="v2 is promoted: there is no version before it,"
        " and its mean squared error is 0.0016 on 52 held-out weeks",
        candidate="v2",
        candidate_mse=0.0016,
        current="",
        current_mse=None,
        weeks=52,
        margin=0.0,
    )


@given(ERRORS, ERRORS, MARGINS, VERDICTS, VERDICTS)
def test_a_version_is_promoted_exactly_when_strictly_better_and_both_checks_passed(
    mine, theirs, margin, skill, placebo
):
    decision = decided(mine, theirs, margin, skill, placebo)
    assert decision.promoted == (mine < theirs * (1 - margin) and skill[0] and placebo[0])
    assert (decision.candidate_mse, decision.current_mse, decision.margin) == (mine, theirs, margin)
    assert from_json(Decision, to_json(decision)) == decision


@given(ERRORS, MARGINS)
def test_an_equal_version_changes_nothing(mse, margin):
    assert not decided(mse, mse, margin).promoted


@given(ERRORS, ERRORS)
def test_two_versions_never_replace_each_other_in_turn(one, other):
    assert not (decided(one, other).promoted and decided(other, one).promoted)


@given(ERRORS, st.none() | ERRORS, VERDICTS, VERDICTS)
def test_a_failed_check_is_told_and_never_promoted_not_even_as_the_first(mine, theirs, skill, placebo):
    decision = decided(mine, theirs, 0.0, skill, placebo)
    for name, (passed, told) in (("skill", skill), ("placebo", placebo)):
        assert (f"the {name} check failed ({told})" in decision.reason) == (not passed)
        assert passed or not decision.promoted


@given(st.none() | ERRORS, st.sampled_from([float("nan"), float("inf"), float("-inf"), -1.0]), VERDICTS)
def test_an_error_that_is_no_number_is_refused_and_named(other, wrong, verdict):
    with pytest.raises(DataError, match="v2 has a mean squared error of"):
        decided(wrong, other, skill=verdict)
    with pytest.raises(DataError, match="v1 has a mean squared error of"):
        decided(0.001, wrong, skill=verdict)


@given(ERRORS, ERRORS)
def test_the_reason_tells_both_numbers_and_they_look_different_when_they_are(mine, theirs):
    words = decided(mine, theirs).reason.split()
    told = words[words.index("error") + 1], words[words.index("the") + 1]
    assert float(told[0]) == pytest.approx(mine, rel=1e-5)
    assert float(told[1]) == pytest.approx(theirs, rel=1e-5)
    assert (told[0] == told[1]) == (mine == theirs)


def test_the_reason_is_one_clear_sentence():
    assert decided(0.00161, 0.00162, 0.01).reason == (
        "v2 is not promoted: its mean squared error 0.00161 on 52 held-out weeks is not below"
        " the 0.00162 less 1.0000% of v1"
    )
    assert decided(0.00161, 0.00162).reason == (
        "v2 is promoted: its mean squared error 0.00161 on 52 held-out weeks is below the 0.00162 of v1"
    )


def test_a_version_that_is_in_use_already_is_not_promoted_again():
    same = judged("v1", 0.0016)
    decision = decide(same, same, 0.0, skill=PASSED, placebo=PASSED)
    assert not decision.promoted
    assert "in use already" in decision.reason


@pytest.mark.parametrize(
    "other",
    [
        judged("v1", 0.0016, first_week="2024-12-30"),
        judged("v1", 0.0016, zero=replace(ZERO, mse=0.0018)),
        judged("v1", 0.0016, zero=replace(ZERO, names=99.0)),
    ],
)
def test_versions_that_were_judged_on_other_windows_are_not_compared(other):
    with pytest.raises(DataError, match="only the same windows compare"):
        decide(judged("v2", 0.0015), other, 0.0, skill=PASSED, placebo=PASSED)
