"""Whether a trainer earns trust: planted ones that learn nothing, cheat or do not read are each found out."""

import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from policy_trainings import PPO, SETTINGS, TINY, DyingCheckpoints, House, Killed, reader, untrained
from policy_world import COSTS, RULES

from learnfinance_dagster.allocation.rl import algorithm as real
from learnfinance_dagster.allocation.rl import certificate as module
from learnfinance_dagster.allocation.rl.certificate import certificate_version, make_certificate
from learnfinance_dagster.allocation.rl.certified import Excess, certificate_in, model_of
from learnfinance_dagster.allocation.rl.training import Trained
from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.costs import CostModel
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.parameters import AllocationParameters, PolicyParameters
from learnfinance_dagster.ports import TrialKind

WEEK = week_from_key("2025-12-29")
each = pytest.mark.parametrize("algorithm", TINY.values(), ids=TINY)
LEARNS, NOTHING, READS = "learns what is there", "finds nothing in noise", "reads its inputs"


@pytest.fixture(autouse=True)
def _short_worlds(monkeypatch):
    monkeypatch.setattr(module, "TRAINING_WEEKS", 40)
    monkeypatch.setattr(module, "TEST_WEEKS", 60)


@pytest.fixture
def house():
    return House()


def made(house, algorithm=PPO, settings=SETTINGS, seed=7, rules=RULES, costs=COSTS):
    return make_certificate(algorithm, WEEK, settings, rules, costs, seed, house.workshop)


def failed(house, **changes):
    found, _ = made(house, **changes)
    assert found.passed == all(check.passed for check in found.checks)
    return [check.name for check in found.checks if not check.passed]


def trained_to(weights, monkeypatch):
    """Planted: whatever it is shown, this is what the training gives."""
    monkeypatch.setattr(module, "train", lambda _order: Trained(weights, (), 1.0))


def leaking(monkeypatch):
    """Planted: next week's returns stand among the inputs of the blind world, too."""
    honest = module.made_up_history
    told = {"clairvoyant": True}
    monkeypatch.setattr(module, "made_up_history", lambda *given, **named: honest(*given, **(named | told)))


# Kept.


@each
def test_a_certificate_is_made_once_and_kept(house, algorithm):
    first, is_cached = made(house, algorithm)
    assert not is_cached
    assert {name.rsplit(" ", 1)[1] for name in house.heard} == {"clairvoyant", "blind"}
    house.heard.clear()
    again, is_cached = made(house, algorithm)
    assert is_cached
    assert again == first
    assert house.heard == [], "nothing is trained"
    stored = house.store.read(model_of(algorithm), first.version)
    assert certificate_in(stored) == first


@each
def test_the_same_certificate_is_made_in_another_house(algorithm):
    assert made(House(), algorithm)[0] == made(House(), algorithm)[0]


def test_it_is_one_trial_with_what_came_of_it(house):
    found, _ = made(house)
    made(house)
    (trial,) = house.register.trials()
    assert (trial.model, trial.version, trial.kind) == ("ppo_certificate", found.version, TrialKind.CERTIFICATE)
    assert trial.result == {"clairvoyant": found.clairvoyant.mean, "blind": found.blind.mean}
    assert (trial.serves, trial.promoted) == (WEEK.monday, False)
    assert trial.reason == ("passed" if found.passed else "failed")


def test_killed_while_training_it_goes_on_and_nothing_is_stored_before(house):
    expected, _ = made(House())
    house.checkpoints = DyingCheckpoints(2)
    with pytest.raises(Killed):
        made(house)
    assert house.register.trials() == ()
    assert house.inner.versions("ppo_certificate") == ()
    assert made(house)[0] == expected


# Named by configuration and code.


def version(algorithm=real.PPO, rules=RULES, costs=COSTS, seed=7, **settings):
    return certificate_version(algorithm, PolicyParameters(**settings), rules, costs, seed)


def test_another_configuration_needs_another_certificate():
    numbers = dict(real.PPO.configurations)
    faster = replace(real.PPO, configurations=numbers | {"full": numbers["full"] | {"learning_rate": 1e-3}})
    names = {
        version(),
        version(profile="quick"),
        version(real.SAC),
        version(faster),
        version(rules=AllocationParameters(max_weight=0.3)),
        version(costs=CostModel(6.0)),
        version(max_steps=500),
        version(seed=8),
    }
    assert len(names) == 8


def test_luck_of_one_seed_vouches_for_no_other(house):
    first, _ = made(house, seed=7)
    second, is_cached = made(house, seed=8)
    assert not is_cached
    assert (first.seed, second.seed) == (7, 8)
    assert first.version != second.version


def test_what_no_trainer_depends_on_needs_no_other_certificate():
    longer = replace(real.PPO, configurations={"full": real.PPO.configurations["full"] | {"steps": 10**6, "leg": 7}})
    assert version(longer) == version(), "what a trainer finds early it finds late"
    assert version(held_out_weeks=52, significance=0.1, bad_weeks=3, device="auto") == version()
    assert version(max_steps=10**6) == version()


def test_other_code_needs_another_certificate(monkeypatch):
    before = version()
    monkeypatch.setattr(module, "code_hash", lambda: "0" * 64)
    assert version() != before


def test_a_certificate_that_failed_for_want_of_steps_does_not_stay_for_good(house):
    made(house, settings=SETTINGS.model_copy(update={"max_steps": 52}))
    _, is_cached = made(house)
    assert not is_cached


# Planted.


def test_who_reads_what_is_there_passes(house, monkeypatch):
    trained_to(reader(PPO, "forecast"), monkeypatch)
    found, _ = made(house)
    assert failed(house) == []
    assert found.clairvoyant.errors > 10
    assert abs(found.blind.errors) < 3


def test_a_trainer_that_learns_nothing_fails(house):
    """Planted: its learner counts steps and never updates a weight."""

    def make(*given):
        learner = PPO.module().make(*given)

        def learn(steps, *, reset_num_timesteps):
            learner.num_timesteps += steps

        learner.learn = learn
        return learner

    idle = SimpleNamespace(**{**vars(PPO.module()), "make": make})
    assert LEARNS in failed(house, algorithm=replace(PPO, module=lambda: idle))


def test_a_leak_in_what_is_told_is_found(house, monkeypatch):
    leaking(monkeypatch)
    trained_to(reader(PPO, "forecast"), monkeypatch)
    assert failed(house) == [NOTHING]


def test_a_leak_that_costs_money_is_found_too(house, monkeypatch):
    """It buys what falls. Losing beyond chance needs the future as well."""
    leaking(monkeypatch)
    trained_to(reader(PPO, "forecast", gain=-3.0), monkeypatch)
    assert failed(house) == [LEARNS, NOTHING]


def test_a_policy_that_never_reads_fails(house, monkeypatch):
    trained_to(reader(PPO, "forecast", gain=0.0), monkeypatch)
    assert failed(house) == [LEARNS, READS, "no copy"]


def test_a_policy_that_reads_the_wrong_thing_fails(house, monkeypatch):
    trained_to(reader(PPO, "gross_margin"), monkeypatch)
    assert failed(house) == [LEARNS]


@each
def test_a_trainer_without_time_to_learn_fails(house, algorithm):
    """Or the certificate would be given for nothing: these trainings are tiny."""
    assert LEARNS in failed(house, algorithm=algorithm)


def test_a_random_policy_fails(house, monkeypatch):
    trained_to(untrained(PPO, gain=2.0), monkeypatch)
    assert LEARNS in failed(house)


# Values.


def test_an_excess_that_never_varies_is_no_proof():
    assert Excess(0.01, 0.0).errors == 0
    assert Excess(-0.02, 0.01).errors == -2
    assert str(Excess(0.00123, 0.0004)) == "12.3 ± 4.0 bp a week"


def test_a_version_without_a_certificate_is_an_error():
    with pytest.raises(DataError, match=r"a version without certificate\.json"):
        certificate_in({})


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", real.ALGORITHMS, ids=lambda algorithm: algorithm.name)
def test_the_real_trainers_earn_their_certificate_in_the_quick_profile(algorithm, monkeypatch):
    monkeypatch.setattr(module, "TRAINING_WEEKS", 312)
    monkeypatch.setattr(module, "TEST_WEEKS", 208)
    began, worked = time.perf_counter(), time.process_time()
    found, _ = made(House(), algorithm, PolicyParameters(profile="quick"))
    seconds, work = time.perf_counter() - began, time.process_time() - worked
    told = "; ".join(f"{check.name}: {check.told}" for check in found.checks)
    print(f"{algorithm.name}: {seconds:.0f} s, of which {work:.0f} s of work; {told}")  # noqa: T201 - for the reader of -s
    assert found.passed, told
    assert np.isfinite(found.behaviour.turnover)
