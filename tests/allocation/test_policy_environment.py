import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from policy_world import made_up, played, thinned
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.env_checker import check_env as check_library_env
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from learnfinance_dagster.allocation.rl.action import LOGIT
from learnfinance_dagster.allocation.rl.environment import PortfolioEnv, PortfolioVecEnv
from learnfinance_dagster.allocation.rl.episodes import Noise
from learnfinance_dagster.allocation.rl.observation import size

ADVICE = (
    "symmetric and normalized",  # ±4 it is, so that every corner can be reached
    "Box observation space",  # nothing of a policy depends on their limits
    "alternative render modes",  # there are none
)
YEAR = 52


def drawn(weeks, batch, slots, seed=0):
    return np.random.default_rng(seed).normal(0, 2, (weeks, batch, slots + 1)).clip(-LOGIT, LOGIT).astype(np.float32)


@pytest.fixture
def world():
    return played(thinned(made_up()), noise=Noise(0.3, 4, 0))


@pytest.mark.parametrize("check", [check_env, check_library_env], ids=["gymnasium", "stable-baselines3"])
def test_it_is_an_environment_to_those_who_check_it(world, check):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        check(PortfolioEnv(world))
    unexpected = [str(each.message) for each in told if not any(known in str(each.message) for known in ADVICE)]
    assert unexpected == []


def test_a_year_is_a_truncation_and_never_an_end(world):
    env = PortfolioEnv(world)
    env.reset(seed=3)
    told = [env.step(logits) for logits in drawn(YEAR, 1, world.slots)[:, 0]]
    assert [truncated for _, _, _, truncated, _ in told] == [False] * (YEAR - 1) + [True]
    assert not any(terminated for _, _, terminated, _, _ in told)


def test_the_last_observation_is_that_of_the_monday_it_speaks_of():
    history = made_up(60)
    env = PortfolioEnv(played(history))
    _, told = env.reset(seed=3)
    mondays = [told["monday"]]
    for logits in drawn(YEAR, 1, 6)[:, 0]:
        observation, _, _, _, told = env.step(logits)
        mondays.append(told["monday"])
        week = history.mondays.astype(str).tolist().index(told["monday"])
        assert told["symbols"] == [history.symbols[name] for name in history.name[week]]
        assert observation[: env.world.static.shape[2]].tobytes() == env.world.static[0, week].tobytes()
    first = history.mondays.astype(str).tolist().index(mondays[0])
    assert mondays == history.mondays[first : first + YEAR + 1].astype(str).tolist()


def test_empty_slots_are_told_without_a_name(world):
    _, told = PortfolioEnv(world).reset(seed=0)
    there = [bool(symbol) for symbol in told["symbols"]]
    assert there == sorted(there, reverse=True)


def test_before_a_reset_and_after_a_year_no_week_can_be_played(world):
    env = PortfolioEnv(world, weeks=2)
    logits = np.zeros(world.slots + 1, dtype=np.float32)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(logits)
    env.reset(seed=0)
    env.step(logits)
    assert env.step(logits)[3]
    with pytest.raises(gym.error.ResetNeeded):
        env.step(logits)


def test_the_seed_decides_everything(world):
    def year(seed):
        env = PortfolioEnv(world)
        first, _ = env.reset(seed=seed)
        steps = [env.step(logits) for logits in drawn(10, 1, world.slots)[:, 0]]
        return first.tobytes(), [reward for _, reward, _, _, _ in steps]

    assert year(1) == year(1)
    assert year(1) != year(2)


def test_the_batch_is_as_many_single_environments(world):
    batch = PortfolioVecEnv(world, 12, seed=4)
    observations = batch.reset()
    single = [PortfolioEnv(world) for _ in range(12)]

    def begin():
        for number, env in enumerate(single):
            env.reset(seed=number)
            env.episodes.week[0] = batch.episodes.week[number]
            env.episodes.variant[0] = batch.episodes.variant[number]

    begin()
    for logits in drawn(2 * YEAR + 5, 12, world.slots):
        observed = np.concatenate([env.episodes.observe() for env in single])
        np.testing.assert_array_equal(observations, observed)
        observations, rewards, over, told = batch.step(logits)
        alone = [env.step(row) for env, row in zip(single, logits, strict=True)]
        np.testing.assert_allclose(rewards, [reward for _, reward, _, _, _ in alone], rtol=0, atol=1e-12)
        assert over.tolist() == [truncated for _, _, _, truncated, _ in alone]
        if over.any():
            for info, (last, *_) in zip(told, alone, strict=True):
                np.testing.assert_array_equal(info["terminal_observation"], last)
            begin()


def test_the_batch_has_the_shapes_and_types_of_the_librarys_own(world):
    ours, theirs = PortfolioVecEnv(world, 3, seed=0), DummyVecEnv([lambda: PortfolioEnv(world)] * 3)
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    assert ours.reset().shape == theirs.reset().shape == (3, size(world.slots))
    for logits in drawn(YEAR, 3, world.slots):
        found, expected = ours.step(logits), theirs.step(logits)
        for mine, other in zip(found[:2], expected[:2], strict=True):
            assert mine.shape == other.shape
            assert np.isfinite(mine).all()
        assert found[0].dtype == np.float32
        assert found[2].dtype == expected[2].dtype
        assert [set(info) - {"monday", "symbols"} for info in expected[3]] == [
            set(info) | ({"TimeLimit.truncated"} if not over else set())
            for info, over in zip(found[3], found[2], strict=True)
        ]


def test_a_finished_episode_begins_anew_and_hands_over_its_last_state(world):
    env = PortfolioVecEnv(world, 4, seed=0)
    env.reset()
    played_on = [env.step(logits) for logits in drawn(YEAR, 4, world.slots)]
    assert not any(info for _, _, _, told in played_on[:-1] for info in told)
    observations, _, over, told = played_on[-1]
    assert over.all()
    for observation, info in zip(observations, told, strict=True):
        assert info["TimeLimit.truncated"] is True
        assert info["terminal_observation"].any()
        assert observation[-2:].tolist() == [1.0, 0.0]
        assert info["terminal_observation"][-2] < 1


def test_what_was_handed_over_does_not_change_later(world):
    env = PortfolioVecEnv(world, 4, seed=0, weeks=3)
    first = env.reset()
    kept = [first.copy()]
    given = [first]
    for logits in drawn(7, 4, world.slots):
        observations, rewards, over, told = env.step(logits)
        last = [info.get("terminal_observation", observations[0]) for info in told]
        given += [observations, rewards, over, *last]
        kept += [each.copy() for each in (observations, rewards, over, *last)]
    for mine, copy in zip(given, kept, strict=True):
        np.testing.assert_array_equal(mine, copy)


def test_a_replay_buffer_takes_a_years_end_for_no_end(world):
    env = PortfolioVecEnv(world, 2, seed=0, weeks=1)
    buffer = ReplayBuffer(8, env.observation_space, env.action_space, n_envs=2, handle_timeout_termination=True)
    before = env.reset()
    actions = drawn(1, 2, world.slots)[0]
    after, rewards, over, told = env.step(actions)
    buffer.add(before, after, actions, rewards, over, told)
    assert over.all()
    assert not buffer._get_samples(np.array([0])).dones.any()


def test_the_batch_begins_by_its_seed_and_the_library_may_change_it(world):
    env, same = PortfolioVecEnv(world, 4, seed=5), PortfolioVecEnv(world, 4, seed=0)
    same.seed(5)
    assert env.reset().tobytes() == same.reset().tobytes()
    assert env.reset().tobytes() == env.reset().tobytes()
    env.seed(6)
    assert env.reset().tobytes() != same.reset().tobytes()


def test_the_mean_reward_is_of_the_weeks_since_the_reset(world):
    env = PortfolioVecEnv(world, 3, seed=0)
    assert env.mean_reward == 0.0
    for _ in range(2):
        env.reset()
        rewards = [env.step(logits)[1] for logits in drawn(5, 3, world.slots)]
        assert env.mean_reward == pytest.approx(np.mean(rewards), abs=1e-12)


def test_the_librarys_wrappers_can_be_put_around_it(world):
    env = VecMonitor(PortfolioVecEnv(world, 2, seed=0))
    env.reset()
    told = [env.step(logits)[3] for logits in drawn(YEAR, 2, world.slots)][-1]
    assert all(info["episode"]["l"] == YEAR for info in told)


def test_nobody_is_told_of_an_attribute_that_there_is_not(world):
    env = PortfolioVecEnv(world, 2, seed=0)
    assert env.get_attr("render_mode") == [None, None]
    assert env.get_attr("weeks", indices=0) == [YEAR]
    assert not env.has_attr("action_masks")
    assert env.env_is_wrapped(gym.Wrapper) == [False, False]
