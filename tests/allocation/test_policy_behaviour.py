"""Planted policies: a constant, a gamble on one name, a copy of equal weight and one of a peer are each caught."""

import numpy as np
import pytest
from policy_trainings import TINY, lively
from policy_world import made_up, played, thinned

from learnfinance_dagster.allocation.rl.action import LOGIT
from learnfinance_dagster.allocation.rl.behaviour import behaviour_of, conditions_of, entropy_of
from learnfinance_dagster.allocation.rl.observation import CHANNELS, Observer
from learnfinance_dagster.allocation.rl.path import equal_weight_path, policy_path

HISTORY = made_up(60, 15, 30)
OBSERVER = Observer.fit(HISTORY)
WORLD = played(HISTORY, OBSERVER)


class Planted:
    """A policy whose logits are told."""

    observer = OBSERVER

    def __init__(self, say):
        self.say = say

    def logits(self, observations):
        slots = (observations.shape[1] - 2) // (len(CHANNELS) + 1)
        tone = observations[:, : slots * len(CHANNELS)].reshape(len(observations), slots, -1)[..., 0]
        found = np.array(self.say(tone), dtype=float)
        return np.concatenate([found, np.full((len(found), 1), -LOGIT)], axis=1)


def one_hot(tone):
    return np.where(tone == tone.max(axis=1, keepdims=True), LOGIT, -LOGIT)


CONSTANT = Planted(lambda tone: np.broadcast_to(np.linspace(-1, 1, tone.shape[1]), tone.shape))
ONE_HOT = Planted(one_hot)
ALMOST_EQUAL = Planted(lambda tone: 0.005 * tone)
HONEST = Planted(lambda tone: tone)


def found(policy, world=WORLD, **others):
    path = policy_path(policy, world)
    others = {"equal_weight": equal_weight_path(world).weights, **others}
    return behaviour_of(policy, path, world, others, np.random.default_rng(7))


def failed(policy, world=WORLD, **others):
    return [each.name for each in conditions_of(found(policy, world, **others)) if not each.passed]


@pytest.mark.parametrize("world", [WORLD, played(thinned(HISTORY), OBSERVER)], ids=["full weeks", "empty slots"])
def test_a_policy_that_reads_its_inputs_passes(world):
    assert failed(HONEST, world) == []


@pytest.mark.parametrize("algorithm", TINY.values(), ids=TINY)
def test_a_network_that_reads_its_inputs_passes(algorithm):
    assert failed(lively(algorithm, OBSERVER)) == []


def test_a_constant_does_not_read_its_inputs():
    behaviour = found(CONSTANT)
    assert behaviour.sensitivity == 0
    assert failed(CONSTANT) == ["reads its inputs"]
    told = next(each.told for each in conditions_of(behaviour) if not each.passed)
    assert told == "weights move by 0.00% when a week's inputs are dealt out anew among its names"


def test_who_puts_everything_on_one_name_gambles():
    assert failed(ONE_HOT) == ["no gamble"]


def test_who_holds_nothing_but_cash_gambles_too():
    everything_in_cash = Planted(lambda tone: np.full(tone.shape, -LOGIT))
    everything_in_cash.logits = lambda seen: np.repeat([[-LOGIT] * 15 + [LOGIT]], len(seen), axis=0)
    assert failed(everything_in_cash) == ["no gamble", "reads its inputs"]


def test_a_copy_of_equal_weight_is_told_by_its_name():
    assert "no copy" in failed(ALMOST_EQUAL)
    told = next(each.told for each in conditions_of(found(ALMOST_EQUAL)) if each.name == "no copy")
    assert told.endswith("away from the closest, equal_weight")


def test_a_copy_of_a_peer_is_told_by_its_name():
    peer = policy_path(HONEST, WORLD).weights
    twin = np.abs(peer + np.random.default_rng(1).normal(0, 1e-4, peer.shape))
    assert failed(HONEST, sac_lstm=twin) == ["no copy"]
    told = next(each.told for each in conditions_of(found(HONEST, sac_lstm=twin)) if not each.passed)
    assert "the closest, sac_lstm" in told
    assert failed(HONEST, sac_lstm=policy_path(ONE_HOT, WORLD).weights) == []


def test_a_copy_is_caught_on_weeks_that_are_not_full():
    """An empty slot is not a weight that nobody knows."""
    history = thinned(HISTORY)
    history = history[~history.mask.all(axis=1)]
    world = played(history, OBSERVER)
    twin = np.where(history.mask, policy_path(HONEST, world).weights, np.nan)
    assert failed(HONEST, world, hrp=twin) == ["no copy"]


def test_weeks_of_another_that_nobody_knows_are_left_out():
    peer = policy_path(HONEST, WORLD).weights
    half = np.where(np.arange(len(peer))[:, None] % 2, peer, np.nan)
    assert found(HONEST, hrp=half).copies["hrp"] == 0
    assert "hrp" not in found(HONEST, hrp=np.full_like(peer, np.nan)).copies, "who never ran is nobody"


def test_numbers_are_what_they_say():
    behaviour, path = found(HONEST), policy_path(HONEST, WORLD)
    assert behaviour.turnover == pytest.approx(path.turnover.mean())
    plain = equal_weight_path(WORLD).weights
    assert behaviour.copies == {"equal_weight": pytest.approx(0.5 * np.abs(path.weights - plain).sum(1).mean())}
    assert found(HONEST) == behaviour, "the same seed deals out the same"


def test_entropy_is_of_names_and_cash_over_its_maximum():
    there = np.ones((2, 3))
    assert entropy_of(np.full((2, 3), 0.25), there) == pytest.approx(1)
    assert entropy_of(np.zeros((2, 3)), there) == 0
    assert entropy_of(np.array([[0.5, 0.5, 0.0]] * 2), there) == pytest.approx(0.5)
    assert entropy_of(np.zeros((1, 3)), np.zeros((1, 3))) == 0, "nobody there"


def test_without_others_nobody_can_be_copied():
    path = policy_path(HONEST, WORLD)
    behaviour = behaviour_of(HONEST, path, WORLD, {}, np.random.default_rng(7))
    assert all(each.passed for each in conditions_of(behaviour))
