"""Drift: bad weeks in a row against the own held-out interval, and inputs against those of the training."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from learnfinance_dagster.documents import from_json, to_json
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.evaluation.drift import (
    DriftFinding,
    DriftReport,
    Health,
    InputMoments,
    input_finding,
    moments,
    not_measured,
    ratio_health,
    shift_health,
    skill_finding,
)

GOOD, BAD = 0.01, -0.01


def skill(*realised, low=0.0, **changes) -> DriftFinding:
    return skill_finding("ppo_lstm", "v1", realised, low, **changes)


# Skill.


@pytest.mark.parametrize(
    ("realised", "health"),
    [
        ([GOOD] * 8, Health.HEALTHY),
        ([GOOD] * 7 + [BAD], Health.HEALTHY),
        ([GOOD] * 6 + [BAD] * 2, Health.DEGRADED),
        ([GOOD] * 5 + [BAD] * 3, Health.DEGRADED),
        ([GOOD] * 4 + [BAD] * 4, Health.CRITICAL),
        ([BAD] * 8, Health.CRITICAL),
        ([BAD] * 7 + [GOOD], Health.HEALTHY),
        ([BAD, BAD, BAD, GOOD, BAD, BAD], Health.DEGRADED),
    ],
)
def test_four_weeks_in_a_row_below_the_interval_are_critical_and_two_are_told(realised, health):
    found = skill(*realised)
    assert found.health is health
    assert found.retrain == (health is Health.CRITICAL)
    assert (found.model, found.version, found.kind) == ("ppo_lstm", "v1", "skill")


def test_a_week_exactly_at_the_lower_end_is_not_worse():
    assert skill(BAD, BAD, BAD, 0.0).health is Health.HEALTHY
    assert skill(BAD, BAD, BAD, np.nextafter(0.0, -1)).health is Health.CRITICAL


@given(st.lists(st.sampled_from([GOOD, BAD]), min_size=4, max_size=8), st.data())
def test_a_week_that_nobody_knows_neither_ends_a_row_nor_lengthens_it(realised, data):
    gaps = data.draw(st.lists(st.integers(0, len(realised)), max_size=4))
    with_gaps = list(realised)
    for place in sorted(gaps, reverse=True):
        with_gaps.insert(place, None)
    plain, gapped = skill(*realised), skill(*with_gaps)
    assert (plain.health, plain.retrain, plain.told) == (gapped.health, gapped.retrain, gapped.told)


@pytest.mark.parametrize("realised", [[], [None] * 8, [BAD] * 3, [None, BAD, None, BAD, BAD]])
def test_fewer_than_four_known_weeks_are_too_early_to_tell_however_bad(realised):
    found = skill(*realised)
    assert found.health is Health.HEALTHY
    assert not found.retrain
    assert "too early" in found.told


def test_how_many_weeks_it_takes_is_a_setting():
    assert skill(BAD, BAD, weeks=2).health is Health.CRITICAL
    assert skill(*[BAD] * 5, weeks=6).health is Health.HEALTHY, "five are too few to tell"
    assert skill(GOOD, *[BAD] * 5, weeks=6).health is Health.DEGRADED


def test_a_reader_is_told_the_limit_and_every_bad_week_oldest_first():
    told = skill(GOOD, -0.01, -0.02, -0.03, -0.04, low=0.001, measure="weekly rank IC").told
    assert told == (
        "weekly rank IC: the newest 4 weeks are below +0.001, the lower end of its held-out interval:"
        " -0.01, -0.02, -0.03, -0.04"
    )


def test_every_known_week_is_among_the_figures_by_how_long_ago_it_was():
    assert skill(0.4, None, 0.2, 0.1, low=0.3).figures == {
        "low": 0.3,
        "known_weeks": 3.0,
        "bad_weeks": 2.0,
        "4_weeks_ago": 0.4,
        "2_weeks_ago": 0.2,
        "1_weeks_ago": 0.1,
    }


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_figure_that_is_no_number_is_refused_and_not_taken_for_an_unknown_week(wrong):
    with pytest.raises(DataError, match="not finite"):
        skill(GOOD, GOOD, GOOD, wrong)
    with pytest.raises(DataError, match="not finite"):
        skill(GOOD, low=wrong)


def test_false_alarms_and_their_delay_are_what_the_docstring_says():
    """400 versions, judged on 104 normal weeks; then 26 weeks as good as ever, or worse by one standard deviation."""
    rng = np.random.default_rng(11)
    alarms, delays = [], []
    for _ in range(400):
        held_out = rng.normal(0, 1, 104)
        low = held_out.mean() - 1.96 * held_out.std(ddof=1) / np.sqrt(104)
        same, worse = rng.normal(0, 1, 26), rng.normal(-1, 1, 26)
        alarms += [skill(*same[end - 8 : end], low=low).retrain for end in range(8, 27)]
        delays.append(next((end for end in range(4, 27) if skill(*worse[max(0, end - 8) : end], low=low).retrain), 99))
    assert np.mean(alarms) == pytest.approx(0.034, abs=0.01)
    assert np.mean(np.array(delays) <= 4) == pytest.approx(0.39, abs=0.06)
    assert np.mean(np.array(delays) <= 8) == pytest.approx(0.72, abs=0.06)
    assert np.mean(np.array(delays) <= 13) == pytest.approx(0.90, abs=0.05)


# Inputs.


def rows(mean=0.0, std=1.0, count=60):
    """A column of exactly that mean and standard deviation."""
    column = np.linspace(-1, 1, count)
    return mean + std * (column - column.mean()) / column.std()


def inputs(*columns, names=(), fills=(), stds=None, **changes) -> DriftFinding:
    """Training had mean 0 and standard deviation 1 in every input."""
    names = names or tuple(f"feature_{place}" for place in range(len(columns)))
    training = InputMoments(names, (0.0,) * len(columns), stds or (1.0,) * len(columns), fills)
    return input_finding("lstm", "v1", np.column_stack(columns), training, **changes)


@pytest.mark.parametrize(
    ("shift", "health"),
    [
        (0.0, Health.HEALTHY),
        (np.nextafter(1, 0), Health.HEALTHY),
        (1.0, Health.DEGRADED),
        (np.nextafter(2, 0), Health.DEGRADED),
        (2.0, Health.CRITICAL),
    ],
)
def test_a_mean_is_degraded_from_one_standard_deviation_on_and_critical_from_two(shift, health):
    assert shift_health(shift) is shift_health(-shift) is health


@pytest.mark.parametrize(
    ("ratio", "health"),
    [
        (0.0, Health.CRITICAL),
        (np.nextafter(0.4, 0), Health.CRITICAL),
        (0.4, Health.DEGRADED),
        (np.nextafter(0.6, 0), Health.DEGRADED),
        (0.6, Health.HEALTHY),
        (1.5, Health.HEALTHY),
        (np.nextafter(1.5, 2), Health.DEGRADED),
        (2.5, Health.DEGRADED),
        (np.nextafter(2.5, 3), Health.CRITICAL),
    ],
)
def test_a_spread_is_healthy_within_the_inner_limits_and_critical_outside_the_outer_ones(ratio, health):
    assert ratio_health(ratio) is health


@pytest.mark.parametrize(
    ("column", "health"),
    [
        (rows(), Health.HEALTHY),
        (rows(mean=0.98), Health.HEALTHY),
        (rows(mean=-1.02), Health.DEGRADED),
        (rows(mean=2.02), Health.CRITICAL),
        (rows(std=0.61), Health.HEALTHY),
        (rows(std=1.52), Health.DEGRADED),
        (rows(std=0.58), Health.DEGRADED),
        (rows(std=2.6), Health.CRITICAL),
        (rows(std=0.0), Health.CRITICAL),
    ],
)
def test_only_critical_inputs_ask_for_a_training(column, health):
    found = inputs(column)
    assert found.health is health
    assert not found.retrain, "other inputs are told; only bad weeks ask for a training"


def test_the_worst_input_decides_and_is_named_with_its_numbers():
    found = inputs(rows(), rows(mean=1.2), rows(mean=-2.5, std=1.25), rows(std=2.6), names=("a", "b", "c", "d"))
    assert found.health is Health.CRITICAL
    assert found.told == (
        "3 of 4 inputs are not as in training: c, its mean -2.50 standard deviations from that of training,"
        " its spread 1.25 times that of training"
    )
    assert found.figures["c_shift"] == pytest.approx(-2.5)
    assert found.figures["d_ratio"] == pytest.approx(2.6)
    assert found.figures["rows"] == 60


def test_healthy_inputs_name_the_furthest_too():
    assert "furthest from it: b, its mean +0.90" in inputs(rows(), rows(mean=0.9), names=("a", "b")).told


def test_an_input_that_nobody_has_any_more_is_told_and_no_training_is_asked_for():
    found = inputs(rows(), np.full(60, np.nan), names=("a", "b"))
    assert (found.health, found.retrain) == (Health.DEGRADED, False)
    assert found.told == "1 of 2 inputs is not as in training: b, which nobody has any more"
    assert found.figures["b_missing"] == 1.0


def test_what_is_missing_is_left_out_and_counted():
    sparse = rows(mean=0.5)
    sparse[::2] = np.nan
    found = inputs(sparse, names=("a",))
    assert found.health is Health.HEALTHY
    assert found.figures["a_missing"] == 0.5
    assert found.figures["a_shift"] == pytest.approx(np.nanmean(sparse))
    few = np.where(np.arange(60) < 29, 9.0, np.nan)
    assert inputs(few).health is Health.HEALTHY, "29 known rows are too few"
    assert inputs(few, fewest_rows=29).health is Health.CRITICAL


def test_where_training_filled_gaps_the_window_is_filled_alike():
    half = np.where(np.arange(60) % 2, rows(mean=3.0, std=0.2), np.nan)
    assert inputs(half).figures["feature_0_shift"] == pytest.approx(3.0, abs=0.01)
    assert inputs(half, fills=(0.0,)).figures["feature_0_shift"] == pytest.approx(1.5, abs=0.01)
    assert inputs(np.full(60, np.nan), fills=(0.0,)).told.endswith("which nobody has any more"), "not a mean of 0"


@pytest.mark.parametrize(
    ("column", "health"),
    [
        (np.zeros(60), Health.HEALTHY),
        (np.full(60, np.nan), Health.HEALTHY),
        (np.r_[np.zeros(59), 1.0], Health.DEGRADED),
    ],
)
def test_an_input_that_never_varied_in_training_is_told_when_it_does_and_divides_by_nothing(column, health):
    found = inputs(column, stds=(0.0,))
    assert (found.health, found.retrain) == (health, False)
    assert "feature_0_shift" not in found.figures


def test_a_rare_mark_that_nobody_has_this_month_has_not_drifted():
    training = moments(np.array([[1.0]] * 5 + [[0.0]] * 95), ("mark",))
    quiet = np.zeros((60, 1))
    assert input_finding("ppo_lstm", "v1", quiet, training).health is Health.CRITICAL
    assert input_finding("ppo_lstm", "v1", quiet, training, only_mean=("mark",)).health is Health.HEALTHY
    assert input_finding("ppo_lstm", "v1", 1 - quiet, training, only_mean=("mark",)).health is Health.CRITICAL


@pytest.mark.parametrize("count", [0, 29])
def test_too_few_recent_rows_are_too_early_to_tell_however_odd(count):
    found = inputs(np.full(count, 99.0))
    assert (found.health, found.retrain) == (Health.HEALTHY, False)
    assert "too early" in found.told


@settings(deadline=None)  # the first one loads pydantic
@given(
    arrays(float, st.tuples(st.integers(0, 80), st.just(3)), elements=st.floats(allow_infinity=False)),
    arrays(float, (40, 3), elements=st.floats(-1e6, 1e6) | st.just(np.nan)),
)
def test_whatever_is_found_can_be_stored_or_is_refused(window, training):
    with suppress(DataError):  # numbers that no float can compare; every other error fails the test
        report = DriftReport("2025-12-29", (input_finding("lstm", "v1", window, moments(training, ("a", "b", "c"))),))
        text = to_json(report) if all(map(np.isfinite, report.findings[0].figures.values())) else ""
        assert text, "a figure that cannot be stored"
        assert from_json(DriftReport, text) == report


@settings(deadline=None)  # as above
@given(arrays(float, (40, 2), elements=st.floats(-1e6, 1e6) | st.just(np.nan)))
def test_training_rows_themselves_never_ask_for_a_training(values):
    training = moments(values, ("a", "b"))
    assert not input_finding("lstm", "v1", values, training).retrain
    assert from_json(InputMoments, to_json(training)) == training


def test_moments_are_those_of_what_is_known():
    values = np.array([[1.0, np.nan, 0.5], [3.0, np.nan, 0.5], [np.nan, np.nan, 0.5]])
    assert moments(values, ("a", "b", "c")) == InputMoments(("a", "b", "c"), (2.0, 0.0, 0.5), (1.0, 0.0, 0.0))


def test_what_does_not_fit_is_refused():
    training = InputMoments(("a",), (0.0,), (1.0,))
    for window in (np.zeros((60, 2)), np.zeros(60)):
        with pytest.raises(DataError, match="do not fit 1 inputs"):
            input_finding("lstm", "v1", window, training)
    with pytest.raises(DataError, match="infinite"):
        input_finding("lstm", "v1", np.full((60, 1), np.inf), training)
    for parts in ((("a",), (0.0,), ()), (("a",), (np.nan,), (1.0,)), (("a",), (0.0,), (-1.0,)), ((), (), ())):
        with pytest.raises(DataError, match="moments need"):
            InputMoments(*parts)


def test_what_could_not_be_measured_is_not_called_healthy():
    found = not_measured("ppo_lstm", "", "skill", "no ppo_lstm policy is in use yet")
    assert (found.health, found.retrain) == (Health.DEGRADED, False)
    assert found.told == "not measured: no ppo_lstm policy is in use yet"
