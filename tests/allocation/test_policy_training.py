"""How policies learn: the same order gives the same bytes, however often it was interrupted."""

import json
import pickle
import random
import tempfile
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from memory_models import MemoryCheckpoints
from policy_trainings import PPO, SAC, TINY, DyingCheckpoints, Killed, an_order, as_bytes, untrained
from policy_world import made_up, played, state_at
from safetensors.torch import load

from learnfinance_dagster.allocation.rl import algorithm as real
from learnfinance_dagster.allocation.rl import training
from learnfinance_dagster.allocation.rl.episodes import Noise
from learnfinance_dagster.allocation.rl.experience import Experience, Reward
from learnfinance_dagster.allocation.rl.lived import transitions
from learnfinance_dagster.allocation.rl.observation import Observer
from learnfinance_dagster.allocation.rl.policy import policy_of
from learnfinance_dagster.allocation.rl.training import train
from learnfinance_dagster.errors import ConfigurationError, DataError

each = pytest.mark.parametrize("algorithm", TINY.values(), ids=TINY)
HISTORY = made_up(40)
BEGUN = ("from scratch", "fine-tuned with experience")
begun = pytest.mark.parametrize("kind", BEGUN)


def lived_in(world, observer):
    """Two weeks in which an account held half of what equal weight holds."""
    found = []
    for week in (10, 11):
        state = state_at(world.history, week, {})
        held = dict.fromkeys(state.symbols, 0.5 / len(state.symbols))
        key = str(world.history.mondays[week])
        experience = Experience("a", key, "v", state, held, held, 0.25, 0.0)
        found.append((experience, Reward("a", key, 0.01, held, state_at(world.history, week + 1, held))))
    baseline = dict(zip(world.history.mondays.astype(str).tolist(), world.baseline.tolist(), strict=True))
    return transitions(found, observer, world.scale, baseline, world.slots)


@cache
def whole(name):
    """A training from scratch without trouble."""
    return train(an_order(TINY[name], HISTORY))


def order_of(algorithm, kind, **changes):
    if kind == BEGUN[0]:
        return an_order(algorithm, HISTORY, **changes)
    observer = Observer.fit(HISTORY)
    return an_order(
        algorithm,
        HISTORY,
        observer=observer,
        start=whole(algorithm.name).weights,
        lived=lived_in(played(HISTORY, observer), observer),
        numbers=algorithm.fine_tune,
        **changes,
    )


@cache
def undisturbed(name, kind):
    """With how many checkpoints it took."""
    checkpoints = MemoryCheckpoints()
    return as_bytes(train(order_of(TINY[name], kind, checkpoints=checkpoints))), len(checkpoints.saved)


@each
def test_the_same_order_gives_the_same_bytes_and_another_seed_gives_others(algorithm):
    again = train(an_order(algorithm, HISTORY))
    assert as_bytes(again) == as_bytes(whole(algorithm.name))
    assert as_bytes(train(an_order(algorithm, HISTORY, seed=8))) != as_bytes(again)


@each
@begun
def test_killed_after_any_leg_and_launched_again_it_gives_the_bytes_of_an_undisturbed_training(algorithm, kind):
    expected, legs = undisturbed(algorithm.name, kind)
    assert legs >= 2
    for after in range(1, legs + 1):
        checkpoints = DyingCheckpoints(after)
        with pytest.raises(Killed):
            train(order_of(algorithm, kind, checkpoints=checkpoints))
        assert as_bytes(train(order_of(algorithm, kind, checkpoints=checkpoints))) == expected
        assert len(checkpoints.saved) == legs, "no leg is learned twice"
        assert checkpoints.load("a-training") is None, "what is done needs no checkpoint"


def test_killed_after_every_leg_it_still_gives_the_same_bytes():
    expected, legs = undisturbed("sac", BEGUN[0])
    checkpoints = DyingCheckpoints()
    for after in range(1, legs + 1):
        checkpoints.after = after
        with pytest.raises(Killed):
            train(an_order(SAC, HISTORY, checkpoints=checkpoints))
    assert as_bytes(train(an_order(SAC, HISTORY, checkpoints=checkpoints))) == expected


def test_executed_experience_changes_what_sac_learns_and_nothing_that_ppo_learns():
    """PPO learns from its newest rollout alone; what another policy did long ago has no place in it."""
    for algorithm, changes in ((SAC, True), (PPO, False)):
        order = order_of(algorithm, BEGUN[1])
        without = as_bytes(train(replace(order, lived=(), checkpoints=MemoryCheckpoints())))
        assert (without != undisturbed(algorithm.name, BEGUN[1])[0]) is changes


def randomness():
    return random.getstate(), repr(np.random.get_state()), torch.get_rng_state().tolist()  # noqa: NPY002 - that is it


@each
def test_the_randomness_and_the_threads_of_the_process_are_given_back_as_they_were(algorithm):
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002 - that is it
    torch.manual_seed(3)
    before, threads = randomness(), torch.get_num_threads()
    train(an_order(algorithm, HISTORY))
    assert randomness() == before
    with pytest.raises(Killed):
        train(an_order(algorithm, HISTORY, checkpoints=DyingCheckpoints(1)))
    assert (randomness(), torch.get_num_threads()) == (before, threads), "also after a death"


@each
def test_what_the_process_drew_before_changes_nothing(algorithm):
    torch.manual_seed(99)
    random.seed(99)
    np.random.seed(99)  # noqa: NPY002 - that is it
    assert as_bytes(train(an_order(algorithm, HISTORY))) == as_bytes(whole(algorithm.name))


@each
def test_a_training_leaves_nothing_in_the_temporary_folder(algorithm, tmp_path, monkeypatch):
    """The library makes a folder for its log there, once a leg, or where SB3_LOGDIR says."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("SB3_LOGDIR", str(tmp_path / "log"))
    train(an_order(algorithm, HISTORY))
    assert list(tmp_path.iterdir()) == []


@each
def test_the_curve_has_a_point_for_each_leg_and_each_is_told(algorithm):
    told = []
    trained = train(an_order(algorithm, HISTORY, say=told.append))
    steps = [point.step for point in trained.curve]
    assert [(each.step, each.steps, each.point) for each in told] == [
        (point.step, algorithm.configurations["quick"]["steps"], point) for point in trained.curve
    ]
    assert len(steps) == 3
    assert steps == sorted(set(steps))
    assert 0 <= steps[-1] - algorithm.configurations["quick"]["steps"] < 52, "whole rollouts"
    assert all(0 <= point.entropy <= 1 for point in trained.curve)
    assert 0 < trained.reward_parts < 10, "neither part of the reward drowns the other"


@each
def test_the_checkpoint_is_safetensors_and_json(algorithm):
    checkpoints = DyingCheckpoints(1)
    with pytest.raises(Killed):
        train(an_order(algorithm, HISTORY, checkpoints=checkpoints))
    content = checkpoints.load("a-training")
    assert {name.split("/")[0] for name in load(content)} >= {"policy"}
    length = int.from_bytes(content[:8], "little")
    told = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["standing"])
    assert told["steps"] == told["curve"][0]["step"]
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(content)  # noqa: S301 - that is what is shown


class Trap:
    """Unpickled, it says so."""

    sprung = False

    def __reduce__(self):
        return setattr, (Trap, "sprung", True)


def foreign():
    """What may lie in the place of a checkpoint."""
    yield b""
    yield b"{}"
    yield b"\x00" * 64
    yield pickle.dumps(Trap())
    header = json.dumps({"__metadata__": {"standing": "[]"}}).encode()
    yield len(header).to_bytes(8, "little") + header
    for other, changes in ((PPO, {}), (SAC, {}), (PPO, {"width": 4}), (SAC, {"width": 4})):
        checkpoints = DyingCheckpoints(1)
        with pytest.raises(Killed):
            train(an_order(other, HISTORY, checkpoints=checkpoints, numbers=changes))
        yield checkpoints.load("a-training")


def test_a_foreign_checkpoint_is_an_error_that_says_what_to_do_and_no_pickle_is_ever_read():
    for content in foreign():
        refused = 0
        for algorithm in (PPO, SAC):
            checkpoints = MemoryCheckpoints()
            checkpoints.save("a-training", content)
            try:
                train(an_order(algorithm, HISTORY, checkpoints=checkpoints))
            except DataError as error:
                assert "not a checkpoint of this training" in str(error)  # noqa: PT017 - one of them may fit
                assert "without it the training begins anew" in str(error)  # noqa: PT017 - as above
                refused += 1
        assert refused >= 1
    assert not Trap.sprung


@each
def test_weights_that_are_no_longer_numbers_end_the_training(algorithm):
    with pytest.raises(DataError, match=r"training a-training broke down after \d+ steps: .* is not finite"):
        train(an_order(algorithm, HISTORY, numbers={"learning_rate": float("inf")}))


# D17.


def temperature(trained):
    return trained.weights["extra/log_ent_coef"].item()


def test_d17_the_temperature_goes_on_learning_after_a_fine_tune_begins(monkeypatch):
    """D17: the optimizer kept the old tensor, so that the new one stayed as it was loaded."""
    order = order_of(SAC, BEGUN[1])
    first = order.start["extra/log_ent_coef"].item()
    assert temperature(train(order)) != first
    honest = training.begin_with

    def replacing(learner, weights):
        honest(learner, weights)
        learner.log_ent_coef = weights["extra/log_ent_coef"].clone().requires_grad_()

    monkeypatch.setattr(training, "begin_with", replacing)
    assert temperature(train(replace(order, checkpoints=MemoryCheckpoints()))) == first, "so this test can fail"


# D18.


@each
def test_d18_a_policy_is_fine_tuned_on_a_universe_of_other_names_and_another_size(algorithm):
    """D18: the names of today were mapped onto the weights of yesterday's, and another count failed."""
    other = made_up(20, slots=9, names=30, seed=5)
    observer = Observer.fit(HISTORY)
    order = an_order(
        algorithm, other, observer=observer, start=whole(algorithm.name).weights, numbers=algorithm.fine_tune
    )
    trained = train(order)
    policy = policy_of(algorithm, observer, trained.weights, 8)
    assert set(policy.raw_weights(state_at(other, 3, {}))) == set(state_at(other, 3, {}).symbols)


@each
def test_a_policy_of_another_size_to_begin_with_is_an_error(algorithm):
    with pytest.raises(DataError, match="the version to begin with has other networks"):
        train(an_order(algorithm, HISTORY, start=untrained(algorithm, width=4)))


@each
def test_what_it_begins_with_decides_what_it_becomes(algorithm):
    order = order_of(algorithm, BEGUN[1])
    scratch = train(replace(order, start=None, checkpoints=MemoryCheckpoints()))
    assert as_bytes(scratch) != undisturbed(algorithm.name, BEGUN[1])[0]


# Numbers of a training.


@pytest.mark.parametrize("algorithm", real.ALGORITHMS, ids=lambda algorithm: algorithm.name)
@pytest.mark.parametrize("profile", ["full", "quick"])
def test_the_numbers_of_a_profile_are_whole_and_settings_only_make_them_fewer(algorithm, profile):
    plain = algorithm.numbers(profile, 0, fine_tune=False)
    assert plain == algorithm.configurations[profile]
    assert algorithm.numbers(profile, 10**9, fine_tune=False) == plain
    assert algorithm.numbers(profile, 500, fine_tune=False)["steps"] == 500
    tuned = algorithm.numbers(profile, 0, fine_tune=True)
    assert tuned["learning_rate"] < plain["learning_rate"]
    assert tuned["steps"] <= min(10_000, plain["steps"])
    assert tuned["width"] == plain["width"], "it must fit what it begins with"


def test_a_short_training_is_not_all_warm_up():
    """Else SAC would end without a single update, and say nothing."""
    for steps in (40, 500, 5000):
        assert real.SAC.numbers("full", steps, fine_tune=False)["warm_up"] <= steps / 4
    assert real.SAC.numbers("full", 0, fine_tune=False)["warm_up"] == 1000


def test_an_unknown_profile_is_an_error_that_names_those_there_are():
    with pytest.raises(ConfigurationError, match="ppo has no profile fast; there are full, quick"):
        real.PPO.numbers("fast", 0, fine_tune=False)


def test_noise_is_of_the_training_and_not_of_what_the_curve_shows():
    """The curve is deterministic, on the weeks as they were."""
    order = an_order(PPO, HISTORY)
    assert len(order.world.static) == 2
    assert len(order.clear.static) == 1
    other = replace(order, world=played(HISTORY, order.observer, noise=Noise(3.0, 2, 1)), numbers=order.numbers)
    first, second = whole("ppo").curve[0], train(replace(other, checkpoints=MemoryCheckpoints())).curve[0]
    assert first.reward != second.reward
