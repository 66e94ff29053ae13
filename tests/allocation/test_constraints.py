import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnfinance_dagster.allocation.constraints import check_weights, constrain
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.parameters import AllocationParameters
from learnfinance_dagster.values import TargetWeights

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "spec" / "cases.json"
RULES = AllocationParameters()

caps = st.floats(0.01, 1)
floors = st.floats(0, 0.9)
counts = st.integers(1, 30)


@st.composite
def portfolios(draw, rows=None):
    """Fractions of names that sum to one or less: shape (n,), or (rows, n)."""
    shape = (draw(counts),) if rows is None else (rows, draw(counts))
    parts = np.array(draw(st.lists(st.floats(0, 1), min_size=int(np.prod(shape)), max_size=int(np.prod(shape)))))
    parts = parts.reshape(shape)
    return parts / np.maximum(parts.sum(axis=-1, keepdims=True), 1.0)


def target(weights):
    return TargetWeights("hrp", "2025-12-29", weights, weights, {})


def test_the_predecessors_golden_constraints_are_met():
    if not CASES.exists():
        pytest.skip("the predecessor's cases are not on this machine")
    case = next(case for case in json.loads(CASES.read_text())["cases"] if case["id"].startswith("rl-01"))
    cap, floor = case["input"]["max_position"], case["input"]["cash_buffer"]
    for weights, expected in zip(case["input"]["weights"], case["expected"], strict=True):
        names = constrain(np.array(weights[:-1]), cap, floor)  # theirs end with cash, ours leave it out
        np.testing.assert_allclose([*names, 1 - names.sum()], expected, rtol=0, atol=1e-12)


def test_what_a_cap_cuts_goes_to_cash_and_to_nobody_else():
    assert constrain(np.array([0.7, 0.1]), 0.2, 0.0).tolist() == [0.2, 0.1]


def test_cash_is_lifted_to_its_floor_by_everyone_pro_rata():
    np.testing.assert_allclose(constrain(np.array([0.6, 0.4]), 1.0, 0.1), [0.54, 0.36], atol=1e-15)


def test_no_names_stay_no_names():
    assert constrain(np.array([]), 0.2, 0.02).shape == (0,)


def test_the_input_is_left_as_it_was():
    weights = np.array([0.9, 0.1])
    constrain(weights, 0.2, 0.02)
    assert weights.tolist() == [0.9, 0.1]


@settings(deadline=None)
@given(portfolios(), caps, floors)
def test_no_name_is_ever_above_the_cap_or_below_zero(weights, cap, floor):
    names = constrain(weights, cap, floor)
    assert (names <= cap).all()
    assert (names >= 0).all()


@settings(deadline=None)
@given(portfolios(), caps, floors)
def test_cash_is_never_below_its_floor(weights, cap, floor):
    assert 1 - constrain(weights, cap, floor).sum() >= floor - 1e-12


@settings(deadline=None)
@given(portfolios(), caps, floors)
def test_no_name_ever_gets_more_than_it_was_given(weights, cap, floor):
    assert (constrain(weights, cap, floor) <= weights).all()


@settings(deadline=None)
@given(portfolios(rows=4), caps, floors)
def test_a_batch_is_constrained_row_by_row(weights, cap, floor):
    rows = np.array([constrain(row, cap, floor) for row in weights])
    np.testing.assert_allclose(constrain(weights, cap, floor), rows, rtol=0, atol=1e-15)


@settings(deadline=None)
@given(portfolios(), caps, floors)
def test_constraining_twice_changes_nothing(weights, cap, floor):
    once = constrain(weights, cap, floor)
    np.testing.assert_allclose(constrain(once, cap, floor), once, rtol=0, atol=1e-14)


@settings(deadline=None)
@given(portfolios())
def test_what_was_constrained_may_trade(weights):
    names = {f"N{n}": weight for n, weight in enumerate(constrain(weights, RULES.max_weight, RULES.min_cash).tolist())}
    check_weights(target(names), names, RULES)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"A": float("nan")}, "hrp weights of 2025-12-29: A is nan"),
        ({"A": float("inf")}, "A is inf"),
        ({"A": -0.01}, "A is -0.01"),
        ({"A": 0.2001}, "A is 0.2001, above the cap of 0.2"),
        ({"Z": 0.1}, "Z is not in the screened universe"),
        (dict.fromkeys("ABCDE", 0.198), "cash is 0.0100, below the floor of 0.02"),
    ],
)
def test_weights_that_must_not_trade_are_refused_by_name(weights, message):
    with pytest.raises(DataError, match=message):
        check_weights(target(weights), frozenset("ABCDE"), RULES)


def test_weights_at_the_very_limits_may_trade():
    check_weights(target(dict.fromkeys("ABCD", 0.2) | {"E": 0.18}), frozenset("ABCDE"), RULES)


def test_all_cash_may_trade():
    check_weights(target({}), frozenset(), RULES)
