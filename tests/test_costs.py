from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnfinance_dagster.costs import CostModel


def test_a_round_trip_costs_ten_basis_points():
    costs = CostModel()
    assert costs.of_trade(Decimal(10_000)) * 2 == Decimal("10.00")
    assert costs.rate == 0.0005


@pytest.mark.parametrize(
    ("notional", "cost"),
    [("0", "0.00"), ("9.99", "0.00"), ("10", "0.01"), ("30", "0.02"), ("50", "0.03"), ("123456.78", "61.73")],
)
def test_costs_are_whole_cents_and_half_a_cent_is_a_cent(notional, cost):
    paid = CostModel().of_trade(Decimal(notional))
    assert paid == Decimal(cost)
    assert paid.as_tuple().exponent == -2


def test_a_free_market_costs_nothing():
    assert CostModel(0.0).of_trade(Decimal(1_000_000)) == 0
    assert CostModel(0.0).of_turnover(1.0) == 0


def test_a_rate_that_binary_floats_cannot_hold_is_taken_as_it_is_written():
    assert CostModel(0.1).of_trade(Decimal(100_000_000)) == Decimal("1000.00")


def test_a_whole_portfolio_exchanged_costs_both_sides():
    # half-sum turnover 1: everything sold, everything bought
    assert CostModel(5).of_turnover(1.0) == pytest.approx(0.0010)
    assert CostModel(5).of_turnover(0.5) == pytest.approx(0.0005), "a first purchase has one side"


@settings(deadline=None)
@given(st.integers(0, 10**9), st.floats(0, 100))
def test_the_simulator_and_the_reward_charge_the_same(sold, bps):
    """Selling some USD of one name and buying as much of another: by trade, and by turnover."""
    costs, nav = CostModel(bps), 10**9
    by_trade = 2 * costs.of_trade(Decimal(sold))
    by_turnover = costs.of_turnover(sold / nav) * nav
    assert float(by_trade) == pytest.approx(by_turnover, abs=0.011)


@settings(deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_trading_more_never_costs_less(one, other):
    costs = CostModel()
    small, large = sorted((one, other))
    assert costs.of_trade(Decimal(small)) <= costs.of_trade(Decimal(large))
