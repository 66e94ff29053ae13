"""One network reads every name alike: slots mean nothing, and any number of names will do."""

import numpy as np
import pytest
import torch
from policy_trainings import TINY, an_order, learner_of, lively
from policy_world import made_up, played, state_at, thinned

from learnfinance_dagster.allocation.rl.action import LOGIT, raw_weights
from learnfinance_dagster.allocation.rl.networks import Actor
from learnfinance_dagster.allocation.rl.observation import CHANNELS, Observer, padded, size

each = pytest.mark.parametrize("algorithm", TINY.values(), ids=TINY)
HISTORY = made_up(30, 15, 40)
OBSERVER = Observer.fit(HISTORY)
WEIGHTS = np.random.default_rng(0).dirichlet(np.ones(17), len(HISTORY))


def observations(history=HISTORY, weights=WEIGHTS):
    """(T, size): every week, with something held."""
    static = played(history, OBSERVER).static[0]
    slots = history.name.shape[1]
    held = np.where(history.mask, weights[:, :slots], 0)
    rest = 1 - held.sum(axis=1, keepdims=True) - weights[:, -1:]
    return np.concatenate([static, held, rest, weights[:, -1:]], axis=1).astype(np.float32)


def dealt(seen, order):
    """The same names in other slots."""
    slots = len(order)
    channels = seen[:, : slots * len(CHANNELS)].reshape(len(seen), slots, -1)[:, order]
    return np.concatenate(
        [channels.reshape(len(seen), -1), seen[:, slots * len(CHANNELS) : -2][:, order], seen[:, -2:]], 1
    )


def shuffled(slots=15):
    return np.random.default_rng(4).permutation(slots)


class Learner:
    """The networks of a learner whose weights are lively."""

    def __init__(self, algorithm, slots=15):
        self.name = algorithm.name
        learner = learner_of(an_order(algorithm, made_up(20, slots, 40)))
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(1)
            for tensor in learner.policy.parameters():
                tensor.copy_(torch.randn_like(tensor) * 0.4)
        self.policy = learner.policy

    def logits(self, seen):
        with torch.no_grad():
            body = self.policy.actor if self.name == "ppo" else self.policy.actor.body
            return body(torch.from_numpy(seen)).numpy()

    def values(self, seen, actions):
        """Of states, or of states and actions."""
        with torch.no_grad():
            if self.name == "ppo":
                return self.policy.predict_values(torch.from_numpy(seen)).numpy()
            found = self.policy.critic(torch.from_numpy(seen), torch.from_numpy(actions))
            return torch.cat(found, dim=1).numpy()


def actions(slots=15):
    return np.random.default_rng(5).uniform(-1, 1, (len(HISTORY), slots + 1)).astype(np.float32)


SAME = {"rtol": 2e-5, "atol": 2e-5}
"""float32, added up in another order."""


@each
@pytest.mark.parametrize("history", [HISTORY, thinned(HISTORY)], ids=["full weeks", "empty slots"])
def test_names_in_other_slots_get_the_same_logits_and_the_state_has_the_same_value(algorithm, history):
    learner, seen, order, asked = Learner(algorithm), observations(history), shuffled(), actions()
    logits = learner.logits(seen)
    assert logits.std(axis=0).min() > 1e-3, "the network reads"
    other = learner.logits(dealt(seen, order))
    np.testing.assert_allclose(other[:, :-1], logits[:, :-1][:, order], **SAME)
    np.testing.assert_allclose(other[:, -1], logits[:, -1], **SAME)
    moved = np.concatenate([asked[:, :-1][:, order], asked[:, -1:]], axis=1)
    np.testing.assert_allclose(learner.values(dealt(seen, order), moved), learner.values(seen, asked), **SAME)


@each
def test_empty_slots_change_nothing(algorithm):
    learner, seen, asked = Learner(algorithm), observations(), actions()
    wide, more = padded(seen, 25), np.random.default_rng(6).uniform(-1, 1, (len(seen), 10)).astype(np.float32)
    assert wide.shape[1] == size(25)
    logits, found = learner.logits(seen), learner.logits(wide)
    np.testing.assert_allclose(found[:, :15], logits[:, :15], **SAME)
    np.testing.assert_allclose(found[:, -1], logits[:, -1], **SAME)
    assert (found[:, 15:-1] == 0).all()
    same = raw_weights(found, np.arange(25) < 15)
    np.testing.assert_allclose(same[:, :15], raw_weights(logits, np.ones(15)), rtol=1e-4, atol=1e-6)
    asked = np.concatenate([asked[:, :-1], more, asked[:, -1:]], axis=1)
    np.testing.assert_allclose(learner.values(wide, asked), learner.values(seen, actions()), **SAME)


@each
@pytest.mark.parametrize("names", [1, 2, 15, 40])
def test_d18_a_policy_of_so_many_slots_serves_any_number_of_names(algorithm, names):
    """D18: another count of names failed."""
    state = state_at(made_up(20, names, 40), 3, {})
    found = lively(algorithm, OBSERVER).raw_weights(state)
    assert tuple(found) == state.symbols
    assert all(0 <= weight <= 1 for weight in found.values())
    assert 0 < sum(found.values()) < 1


@each
def test_d18_a_name_keeps_its_weight_whatever_its_rank(algorithm):
    """D18: a name inherited the weight of whoever had its slot before."""
    history = made_up(20, 6, 6)
    policy, state = lively(algorithm, OBSERVER), state_at(history, 3, {})
    turned = type(state)(state.symbols[::-1], state.features, state.forecast, state.weights)
    assert policy.raw_weights(turned) == pytest.approx(policy.raw_weights(state), abs=1e-6)


@each
def test_nobody_to_hold_is_all_cash_and_no_error(algorithm):
    state = state_at(made_up(20, 4, 8), 3, {})
    empty = type(state)((), {}, {}, {"GONE": 0.4})
    assert lively(algorithm, OBSERVER).raw_weights(empty) == {}


@each
def test_a_week_without_names_has_finite_logits_and_values(algorithm):
    learner, nobody = Learner(algorithm), np.zeros((3, size(15)), dtype=np.float32)
    nobody[:, -2] = 1
    assert np.isfinite(learner.logits(nobody)).all()
    assert np.isfinite(learner.values(nobody, actions()[:3])).all()


@each
def test_what_is_asked_of_an_empty_slot_is_worth_nothing(algorithm):
    learner, seen = Learner(algorithm), observations(thinned(HISTORY))
    asked = actions()
    wild = np.where(np.concatenate([thinned(HISTORY).mask, np.ones((len(seen), 1), dtype=bool)], 1), asked, 1)
    np.testing.assert_allclose(learner.values(seen, asked), learner.values(seen, wild.astype(np.float32)), **SAME)


@each
def test_a_policy_begins_near_equal_weight(algorithm):
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        logits = Actor(32, algorithm.module().ACTIVATION)(torch.from_numpy(observations())).numpy()
    assert np.abs(logits).max() < 0.2


@each
def test_serving_logits_stay_within_the_limits_of_the_action_space(algorithm):
    found = lively(algorithm, OBSERVER, gain=100.0).logits(observations())
    assert found.dtype == np.float64
    assert np.abs(found).max() <= LOGIT
    assert np.abs(found).max() > 0.9 * LOGIT, "and reach them"


@each
def test_the_noise_of_exploration_does_not_depend_on_slots(algorithm):
    """Names share one size of noise; cash has its own."""
    learner, seen, order = Learner(algorithm), observations(), shuffled()
    with torch.no_grad():
        if algorithm.name == "ppo":
            noise = learner.policy.get_distribution(torch.from_numpy(seen)).distribution.stddev.numpy()
            assert (noise[:, :-1] == noise[:, :1]).all()
        else:
            _, before, _ = learner.policy.actor.get_action_dist_params(torch.from_numpy(seen))
            _, after, _ = learner.policy.actor.get_action_dist_params(torch.from_numpy(dealt(seen, order)))
            np.testing.assert_allclose(after[:, :-1], before[:, :-1][:, order], **SAME)
