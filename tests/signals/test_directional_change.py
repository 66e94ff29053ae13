import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnfinance_dagster.signals.directional_change import directional_changes

NAN = np.nan
FIELDS = ("trend", "overshoot", "age", "count")


def followed(closes, threshold=0.10):
    """One name's changes, each as a flat row."""
    changes = directional_changes(np.array(closes, dtype=float)[:, None], threshold)
    return {field: getattr(changes, field)[:, 0] for field in FIELDS}


def by_hand(closes, threshold):
    """The definition, one name, one day after the other: (trend, overshoot, age, count) of each day."""
    out, history, trend, confirmed = [], [], None, None
    for day, close in enumerate(closes):
        if np.isnan(close):
            out.append((NAN, NAN, NAN, NAN))
            history, trend, confirmed = [], None, None
            continue
        since = [price for at, price, _ in history if confirmed is None or at >= confirmed]
        up = bool(since) and trend in {None, -1} and close >= min(since) * (1 + threshold) * (1 - 1e-9)
        down = bool(since) and trend in {None, 1} and close <= max(since) * (1 - threshold) * (1 + 1e-9)
        if up or down:
            trend, confirmed = (1 if up else -1), day
        history.append((day, close, up or down))
        count = sum(turned for _, _, turned in history[-60:]) if len(history) >= 61 else NAN
        if trend is None:
            out.append((NAN, NAN, NAN, count))
        else:
            start = next(price for at, price, _ in history if at == confirmed)
            out.append((trend, (close / start - 1) / threshold, day - confirmed, count))
    return np.array(out, dtype=float).reshape(len(out), 4)


def test_a_worked_example():
    #                down from 120    up from 100
    closes = [100, 105, 120, 109, 107, 100, 108, 112, 130, 118]
    found = followed(closes)
    np.testing.assert_array_equal(found["trend"], [NAN, NAN, 1, 1, -1, -1, -1, 1, 1, 1])
    np.testing.assert_array_equal(found["age"], [NAN, NAN, 0, 1, 0, 1, 2, 0, 1, 2])
    expected = np.array([NAN, NAN, 0, 109 / 120 - 1, 0, 100 / 107 - 1, 108 / 107 - 1, 0, 130 / 112 - 1, 118 / 112 - 1])
    np.testing.assert_allclose(found["overshoot"], expected / 0.10, rtol=1e-12)


def test_a_change_counts_from_its_confirmation_and_never_from_the_extreme():
    found = followed([100, 120, 119, 118, 117, 108])
    assert found["trend"].tolist()[1:] == [1, 1, 1, 1, -1], "the top of 120 was only known to be one at 108"
    assert found["age"][-1] == 0
    assert found["overshoot"][-1] == 0


def test_before_the_first_change_there_is_no_trend():
    found = followed([100, 109, 100, 99, 108])
    assert all(np.isnan(found[field]).all() for field in FIELDS)


@pytest.mark.parametrize(
    ("closes", "trend"), [([100, 104], 1), ([100, 96], -1), ([0.1, 0.104], 1), ([3, 2.88], -1), ([7.7, 7.392], -1)]
)
def test_a_close_that_reaches_the_threshold_exactly_counts(closes, trend):
    assert followed(closes, 0.04)["trend"][-1] == trend


@pytest.mark.parametrize("closes", [[100, 103.99], [100, 96.01]])
def test_a_close_just_short_of_it_does_not(closes):
    assert np.isnan(followed(closes, 0.04)["trend"][-1])


def test_the_first_change_may_come_from_any_extreme_so_far():
    assert followed([100, 92, 101.2])["trend"][-1] == 1, "up 10% from 92, not from the first close"
    assert followed([100, 108, 97.2])["trend"][-1] == -1, "down 10% from 108"


@pytest.mark.parametrize(
    ("closes", "trend"),
    [
        ([120, 132, 118, 100, 110, 107], 1),  # 107 is far below 132, but 132 was another trend's top
        ([100, 90, 99, 120, 108, 111], -1),  # 111 is far above 90, but 90 was another trend's bottom
    ],
)
def test_a_new_trend_forgets_the_extremes_before_it(closes, trend):
    found = followed(closes)
    assert (found["trend"][-1], found["age"][-1]) == (trend, 1)


def test_after_a_halt_everything_begins_anew():
    found = followed([100, 120, NAN, 80, 80, 88])
    np.testing.assert_array_equal(found["trend"], [NAN, 1, NAN, NAN, NAN, 1])


def test_changes_are_counted_over_sixty_sessions_which_need_sixty_one_closes():
    zigzag = [100, 120] * 40
    count = followed(zigzag)["count"]
    assert np.isnan(count[:60]).all()
    assert count[60:].tolist() == [60] * 20
    calm = followed(zigzag[:20] + [120] * 70)["count"]
    assert calm[60] == 19
    assert calm[-11] == 0
    assert followed([100] * 61)["count"][-1] == 0, "a calm quarter has no changes, which is known"


def test_a_halt_within_the_quarter_leaves_the_count_unknown():
    closes = [100, 120] * 40
    closes[30] = NAN
    assert np.isnan(followed(closes)["count"]).all()


@st.composite
def walks(draw):
    """Closes in whole cents and moves in whole percents, so that thresholds are hit exactly at times; with halts."""
    count = draw(st.integers(1, 150))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    price, closes = 100.0, []
    for move in rng.integers(-draw(st.sampled_from([1, 4, 12])), 5, count) * rng.choice([-1, 1], count):
        price = max(1.0, round(price * (1 + move / 100), 2))
        closes.append(price)
    for halt in draw(st.sets(st.integers(0, count - 1), max_size=3)):
        closes[halt] = NAN
    return closes


@settings(deadline=None)
@given(closes=walks(), threshold=st.sampled_from([0.02, 0.04, 0.10]))
def test_changes_are_those_of_the_definition(closes, threshold):
    found = followed(closes, threshold)
    expected = by_hand(closes, threshold)
    for column, field in enumerate(FIELDS):
        np.testing.assert_allclose(found[field], expected[:, column], rtol=1e-12, atol=1e-12, err_msg=field)


@settings(deadline=None)
@given(closes=walks(), data=st.data())
def test_what_comes_later_never_changes_what_was_known(closes, data):
    known = data.draw(st.integers(1, len(closes)))
    whole, part = followed(closes, 0.04), followed(closes[:known], 0.04)
    for field in FIELDS:
        np.testing.assert_array_equal(whole[field][:known], part[field], err_msg=field)


@settings(deadline=None)
@given(closes=walks(), scale=st.sampled_from([0.01, 1 / 3, 7.0, 1000.0]))
def test_the_price_level_does_not_matter(closes, scale):
    one, other = followed(closes, 0.04), followed(np.array(closes) * scale, 0.04)
    for field in FIELDS:
        np.testing.assert_allclose(one[field], other[field], rtol=1e-9, atol=1e-9, err_msg=field)


@settings(deadline=None)
@given(first=walks(), second=walks())
def test_a_name_does_not_feel_its_neighbours(first, second):
    length = min(len(first), len(second))
    closes = np.column_stack([first[:length], second[:length]])
    both = directional_changes(closes, 0.04)
    for column in range(2):
        alone = followed(closes[:, column], 0.04)
        for field in FIELDS:
            np.testing.assert_array_equal(getattr(both, field)[:, column], alone[field], err_msg=field)
