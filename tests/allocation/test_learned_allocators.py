"""Allocators that learned, asked as every other one: what their policy says, under the common constraints."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from policy_trainings import PPO, TINY, a_state, in_use, reader
from policy_world import made_up
from safetensors.torch import save

from learnfinance_dagster.allocation import ALLOCATORS
from learnfinance_dagster.allocation.allocator import AllocationInputs, PolicyInUse, allocate
from learnfinance_dagster.allocation.constraints import check_weights
from learnfinance_dagster.allocation.learned import PPO_LSTM, SAC_PATCHTST
from learnfinance_dagster.allocation.rl.card import OBSERVER, WEIGHTS
from learnfinance_dagster.allocation.rl.observation import Observer
from learnfinance_dagster.allocation.rl.policy import load_policy
from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.documents import to_json
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.parameters import AllocationParameters
from learnfinance_dagster.ports import TrialKind

RULES = AllocationParameters()
NAMES = tuple(f"N{n:02}" for n in range(15))
LEARNED = [allocator for allocator in ALLOCATORS if allocator.policy]
each = pytest.mark.parametrize("allocator", LEARNED, ids=lambda allocator: allocator.name)


def inputs(allocator, symbols=NAMES, **changes):
    week = week_from_key("2025-12-29")
    state, policy = a_state(symbols), in_use(allocator.policy)
    return replace(AllocationInputs(week, tuple(symbols), pd.DataFrame(), 7, state, policy), **changes)


def reading(allocator, channel, gain=30.0):
    """A version that buys where one channel is high."""
    found = in_use(allocator.policy)
    weights = reader(TINY[allocator.policy.algorithm.name], channel, gain)
    return PolicyInUse(found.card, {**found.files, WEIGHTS: save(weights)})


def test_there_are_four_of_them():
    assert [allocator.name for allocator in LEARNED] == ["ppo_lstm", "ppo_patchtst", "sac_lstm", "sac_patchtst"]


@each
def test_each_waits_for_its_own_forecaster_and_no_other(allocator):
    forecaster = allocator.name.split("_")[1]
    assert [name for name in allocator.reads if name.endswith("_forecast")] == [f"{forecaster}_forecast"]
    assert "state_features" in allocator.reads
    assert allocator.policy.forecaster == forecaster


@each
def test_the_weights_are_the_policys_own_and_the_rest_is_cash(allocator):
    given = inputs(allocator)
    target = allocate(allocator, given, RULES)
    assert target.raw_weights == load_policy(given.policy.files).raw_weights(given.state)
    assert 0 < sum(target.raw_weights.values()) < 1
    check_weights(target, NAMES, RULES)


@each
def test_provenance_tells_which_version_decided(allocator):
    policy = in_use(allocator.policy, version="v2025-12-21-" + "b" * 12, kind=TrialKind.FINE_TUNE)
    target = allocate(allocator, inputs(allocator, policy=policy), RULES)
    assert target.provenance == {
        "policy": "v2025-12-21-" + "b" * 12,
        "trained_for": "2025-12-29",
        "training": "fine_tune",
    }


@each
@pytest.mark.parametrize("count", [0, 1, 2, 5, 40])
def test_any_number_of_names_is_weighed_within_the_constraints(allocator, count):
    names = tuple(f"M{n:02}" for n in range(count))
    policy = reading(allocator, "net_margin")
    target = allocate(allocator, inputs(allocator, names, policy=policy), RULES)
    assert tuple(sorted(target.raw_weights)) == names
    assert sum(target.raw_weights.values()) <= 1 + 1e-9
    check_weights(target, names, RULES)


@each
def test_who_is_sure_is_held_back_by_the_cap_alone(allocator):
    margins = {
        name: tuple(5.0 if name == "N07" else -5.0 for _ in row) for name, row in a_state(NAMES).features.items()
    }
    given = inputs(allocator, state=replace(a_state(NAMES), features=margins), policy=reading(allocator, "net_margin"))
    target = allocate(allocator, given, RULES)
    assert target.raw_weights["N07"] > 0.7
    assert {name: weight for name, weight in target.weights.items() if weight} == {"N07": RULES.max_weight}
    assert min(target.raw_weights.values()) == 0, "what is dust is nothing"


@each
def test_it_reads_its_forecast(allocator):
    given = inputs(allocator, policy=reading(allocator, "forecast", gain=3.0))
    better = replace(given.state, forecast=given.state.forecast | {"N03": 0.2})
    after = allocate(allocator, replace(given, state=better), RULES).raw_weights["N03"]
    assert after > 1.5 * allocate(allocator, given, RULES).raw_weights["N03"]


@each
def test_what_the_account_holds_matters_and_money_in_other_names_is_no_error(allocator):
    held = a_state(NAMES, {"N00": 0.15, "GONE": 0.2})
    assert (
        allocate(allocator, inputs(allocator, state=held), RULES).raw_weights
        != allocate(allocator, inputs(allocator), RULES).raw_weights
    )


# D4.


@each
def test_d4_a_forecaster_that_gave_nothing_is_an_error_and_no_silent_zero(allocator):
    """D4: the forecast was 0.0 for all names, and nobody noticed."""
    silent = replace(a_state(NAMES), forecast=dict.fromkeys(NAMES))
    with pytest.raises(DataError, match=f"{allocator.policy.forecaster} gave no forecast of any name"):
        allocate(allocator, inputs(allocator, state=silent), RULES)


@each
def test_d21_a_single_missing_forecast_is_none_and_no_error(allocator):
    """D21: None was divided by 100."""
    state = a_state(NAMES)
    one = replace(state, forecast=state.forecast | {"N00": None})
    check_weights(allocate(allocator, inputs(allocator, state=one), RULES), NAMES, RULES)


@each
def test_an_empty_universe_asks_nobody(allocator):
    target = allocate(allocator, inputs(allocator, ()), RULES)
    assert (target.weights, target.cash) == ({}, 1.0)


@pytest.mark.parametrize("missing", ["state", "policy"])
def test_without_a_state_or_a_policy_it_does_not_decide(missing):
    with pytest.raises(DataError, match="a learned allocator needs its state and its policy"):
        allocate(PPO_LSTM, inputs(PPO_LSTM, **{missing: None}), RULES)


@pytest.mark.parametrize("names", [NAMES[:14], (*NAMES[:14], "ZZZ"), (*NAMES, "ZZZ"), ()], ids=len)
def test_a_state_of_other_names_is_refused(names):
    with pytest.raises(DataError, match="the state is not one of the screened names"):
        allocate(PPO_LSTM, inputs(PPO_LSTM, state=a_state(names)), RULES)


def test_a_version_that_reads_another_layout_says_what_to_do():
    found = in_use(PPO_LSTM.policy)
    old = to_json(Observer.fit(made_up(20)).to_document() | {"layout": "2019-01"}).encode()
    with pytest.raises(DataError, match=r"an observer of layout 2019-01, .* train the policy again"):
        allocate(PPO_LSTM, inputs(PPO_LSTM, policy=PolicyInUse(found.card, {**found.files, OBSERVER: old})), RULES)


def test_a_version_of_the_other_algorithm_is_read_as_what_it_is():
    """What a version is stands in its files, not in the name of the allocator that asks."""
    given = inputs(SAC_PATCHTST, policy=reading(PPO_LSTM, "forecast"))
    assert np.isclose(
        sum(allocate(SAC_PATCHTST, given, RULES).raw_weights.values()),
        sum(load_policy(reading(PPO_LSTM, "forecast").files).raw_weights(given.state).values()),
    )
    assert load_policy(given.policy.files).algorithm.name == PPO.name
