from itertools import pairwise

import numpy as np
import pytest
from policy_world import made_up

from learnfinance_dagster.allocation.rl.history import NOBODY
from learnfinance_dagster.allocation.rl.state import FEATURES
from learnfinance_dagster.schemas.signals import StateFeatures

IN_SLOTS = ("name", "features", "forecast", "returns", "hrp")


def column(history, feature):
    return history.features[..., FEATURES.index(feature)]


def own(history):
    """What the week brought beyond the mean of its names."""
    return history.returns - history.returns.mean(axis=1, keepdims=True)


def correlation(left, right):
    known = ~(np.isnan(left) | np.isnan(right))
    return np.corrcoef(left[known], right[known])[0, 1]


@pytest.mark.parametrize("signal", [0.0, 0.15, 0.5])
def test_the_tone_of_the_news_tells_as_much_as_was_asked_for(signal):
    history = made_up(800, 15, 30, signal=signal)
    assert correlation(column(history, "news_sentiment"), own(history)) == pytest.approx(signal, abs=0.03)


@pytest.mark.parametrize("feature", [name for name in FEATURES if name != "news_sentiment"])
def test_nothing_else_tells_anything(feature):
    history = made_up(800, 15, 30, signal=0.5)
    assert correlation(column(history, feature), own(history)) == pytest.approx(0, abs=0.03)


def test_last_weeks_news_tell_nothing():
    history = made_up(800, 15, 15, signal=0.5)
    order = np.argsort(history.name, axis=1)
    tone = np.take_along_axis(column(history, "news_sentiment"), order, axis=1)
    earned = np.take_along_axis(own(history), order, axis=1)
    assert correlation(tone[:-1], earned[1:]) == pytest.approx(0, abs=0.03)


def test_a_clairvoyant_knows_the_week_and_nobody_else_does():
    clairvoyant, blind = (made_up(400, 15, 30, clairvoyant=which) for which in (True, False))
    np.testing.assert_array_equal(clairvoyant.forecast, clairvoyant.returns)
    assert correlation(blind.forecast, blind.returns) == pytest.approx(0, abs=0.03)


def test_its_weeks_are_those_of_a_usual_market():
    history = made_up(800, 15, 30)
    assert history.returns.mean() == pytest.approx(0.002, abs=0.002)
    assert history.returns.mean(axis=1).std() == pytest.approx(0.02, abs=0.004)
    assert own(history).std() == pytest.approx(0.035, abs=0.003)
    assert (history.returns > -1).all()


def test_names_leave_and_come_back():
    history = made_up(200, 15, 30)
    weeks = [set(names.tolist()) for names in history.name]
    changed = np.mean([len(after - before) for before, after in pairwise(weeks)]) / 15
    assert 0.05 < changed < 0.3
    there = np.array([history.symbols.index("N003") in names for names in weeks])
    assert (np.diff(there.astype(int)) == 1).sum() > 1


def test_filings_stay_for_a_quarter():
    history = made_up(200, 15, 15)
    margin = np.take_along_axis(column(history, "net_margin"), np.argsort(history.name, axis=1), axis=1)
    known = ~np.isnan(margin[1:]) & ~np.isnan(margin[:-1])
    assert (margin[1:] == margin[:-1])[known].mean() == pytest.approx(12 / 13, abs=0.02)
    age = np.take_along_axis(column(history, "fundamental_age"), np.argsort(history.name, axis=1), axis=1)
    assert ((margin[1:] != margin[:-1])[known] == (age[1:] == 1)[known]).all()


def test_it_is_of_the_form_that_real_weeks_have():
    history = made_up(100, 15, 30)
    assert history.symbols == tuple(sorted(history.symbols))
    assert set(np.unique(history.name)) == set(range(len(history.symbols)))
    assert NOBODY not in history.name
    assert all(len(set(names)) == 15 for names in history.name.tolist())
    assert (np.diff(history.mondays) == np.timedelta64(7, "D")).all()
    assert {each.item().weekday() for each in history.mondays} == {0}
    assert (history.hrp.sum(axis=1) <= 0.98 + 1e-12).all()
    assert 0.02 < np.isnan(history.features).mean() < 0.05
    rows = history.features[0]
    for name, schema in StateFeatures.to_schema().columns.items():
        if name in FEATURES:
            values = rows[:, FEATURES.index(name)]
            assert schema.nullable or not np.isnan(values).any()
    assert np.nanmax(np.abs(column(history, "news_sentiment"))) <= 1


def test_the_same_numbers_give_the_same_past_and_others_another():
    one, same, other = made_up(seed=1), made_up(seed=1), made_up(seed=2)
    for part in IN_SLOTS:
        np.testing.assert_array_equal(getattr(one, part), getattr(same, part))
    assert not np.array_equal(one.returns, other.returns)


def test_as_many_names_as_slots_are_always_the_same_names():
    history = made_up(50, 6, 6)
    assert (np.sort(history.name, axis=1) == np.arange(6)).all()
