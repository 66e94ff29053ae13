"""Where a training stands, written down and taken up again."""

import numpy as np
import pytest
import torch
from policy_trainings import PPO, SAC, TINY, an_order, learner_of
from safetensors.torch import load
from stable_baselines3.common.logger import Logger

from learnfinance_dagster.allocation.rl.card import CurvePoint
from learnfinance_dagster.allocation.rl.standing import BUFFER, begin_with, restored, weights_of, written
from learnfinance_dagster.allocation.rl.training import borrowed_randomness
from learnfinance_dagster.errors import DataError

each = pytest.mark.parametrize("algorithm", TINY.values(), ids=TINY)
CURVE = (CurvePoint(80, 0.1 + 0.2, -1e-17, 0.5),)


def begun(algorithm, **changes):
    with borrowed_randomness():
        return learner_of(an_order(algorithm, **changes))


def taught(algorithm, steps=104, **changes):
    """A learner that has played a little."""
    with borrowed_randomness():
        learner = learner_of(an_order(algorithm, **changes))
        learner.set_logger(Logger(None, []))
        learner.learn(steps)
    return learner


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in one.items())


@each
def test_what_is_written_and_restored_is_written_again_byte_by_byte(algorithm):
    learner, other = taught(algorithm), begun(algorithm, seed=8)
    content = written(learner, CURVE)
    assert restored(other, content) == CURVE
    assert written(other, CURVE) == content
    assert same(weights_of(other), weights_of(learner))
    assert other.num_timesteps == learner.num_timesteps > 0


@each
def test_optimizers_are_restored_with_their_moments(algorithm):
    learner, other = taught(algorithm), begun(algorithm)
    restored(other, written(learner, CURVE))
    parts = [name for name in learner.get_parameters() if name != "policy"]
    assert parts
    for part in parts:
        before, after = learner.get_parameters()[part]["state"], other.get_parameters()[part]["state"]
        assert before.keys() == after.keys() != set()
        for index, moments in before.items():
            assert same({n: torch.as_tensor(v) for n, v in moments.items()}, after[index])


@pytest.mark.parametrize("steps", [40, 104], ids=["not yet full", "gone round"])
def test_the_memory_of_sac_is_restored_where_it_was_written_next(steps):
    learner, other = taught(SAC, steps), begun(SAC)
    restored(other, written(learner, CURVE))
    before, after = learner.replay_buffer, other.replay_buffer
    assert (before.pos, before.full) == (after.pos, after.full) == (steps // 4 % 20, steps > 80)
    for name in BUFFER:
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))


def test_only_what_is_filled_of_the_memory_is_written():
    content = written(taught(SAC, 40), CURVE)
    assert load(content)["buffer/rewards"].shape == (10, 4)


@each
def test_a_restored_learner_holds_the_tensors_that_its_optimizers_learn(algorithm):
    other = begun(algorithm)
    restored(other, written(taught(algorithm), CURVE))
    own = {id(tensor) for tensor in other.policy.parameters()} | {id(getattr(other, "log_ent_coef", None))}
    optimizers = [other.policy.optimizer] if algorithm is PPO else [other.actor.optimizer, other.ent_coef_optimizer]
    for optimizer in optimizers:
        assert {id(tensor) for group in optimizer.param_groups for tensor in group["params"]} <= own


def test_d17_the_temperature_that_is_loaded_is_the_one_that_its_optimizer_learns():
    """D17: a new tensor took its place, and the optimizer kept the old one."""
    weights = weights_of(taught(SAC))
    learner = begun(SAC, seed=8)
    begin_with(learner, weights)
    assert torch.equal(learner.log_ent_coef.detach(), weights["extra/log_ent_coef"])
    assert learner.ent_coef_optimizer.param_groups[0]["params"][0] is learner.log_ent_coef
    assert learner.log_ent_coef.requires_grad


@each
def test_beginning_with_a_version_takes_its_networks_and_fresh_optimizers(algorithm):
    weights, learner = weights_of(taught(algorithm)), begun(algorithm, seed=8)
    begin_with(learner, weights)
    assert same(weights_of(learner), weights)
    assert learner.num_timesteps == 0
    for part, state in learner.get_parameters().items():
        assert part == "policy" or state["state"] == {}


@each
def test_weights_that_were_taken_do_not_change_when_learning_goes_on(algorithm):
    learner = begun(algorithm)
    before = weights_of(learner)
    copies = {name: tensor.clone() for name, tensor in before.items()}
    with torch.no_grad():
        for tensor in learner.policy.parameters():
            tensor.add_(1)
    assert same(before, copies)


@each
def test_weights_of_another_network_are_refused(algorithm):
    other = weights_of(begun(SAC if algorithm is PPO else PPO))
    for weights in ({}, other, weights_of(begun(algorithm, numbers={"width": 4}))):
        with pytest.raises(DataError, match="the version to begin with has other networks"):
            begin_with(begun(algorithm), weights)


def test_weights_of_sac_without_their_temperature_are_refused():
    weights = {name: each for name, each in weights_of(begun(SAC)).items() if not name.startswith("extra/")}
    with pytest.raises(DataError, match="log_ent_coef"):
        begin_with(begun(SAC), weights)
