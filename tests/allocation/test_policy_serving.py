"""A policy decides on a Monday what it decided where it was judged, and nothing else."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
import torch
from policy_trainings import PPO, SAC, TINY, lively, untrained, version_files
from policy_world import COSTS, RULES, made_up, played, state_at, thinned
from safetensors.torch import save

from learnfinance_dagster.allocation.constraints import constrain
from learnfinance_dagster.allocation.rl.algorithm import PolicySpec
from learnfinance_dagster.allocation.rl.card import CONFIG, OBSERVER, WEIGHTS
from learnfinance_dagster.allocation.rl.episodes import World
from learnfinance_dagster.allocation.rl.history import NOBODY
from learnfinance_dagster.allocation.rl.observation import Observer
from learnfinance_dagster.allocation.rl.path import equal_weight_path, policy_path, walk
from learnfinance_dagster.allocation.rl.policy import load_policy
from learnfinance_dagster.allocation.rl.state import weights_of
from learnfinance_dagster.costs import CostModel
from learnfinance_dagster.documents import to_json
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.values import Mode, Portfolio, Position

each = pytest.mark.parametrize("algorithm", TINY.values(), ids=TINY)
HISTORY = made_up(40, 8, 20)
FITTED = Observer.fit(HISTORY[:20])


def served(policy, history):
    """Every Monday is asked for by name, as `<name>_weights` does it."""
    world = played(history, policy.observer)

    def choose(week, before):
        weights, outside = before.shown, before.shown_outside
        slots = [slot for slot, name in enumerate(history.name[week]) if name != NOBODY]
        symbols = {slot: history.symbols[history.name[week, slot]] for slot in slots}
        held = {symbols[slot]: weights[0, slot] for slot in slots if weights[0, slot]}
        held |= {"LEFT": outside[0]} if outside[0] else {}
        raw = policy.raw_weights(state_at(history, week, held))
        asked = np.array([[raw[symbols[slot]] if slot in symbols else 0.0 for slot in range(world.slots)]])
        return constrain(asked, RULES.max_weight, RULES.min_cash)

    return walk(world, choose)


@each
@pytest.mark.parametrize("history", [HISTORY, thinned(HISTORY)], ids=["full weeks", "empty slots"])
def test_d1_a_policy_decides_on_a_monday_what_it_decided_where_it_was_judged(algorithm, history):
    """D1: it learned from raw states and was judged and asked with standardized ones."""
    policy = lively(algorithm, FITTED)
    judged, asked = policy_path(policy, played(history, FITTED)), served(policy, history)
    assert judged.turnover[1:].mean() > 0.05, "it trades"
    np.testing.assert_allclose(asked.weights, judged.weights, rtol=0, atol=2e-6)
    np.testing.assert_allclose(asked.log_returns, judged.log_returns, rtol=0, atol=1e-6)


@each
def test_d1_another_transform_would_be_noticed(algorithm):
    """Planted: what is judged reads other numbers than what is asked."""
    policy = lively(algorithm, FITTED)
    raw = Observer(FITTED.fills, (0.0,) * len(FITTED.means), (1.0,) * len(FITTED.stds))
    judged, asked = policy_path(policy, played(HISTORY, raw)), served(policy, HISTORY)
    assert np.abs(asked.weights - judged.weights).max() > 0.01


@each
def test_d16_judgement_is_deterministic_over_every_week_and_net_of_costs(algorithm):
    """D16: the first or a random year was played, gross of costs."""
    policy, world = lively(algorithm, FITTED), played(HISTORY, FITTED)
    torch.manual_seed(1)
    first = policy_path(policy, world)
    torch.manual_seed(2)
    again = policy_path(policy, world)
    for part in ("log_returns", "turnover", "weights"):
        np.testing.assert_array_equal(getattr(first, part), getattr(again, part))
    assert len(first.log_returns) == len(HISTORY)
    free = policy_path(policy, World.of(HISTORY, FITTED, RULES, CostModel(0.0)))
    paid = np.log1p(-COSTS.of_turnover(first.turnover))
    np.testing.assert_allclose(first.log_returns, free.log_returns + paid, atol=5e-6)
    assert (first.log_returns < free.log_returns).all()


@each
def test_one_observation_gets_the_logits_that_it_gets_among_others(algorithm):
    policy = lively(algorithm, FITTED)
    seen = np.concatenate([FITTED.state(state_at(made_up(20, 8, 20, n), 3, {"N001": 0.1})) for n in range(30)])
    alone = np.concatenate([policy.logits(row[None]) for row in seen])
    np.testing.assert_allclose(policy.logits(seen), alone, rtol=0, atol=2e-5)


@each
def test_a_decision_draws_no_random_number(algorithm):
    state, files = state_at(HISTORY, 5, {}), version_files(PolicySpec(algorithm, "lstm"), FITTED)
    before = torch.get_rng_state().tolist()
    policy = load_policy(files)
    assert policy.raw_weights(state) == policy.raw_weights(state)
    assert torch.get_rng_state().tolist() == before


@each
def test_what_an_account_holds_is_part_of_what_its_policy_sees(algorithm):
    policy, state = lively(algorithm, FITTED), state_at(HISTORY, 5, {})
    held = replace(state, weights={state.symbols[0]: 0.2, "GONE": 0.1})
    assert policy.raw_weights(held) != policy.raw_weights(state)


# D25.


@each
def test_d25_an_account_with_negative_cash_is_served(algorithm):
    """D25: orders accepted negative cash, and policies refused it."""
    names = state_at(HISTORY, 5, {}).symbols
    positions = tuple(Position(name, Decimal(130), Decimal(1), date(2025, 12, 26)) for name in names)
    portfolio = Portfolio("a", "2025-12-29", Decimal(-40), positions, 0, Mode.LIVE)
    held = weights_of(portfolio)
    assert sum(held.values()) > 1
    state = state_at(HISTORY, 5, held)
    assert FITTED.state(state)[0, -2] < 0, "it sees the debt"
    found = lively(algorithm, FITTED).raw_weights(state)
    assert set(found) == set(names)
    assert 0 < sum(found.values()) <= 1


# What is not known.


@each
def test_a_name_without_forecast_or_features_is_served_and_known_to_be_so(algorithm):
    state = state_at(HISTORY, 5, {})
    name = state.symbols[0]
    blind = replace(
        state,
        features=state.features | {name: (None,) * len(state.features[name])},
        forecast=state.forecast | {name: None},
    )
    found = lively(algorithm, FITTED).raw_weights(blind)
    assert 0 < found[name] < 1
    assert found != lively(algorithm, FITTED).raw_weights(state)


@each
def test_a_state_of_another_layout_is_refused(algorithm):
    state = replace(state_at(HISTORY, 5, {}), layout="2019-01")
    with pytest.raises(DataError, match="a state of layout 2019-01"):
        lively(algorithm, FITTED).raw_weights(state)


# A version.


@each
def test_a_version_decides_as_the_policy_that_was_stored(algorithm):
    files = version_files(PolicySpec(algorithm, "lstm"), FITTED)
    policy, state = load_policy(files), state_at(HISTORY, 5, {})
    assert policy.algorithm.name == algorithm.name
    assert policy.observer == FITTED
    assert policy.raw_weights(state) == lively(algorithm, FITTED).raw_weights(state)


def test_only_the_part_that_serves_is_needed_of_a_training():
    """Critics and temperatures stay with the version for the next fine-tune; no decision reads them."""
    files = version_files(PolicySpec(PPO, "lstm"), FITTED)
    more = untrained(PPO) | {"value_net.weight": torch.full((1, 8), 9.0), "extra/log_ent_coef": torch.ones(1)}
    state = state_at(HISTORY, 5, {})
    assert load_policy(files | {WEIGHTS: save(more)}).raw_weights(state) == load_policy(files).raw_weights(state)


BROKEN = {
    "no weights": ({WEIGHTS: None}, "weights.safetensors: missing"),
    "no observer": ({OBSERVER: None}, "observer.json: missing"),
    "no configuration": ({CONFIG: None}, "config.json: missing"),
    "no json": ({CONFIG: b"{"}, "config.json: no JSON"),
    "an unknown algorithm": ({CONFIG: to_json({"algorithm": "td3", "width": 8}).encode()}, "names no algorithm"),
    "no width": ({CONFIG: to_json({"algorithm": "ppo"}).encode()}, "names no algorithm and width"),
    "another width": ({CONFIG: to_json({"algorithm": "ppo", "width": 9}).encode()}, "does not fit the configuration"),
    "another algorithm": ({CONFIG: to_json({"algorithm": "sac", "width": 8}).encode()}, "does not fit the config"),
    "another layout": (
        {OBSERVER: to_json(FITTED.to_document() | {"layout": "2019-01"}).encode()},
        "an observer of layout 2019-01, where .* is read: train the policy again",
    ),
    "no safetensors": ({WEIGHTS: b"PK"}, "not in the safetensors format"),
    "no number": ({WEIGHTS: save({"actor.a": torch.tensor([float("nan")])})}, "not finite"),
}


@pytest.mark.parametrize(("changes", "told"), BROKEN.values(), ids=BROKEN)
def test_files_that_are_no_policy_are_refused_with_the_name_of_the_file(changes, told):
    files = version_files(PolicySpec(PPO, "lstm"), FITTED) | changes
    with pytest.raises(DataError, match=told):
        load_policy({name: content for name, content in files.items() if content is not None})


def test_the_two_algorithms_read_their_logits_each_in_its_own_way():
    """PPO's mean is cut off at the limits of the action space, SAC's is squashed into them."""
    mean = torch.tensor([[-9.0, 0.0, 1.0, 9.0]])
    assert PPO.module().logits_of(mean, 4.0).tolist() == [[-4.0, 0.0, 1.0, 4.0]]
    assert SAC.module().logits_of(mean, 4.0).tolist()[0] == pytest.approx([-4.0, 0.0, 4 * np.tanh(1), 4.0], abs=1e-5)


def test_a_policy_that_never_learned_is_not_equal_weight():
    """Or the comparisons above would show nothing."""
    world = played(HISTORY, FITTED)
    for algorithm in (PPO, SAC):
        path = policy_path(lively(algorithm, FITTED), world)
        assert 0.5 * np.abs(path.weights - equal_weight_path(world).weights).sum(axis=1).mean() > 0.05


def test_the_scene_has_a_real_monday():
    """Weeks of made-up histories are Mondays, as in stored ones."""
    assert {day.weekday() for day in HISTORY.mondays.astype(date)} == {0}
