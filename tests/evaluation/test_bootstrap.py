import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.evaluation.bootstrap import block_indexes, interval, p_value

lengths = st.tuples(st.integers(1, 6), st.integers(0, 60)).map(lambda drawn: (drawn[0], 2 * drawn[0] + drawn[1]))


def remembering(count, weeks, memory, seed):
    """(count, weeks) of unit variance, each week a share of the one before."""
    shocks = np.random.default_rng(seed).normal(size=(count, weeks))
    for week in range(1, weeks):
        shocks[:, week] = memory * shocks[:, week - 1] + np.sqrt(1 - memory**2) * shocks[:, week]
    return shocks


def p_of_mean(series, block, seed=1, samples=400):
    """The p-value of a mean above zero: its influence function is the series itself."""
    indexes = block_indexes(len(series), block, samples, seed)
    rows = series[indexes]
    weeklies = rows - rows.mean(axis=1, keepdims=True)
    return p_value(series.mean(), series - series.mean(), rows.mean(axis=1), weeklies, block)


@settings(max_examples=40, deadline=None)
@given(lengths, st.integers(0, 2**32))
def test_a_resample_is_made_of_whole_blocks_that_run_over_the_end_into_the_beginning(length, seed):
    block, weeks = length
    indexes = block_indexes(weeks, block, 30, seed)
    assert indexes.shape == (30, weeks)
    assert indexes.min() >= 0
    assert indexes.max() < weeks
    steps = np.diff(indexes, axis=1) % weeks
    inside = np.arange(1, weeks) % block != 0
    assert (steps[:, inside] == 1).all()


@given(lengths, st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_the_same_seed_draws_the_same_weeks(length, seed):
    block, weeks = length
    np.testing.assert_array_equal(block_indexes(weeks, block, 20, seed), block_indexes(weeks, block, 20, seed))


def test_another_seed_draws_other_weeks():
    assert (block_indexes(78, 4, 20, 1) != block_indexes(78, 4, 20, 2)).any()


def test_global_randomness_is_neither_read_nor_moved():
    np.random.seed(1)  # noqa: NPY002 - what must not matter
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - as above
    first = block_indexes(78, 4, 20, 7)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002 - as above
    np.random.seed(2)  # noqa: NPY002 - as above
    np.testing.assert_array_equal(first, block_indexes(78, 4, 20, 7))


def test_the_first_and_the_last_week_are_drawn_as_often_as_the_others():
    """Without the turn over the end, the first week of 26 would be drawn a quarter as often."""
    often = np.bincount(block_indexes(26, 4, 20_000, 1).ravel(), minlength=26) / 20_000
    assert often == pytest.approx(np.ones(26), abs=0.05)


@pytest.mark.parametrize(("weeks", "block"), [(7, 4), (0, 1), (1, 1), (10, 0), (4, -1)])
def test_too_few_weeks_for_two_blocks_are_refused_and_not_called_certain(weeks, block):
    with pytest.raises(DataError, match=f"{weeks} weeks cannot be resampled"):
        block_indexes(weeks, block, 100, 1)


def test_an_interval_is_the_middle_of_the_resamples():
    measured = interval(0.4, np.arange(1001) / 1000)
    assert (measured.value, measured.low, measured.high) == pytest.approx((0.4, 0.025, 0.975))


def test_nineteen_intervals_of_twenty_hold_the_true_mean():
    indexes = block_indexes(104, 4, 300, 1)
    held = 0
    for series in remembering(300, 104, 0.1, seed=3):
        measured = interval(series.mean(), series[indexes].mean(axis=1))
        held += measured.low <= 0 <= measured.high
    assert 0.88 <= held / 300 <= 0.98


def test_where_weeks_remember_blocks_hold_the_level_and_single_weeks_do_not():
    """The planted fault: a bootstrap of single weeks takes one long lucky spell for many lucky weeks."""
    series = remembering(400, 104, 0.4, seed=5)
    in_blocks = np.mean([p_of_mean(each, block=8) <= 0.05 for each in series])
    one_by_one = np.mean([p_of_mean(each, block=1) <= 0.05 for each in series])
    assert in_blocks < 0.09
    assert one_by_one > 0.11


def test_a_p_value_is_never_zero():
    assert p_of_mean(np.random.default_rng(1).normal(10, 1, 80), 4, samples=400) == pytest.approx(1 / 401)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_p_value_does_not_care_about_units(seed):
    series = np.random.default_rng(seed).standard_t(4, 60) + 0.1
    assert p_of_mean(series * 1024, 4) == p_of_mean(series, 4)


def test_a_larger_effect_has_a_smaller_p_value():
    series = np.random.default_rng(1).normal(0, 1, 80)
    found = [p_of_mean(series + shift, 4) for shift in (-0.5, 0.0, 0.1, 0.2, 0.4)]
    assert found == sorted(found, reverse=True)


def test_one_lucky_week_is_no_proof():
    series = np.zeros(80)
    series[30] = 1.0
    assert p_of_mean(series, 4) > 0.05


def test_nothing_at_all_is_no_proof():
    assert p_of_mean(np.zeros(80), 4) == 1.0
