"""Executed experience as a learner takes it: on the learner's own scale, and only from weeks it may learn from."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_trainings import PPO, SAC, an_order, learner_of
from policy_world import RULES, made_up, played, state_at

from learnfinance_dagster.allocation.rl.action import DUST, LOGIT, raw_weights, target_weights
from learnfinance_dagster.allocation.rl.episodes import Episodes, drifted
from learnfinance_dagster.allocation.rl.experience import Experience, Reward
from learnfinance_dagster.allocation.rl.lived import relive, transitions
from learnfinance_dagster.allocation.rl.observation import Observer
from learnfinance_dagster.allocation.rl.training import borrowed_randomness

HISTORY = made_up(30, 6, 14)
OBSERVER = Observer.fit(HISTORY)
WORLD = played(HISTORY, OBSERVER)
BASELINE = dict(zip(HISTORY.mondays.astype(str).tolist(), WORLD.baseline.tolist(), strict=True))
WEEK = 7


def lived(week=WEEK, executed=None, log_return=0.01, state="known", after="known", key=None):
    """One week of an account that came from all cash."""
    state = state_at(HISTORY, week, {}) if state == "known" else state
    executed = dict.fromkeys(state.symbols, 0.1) if executed is None and state else executed or {}
    after = state_at(HISTORY, week + 1, executed) if after == "known" else after
    key = key or str(HISTORY.mondays[week])
    return (
        Experience("ppo_lstm", key, "v", state, executed, executed, 0.3, 0.0),
        Reward("ppo_lstm", key, log_return, executed, after),
    )


def taken(*weeks, slots=WORLD.slots, baseline=None):
    return transitions(weeks, OBSERVER, WORLD.scale, BASELINE if baseline is None else baseline, slots)


def asked_for(transition):
    """What the policy would have got, had it asked that."""
    slots = len(transition.action) - 1
    names = np.arange(slots) < len(HISTORY.name[WEEK])
    return raw_weights(transition.action[None].astype(float) * LOGIT, names)[0]


def test_a_lived_week_is_what_an_episode_would_have_made_of_it():
    """Same observation, same action, same reward, same next observation."""
    episodes = Episodes(WORLD, 1, np.random.default_rng(0), weeks=len(HISTORY))
    for _ in range(WEEK):
        episodes.step(np.array([[-LOGIT] * 6 + [LOGIT]]))
    logits = np.random.default_rng(1).normal(0, 1, (1, 7))
    seen = episodes.observe()
    episodes.first[:], episodes.second[:] = WORLD.scale.mean, WORLD.scale.second
    found = episodes.step(logits)
    target = target_weights(logits, WORLD.present[[WEEK]], RULES)[0]
    names = state_at(HISTORY, WEEK, {}).symbols
    held = dict(zip(names, target.tolist(), strict=True))
    by_close = drifted(target[None], HISTORY.closes[[WEEK]])[0]
    (transition,) = taken(
        lived(
            executed=held,
            log_return=float(episodes.held.log_return[0]),
            after=state_at(HISTORY, WEEK + 1, dict(zip(names, by_close.tolist(), strict=True))),
        )
    )
    np.testing.assert_allclose(transition.observation, seen[0], atol=1e-6)
    np.testing.assert_allclose(transition.after, found.last[0], atol=1e-6)
    assert transition.reward == pytest.approx(float(found.reward[0]), abs=1e-9)
    np.testing.assert_allclose(asked_for(transition), target, atol=0.005)


@settings(deadline=None)
@given(
    shares=st.lists(st.one_of(st.just(0.0), st.floats(DUST, 1)), min_size=6, max_size=6),
    cash=st.floats(0, 1),
)
def test_executed_weights_as_logits_ask_for_the_executed_weights(shares, cash):
    total = sum(shares) + cash
    scaled = [share / total if total else 0.0 for share in shares]
    executed = {name: w for name, w in zip(state_at(HISTORY, WEEK, {}).symbols, scaled, strict=True) if w >= DUST}
    (transition,) = taken(lived(executed=executed))
    assert np.abs(transition.action).max() <= 1
    assert transition.action.dtype == np.float32
    expected = [executed.get(name, 0.0) for name in state_at(HISTORY, WEEK, {}).symbols]
    np.testing.assert_allclose(asked_for(transition), expected, rtol=0.01, atol=1.5 * DUST)


@pytest.mark.parametrize("executed", [{}, {"first": 1.0}], ids=["all cash", "all in one name"])
def test_the_corners_are_reached(executed):
    names = state_at(HISTORY, WEEK, {}).symbols
    (transition,) = taken(lived(executed={names[0]: 1.0} if executed else {}))
    found = asked_for(transition)
    assert found.sum() == pytest.approx(1 if executed else 0, abs=0.01)
    assert (found[1:] == 0).all()


def test_what_could_not_be_sold_of_a_name_without_a_slot_inflates_no_other():
    names = state_at(HISTORY, WEEK, {}).symbols
    (transition,) = taken(lived(executed={names[0]: 0.2, "GONE": 0.5}))
    assert asked_for(transition)[0] == pytest.approx(0.2, rel=0.01)


def test_an_account_in_debt_counts_as_fully_invested():
    names = state_at(HISTORY, WEEK, {}).symbols
    (transition,) = taken(lived(executed=dict.fromkeys(names, 0.175)))
    np.testing.assert_allclose(asked_for(transition), 1 / 6, rtol=0.01)


UNUSABLE = {
    "it could not decide": {"state": None, "executed": {}},
    "the next Monday did not decide": {"after": None},
    "not labelled": {"log_return": None},
    "of another layout": {"state": replace(state_at(HISTORY, WEEK, {}), layout="2019-01")},
    "the next of another layout": {"after": replace(state_at(HISTORY, WEEK, {}), layout="2019-01")},
    "nobody to hold": {"state": replace(state_at(HISTORY, WEEK, {}), symbols=()), "executed": {}},
    "after the training weeks": {"key": "2030-01-07"},
    "before them": {"key": "2001-01-01"},
}


@pytest.mark.parametrize("changes", UNUSABLE.values(), ids=UNUSABLE)
def test_a_week_that_cannot_be_learned_from_is_left_out_and_the_others_stay(changes):
    assert len(taken(lived(), lived(**changes), lived(9))) == 2


def test_a_week_with_more_names_than_the_world_has_slots_is_left_out():
    assert len(taken(lived(), slots=6)) == 1
    assert taken(lived(), slots=5) == ()


def test_a_week_with_fewer_names_is_padded():
    (transition,) = taken(lived(), slots=9)
    (narrow,) = taken(lived())
    assert len(transition.action) == 10
    assert (transition.action[6:9] == 0).all()
    assert transition.action[-1] == narrow.action[-1]
    assert transition.reward == narrow.reward


def test_only_weeks_of_the_training_have_a_baseline():
    """What equal weight earned then is taken from the training weeks alone: a judged week cannot slip in."""
    early = {week: paid for week, paid in BASELINE.items() if week < str(HISTORY.mondays[9])}
    assert [each.week for each in taken(lived(7), lived(8), lived(9), lived(10), baseline=early)] == [
        str(HISTORY.mondays[7]),
        str(HISTORY.mondays[8]),
    ]


def test_the_reward_is_of_the_scale_of_training():
    (bad,), (good,) = taken(lived(log_return=-0.05)), taken(lived(log_return=0.05))
    spread = WORLD.scale.std
    assert good.reward - bad.reward > 0.5 * 0.1 / spread, "the return part alone"
    assert math.isfinite(bad.reward)


# In the memory of a learner.


def learner(algorithm, **changes):
    with borrowed_randomness():
        return learner_of(an_order(algorithm, HISTORY, **changes))


def test_the_memory_of_sac_holds_each_lived_week_once_for_every_episode():
    found, sac = taken(lived(), lived(9)), learner(SAC)
    relive(sac, found)
    buffer = sac.replay_buffer
    assert buffer.pos == 2
    for row, transition in enumerate(found):
        for episode in range(buffer.n_envs):
            np.testing.assert_array_equal(buffer.observations[row, episode], transition.observation)
            np.testing.assert_array_equal(buffer.next_observations[row, episode], transition.after)
            np.testing.assert_array_equal(buffer.actions[row, episode], transition.action)
        assert buffer.rewards[row] == pytest.approx(transition.reward)
    assert not buffer.dones.any(), "an account lives on"
    assert not buffer.timeouts.any()


def test_more_lived_weeks_than_the_memory_holds_leave_the_newest():
    sac = learner(SAC, numbers={"buffer": 8})
    relive(sac, taken(lived(7), lived(8), lived(9)))
    assert sac.replay_buffer.full
    np.testing.assert_array_equal(sac.replay_buffer.observations[0, 0], taken(lived(9))[0].observation)


def test_ppo_has_no_memory_and_nothing_happens():
    relive(learner(PPO), taken(lived()))
