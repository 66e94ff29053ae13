import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from policy_world import made_up, played, state_at, thinned

from learnfinance_dagster.allocation.rl.action import target_weights
from learnfinance_dagster.allocation.rl.episodes import Episodes, drifted
from learnfinance_dagster.allocation.rl.history import NOBODY
from learnfinance_dagster.allocation.rl.observation import (
    CHANNELS,
    CLIP,
    NO_OPINION,
    READ,
    Observer,
    assembled,
    padded,
    size,
)
from learnfinance_dagster.allocation.rl.state import FEATURES, LAYOUT, PolicyState, state_of, weights_of
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.values import Mode, Portfolio, Position

PLAIN = Observer(fills=(0.0,) * 10, means=(0.0,) * 10, stds=(1.0,) * 10)
numbers = st.floats(-1e6, 1e6)


def one(values, weights=None):
    """A state of one name with these values, features first and the forecast last."""
    return PolicyState(("AAA",), {"AAA": tuple(values[:-1])}, {"AAA": values[-1]}, weights or {})


def with_value(history, week, slot, feature, value):
    features = history.features.copy()
    features[week, slot, FEATURES.index(feature)] = value
    return replace(history, features=features)


def portfolio(cash, positions):
    held = tuple(Position(name, Decimal(1), Decimal(value), date(2025, 1, 3)) for name, value in positions.items())
    return Portfolio("ppo_lstm", "run", Decimal(cash), held, open_orders=0, mode=Mode.LIVE)


@pytest.mark.parametrize("history", [made_up(), thinned(made_up())], ids=["full weeks", "weeks with empty slots"])
def test_a_monday_is_observed_as_the_same_week_was_in_training_to_the_byte(history):
    """D10: the predecessor's live features were made in another way than those it had learned from."""
    observer = Observer.fit(history)
    world = played(history, observer)
    episodes = Episodes(world, 8, np.random.default_rng(0), weeks=len(history))
    rng = np.random.default_rng(1)
    held: list[dict[str, float]] = [{} for _ in episodes.week]
    for _ in range(episodes.length - 1):
        trained = episodes.observe()
        for number, week in enumerate(episodes.week.tolist()):
            served = padded(observer.state(state_at(history, week, held[number])), history.name.shape[1])
            assert served[:, :-2].tobytes() == trained[[number], :-2].tobytes()
            np.testing.assert_allclose(served[0, -2:], trained[number, -2:], rtol=0, atol=1e-6)
        names, logits = history.name[episodes.week], rng.normal(0, 2, (8, history.name.shape[1] + 1))
        bought = target_weights(logits, world.present[episodes.week], world.rules)
        closed = drifted(bought, history.closes[episodes.week])
        episodes.step(logits)
        held = [
            {history.symbols[name]: float(weight) for name, weight in zip(*row, strict=True) if name != NOBODY}
            for row in zip(names, closed, strict=True)
        ]


def test_an_observation_is_laid_out_as_it_is_documented():
    channels = np.arange(2 * len(CHANNELS), dtype=float).reshape(1, 2, -1)
    row = assembled(channels, np.array([[0.1, 0.2]]), np.array([0.6]), np.array([0.1]))[0]
    assert row.dtype == np.float32
    assert len(row) == size(2)
    assert row[: 2 * len(CHANNELS)].tolist() == list(range(2 * len(CHANNELS)))
    np.testing.assert_allclose(row[2 * len(CHANNELS) :], [0.1, 0.2, 0.6, 0.1], rtol=1e-7)


def test_empty_slots_are_added_behind_the_names_and_their_weights():
    channels = np.ones((1, 2, len(CHANNELS)))
    row = padded(assembled(channels, np.array([[0.1, 0.2]]), np.array([0.6]), np.array([0.1])), 4)[0]
    expected = assembled(
        np.concatenate([channels, np.zeros_like(channels)], axis=1),
        np.array([[0.1, 0.2, 0, 0]]),
        np.array([0.6]),
        np.array([0.1]),
    )[0]
    assert row.tolist() == expected.tolist()


def test_the_usual_values_of_the_training_weeks_have_mean_zero_and_spread_one():
    history = made_up(400, 15, 30)
    scores = Observer.fit(history).history(history)[..., : len(READ)].reshape(-1, len(READ))
    np.testing.assert_allclose(scores.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(scores.std(axis=0), 1, atol=0.1)


def test_only_the_weeks_that_it_was_fitted_on_matter():
    history = made_up()
    poisoned = replace(
        history,
        features=np.where(np.arange(80)[:, None, None] >= 50, 1e9, history.features),
        forecast=np.where(np.arange(80)[:, None] >= 50, 1e9, history.forecast),
    )
    assert Observer.fit(history[:50]) == Observer.fit(poisoned[:50])
    assert Observer.fit(history[:50]).history(poisoned)[:50].tobytes() == (
        Observer.fit(history[:50]).history(history)[:50].tobytes()
    )


def test_a_slot_without_a_name_teaches_nothing_and_shows_nothing():
    history = thinned(made_up())
    empty = ~history.mask
    wild = replace(
        history,
        features=np.where(empty[..., None], 1e9, history.features),
        forecast=np.where(empty, 1e9, history.forecast),
    )
    assert Observer.fit(wild) == Observer.fit(history)
    assert not Observer.fit(wild).history(wild)[empty].any()


def test_a_missing_value_is_the_median_and_said_to_be_missing():
    history = made_up()
    observer = Observer.fit(history)
    column = history.features[..., FEATURES.index("gross_margin")]
    assert observer.fills[READ.index("gross_margin")] == np.nanmedian(column)
    known, unknown = (
        dict(zip(CHANNELS, observer.state(one(values))[0], strict=False))
        for values in ([0.0] * 10, [0.0] * 3 + [None] * 2 + [0.0] * 5)
    )
    assert known["imputed"] == 0.0
    assert unknown["imputed"] == pytest.approx(0.2)
    fill = (observer.fills[3] - observer.means[3]) / observer.stds[3]
    assert unknown["gross_margin"] == pytest.approx(fill, abs=1e-6)


def test_without_news_or_a_forecast_there_is_no_opinion_rather_than_the_usual_one():
    history = made_up()
    lifted = replace(history, features=history.features + 0.5, forecast=history.forecast + 0.5)
    observer = Observer.fit(lifted)
    assert [observer.fills[READ.index(name)] for name in NO_OPINION] == [0.0, 0.0]
    none, zero = (observer.state(one([value] + [1.0] * 8 + [value]))[0] for value in (None, 0.0))
    assert none[: len(READ)].tolist() == zero[: len(READ)].tolist()


def test_a_feature_that_nobody_ever_had_is_zero():
    history = made_up()
    features = history.features.copy()
    features[..., 4] = np.nan
    scores = Observer.fit(replace(history, features=features)).history(replace(history, features=features))
    assert not scores[..., 4].any()


def test_a_feature_that_never_changes_is_zero():
    history = made_up()
    features = history.features.copy()
    features[..., 4] = 0.7
    scores = Observer.fit(replace(history, features=features)).history(replace(history, features=features))
    np.testing.assert_allclose(scores[..., 4], 0, atol=1e-6)


def test_one_wild_ratio_leaves_the_others_apart():
    """A current ratio of 770 is on file: measured with it, all others would be alike."""
    history = with_value(made_up(), 10, 2, "current_ratio", 770.0)
    scores = Observer.fit(history).history(history)[..., READ.index("current_ratio")]
    assert scores[10, 2] == CLIP
    assert np.delete(scores.ravel(), 10 * 6 + 2).std() > 0.8


@given(values=arrays(float, (12, 10), elements=st.one_of(numbers, st.just(np.nan))))
def test_whatever_is_known_a_policy_reads_finite_numbers_of_usual_size(values):
    history = made_up(12, 1, 1)
    wild = replace(history, features=values[:, None, :-1], forecast=values[:, [-1]])
    found = Observer.fit(wild[:6]).history(wild)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert (np.abs(found) <= CLIP).all()


def test_an_infinite_value_is_named_wherever_it_comes_from():
    history = with_value(made_up(), 3, 1, "net_margin", np.inf)
    with pytest.raises(DataError, match="net_margin is infinite"):
        Observer.fit(history)
    with pytest.raises(DataError, match="net_margin is infinite"):
        PLAIN.history(history)
    with pytest.raises(DataError, match="forecast is infinite"):
        PLAIN.state(one([0.0] * 9 + [-np.inf]))


def test_nobody_to_learn_from_is_an_error():
    history = made_up()
    with pytest.raises(DataError, match="no name to learn"):
        Observer.fit(replace(history, name=np.full_like(history.name, NOBODY)))


def test_an_observer_comes_back_from_its_document_exactly():
    observer = Observer.fit(made_up())
    assert Observer.from_document(json.loads(json.dumps(observer.to_document()))) == observer


@pytest.mark.parametrize(
    "change",
    [
        {"layout": "2020-01"},
        {"layout": None},
        {"features": list(READ[1:])},
        {"features": [*READ[1:], READ[0]]},
    ],
)
def test_an_observer_of_another_layout_is_refused(change):
    with pytest.raises(DataError, match="train the policy again"):
        Observer.from_document(PLAIN.to_document() | change)


@pytest.mark.parametrize("part", ["fills", "means", "stds"])
@pytest.mark.parametrize("value", [None, [], [1.0] * 9, [1.0] * 9 + [float("nan")], ["1"] * 10, {"a": 1}, 3])
def test_an_observer_of_broken_numbers_is_refused(part, value):
    with pytest.raises(DataError, match="as many finite"):
        Observer.from_document(PLAIN.to_document() | {part: value})


def test_a_state_of_another_layout_is_refused():
    with pytest.raises(DataError, match=f"2020-01, where {LAYOUT}"):
        PLAIN.state(replace(one([0.0] * 10), layout="2020-01"))


def test_a_week_without_names_is_cash_and_what_is_left_of_older_names():
    state = PolicyState((), {}, {}, {"OLD": 0.3})
    np.testing.assert_allclose(PLAIN.state(state), [[0.7, 0.3]], rtol=1e-6)


def test_the_order_of_the_names_is_the_states_own():
    """D18: the predecessor looked weights up by the position of another week."""
    state = PolicyState(
        ("BBB", "AAA"), {"AAA": (1.0,) * 9, "BBB": (2.0,) * 9}, {"AAA": 1.0, "BBB": 2.0}, {"AAA": 0.1, "BBB": 0.2}
    )
    row = PLAIN.state(state)[0]
    assert row[: len(READ)].tolist() == [2.0] * 10
    np.testing.assert_allclose(row[-4:], [0.2, 0.1, 0.7, 0.0], atol=1e-6)


def test_a_missing_forecast_is_missing_and_not_divided_by_anything():
    """D21: the predecessor's state divided None by 100."""
    row = dict(zip(CHANNELS, PLAIN.state(one([0.5] * 9 + [None]))[0], strict=False))
    assert row["forecast"] == 0.0
    assert row["imputed"] == pytest.approx(0.1)


def test_an_account_that_borrows_is_observed_as_it_is():
    """D25: negative cash was accepted by orders, and refused when the policy was asked."""
    weights = weights_of(portfolio("-300", {"AAA": "1000", "OLD": "300"}))
    row = PLAIN.state(one([0.0] * 10, weights))[0]
    np.testing.assert_allclose(row[-3:], [1.0, -0.3, 0.3], rtol=1e-6)


@pytest.mark.parametrize("cash", ["0", "-1200"])
def test_an_account_that_is_worth_nothing_is_treated_as_all_cash(cash):
    """D25."""
    weights = weights_of(portfolio(cash, {"AAA": "1000"} if cash != "0" else {}))
    assert weights == {}
    np.testing.assert_allclose(PLAIN.state(one([0.0] * 10, weights))[0][-3:], [0.0, 1.0, 0.0])


def test_a_name_that_is_there_twice_is_refused():
    rows = pd.DataFrame({"symbol": ["AAA", "AAA"], "weekly_return": [0.1, 0.2]} | dict.fromkeys(FEATURES, 0.0))
    with pytest.raises(DataError, match="AAA is there twice"):
        state_of(["AAA"], rows, rows[:1], {})
    with pytest.raises(DataError, match="AAA is there twice"):
        state_of(["AAA"], rows[:1], rows, {})


def test_a_state_holds_what_is_stored_beside_its_names_and_none_where_nothing_is():
    rows = pd.DataFrame({"symbol": ["AAA"]} | dict.fromkeys(FEATURES, 0.5)).assign(gross_margin=np.nan)
    forecast = pd.DataFrame({"symbol": ["BBB"], "weekly_return": [0.02]})
    state = state_of(["BBB", "AAA"], rows, forecast, {"ZZZ": 0.1, "AAA": 0.2})
    assert state.features == {"BBB": (None,) * 9, "AAA": (0.5, 0.5, 0.5, None, 0.5, 0.5, 0.5, 0.5, 0.5)}
    assert state.forecast == {"BBB": 0.02, "AAA": None}
    assert list(state.weights) == ["AAA", "ZZZ"]
