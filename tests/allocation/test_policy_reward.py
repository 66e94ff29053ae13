import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_world import made_up, played

from learnfinance_dagster.allocation.rl.episodes import Episodes, equal_weight_log_returns
from learnfinance_dagster.allocation.rl.reward import ADAPTATION, RewardScale, differential_sharpe

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "spec" / "cases.json"
returns = st.floats(-0.3, 0.3)


def at(value):
    return np.array([float(value)])


def sharpe_after(weekly, first, second, eta):
    first, second = first + eta * (weekly - first), second + eta * (weekly**2 - second)
    return first / np.sqrt(second - first**2)


def ratio(world, size, begun=None):
    """Standard deviation of the differential-Sharpe part over that of the return part, and its largest."""
    rng = np.random.default_rng(0)
    episodes = Episodes(world, 64, rng)
    parts = []
    for number in range(2 * episodes.length):
        if begun is not None and number % episodes.length == 0:
            episodes.first, episodes.second = np.full(64, begun), np.full(64, begun)
        episodes.step(rng.normal(0, size, (64, world.slots + 1)))
        parts.append(episodes.parts.copy())
    paid, sharpe = np.concatenate(parts, axis=1)
    return sharpe.std() / paid.std(), np.abs(sharpe).max()


def test_the_predecessors_golden_differential_sharpe_is_met():
    if not CASES.exists():
        pytest.skip("the predecessor's cases are not on this machine")
    case = next(case for case in json.loads(CASES.read_text())["cases"] if case["id"].startswith("rl-08"))
    first, second, found = at(0), at(0), []
    for weekly in case["input"]["returns"]:
        value, first, second = differential_sharpe(at(weekly), first, second, case["input"]["eta"])
        found.append(value[0])
    np.testing.assert_allclose(found, case["expected"]["dsr"], rtol=0, atol=1e-9)
    assert first[0] == pytest.approx(case["expected"]["final_A"], abs=1e-12)
    assert second[0] == pytest.approx(case["expected"]["final_B"], abs=1e-12)


@given(weekly=returns, first=st.floats(-0.01, 0.01), std=st.floats(0.005, 0.05))
def test_it_is_the_slope_of_the_average_sharpe_ratio(weekly, first, std):
    second, step = first**2 + std**2, 1e-7
    value, _, _ = differential_sharpe(at(weekly), at(first), at(second))
    slope = (sharpe_after(weekly, first, second, step) - sharpe_after(weekly, first, second, -step)) / (2 * step)
    assert value[0] == pytest.approx(slope, rel=1e-4, abs=1e-5)


@given(first=st.floats(-0.01, 0.01))
def test_averages_without_any_spread_give_nothing_instead_of_infinity(first):
    value, _, _ = differential_sharpe(at(0.02), at(first), at(first**2))
    assert value[0] == 0.0


def test_averages_follow_the_returns_by_their_adaptation():
    _, first, second = differential_sharpe(at(0.02), at(0.0), at(0.0))
    assert (first[0], second[0]) == (ADAPTATION * 0.02, ADAPTATION * 0.02**2)


def test_a_world_without_any_movement_has_a_unit_that_can_be_divided_by():
    scale = RewardScale.of(np.zeros(20))
    assert np.isfinite(scale.of_equal_weight(np.zeros(20))).all()


@pytest.mark.parametrize("size", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("names", [6, 15])
def test_neither_part_of_the_reward_drowns_the_other(names, size):
    found, largest = ratio(played(made_up(200, names, 2 * names)), size)
    assert 0.5 < found < 2
    assert largest < 10


def test_averages_that_begin_at_zero_drown_the_return_as_the_predecessors_did():
    found, largest = ratio(played(made_up(200, 15, 30)), 0.5, begun=0.0)
    assert found > 20
    assert largest > 100


def test_an_equal_weighted_portfolio_is_paid_about_nothing_beyond_its_baseline():
    world = played(made_up(300, 15, 30))
    episodes = Episodes(world, 64, np.random.default_rng(0))
    rewards = np.array([episodes.step(np.zeros((64, 16))).reward for _ in range(episodes.length)])
    assert abs(rewards[1:].mean()) < 0.1
    assert rewards[1:].std() < 0.25  # of a whole, which a week of the market is


def test_the_baseline_depends_on_the_week_alone():
    history = made_up()
    scale = RewardScale.of(equal_weight_log_returns(history))
    paid = scale.of_equal_weight(equal_weight_log_returns(history))
    for week in range(len(history)):
        alone = scale.of_equal_weight(equal_weight_log_returns(history[week : week + 1]))
        assert alone[0] == pytest.approx(paid[week], abs=1e-12)
