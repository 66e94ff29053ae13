"""What every allocator must do. It runs over the registry: adding a record there is enough to be tested here."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from policy_trainings import a_state, in_use

from learnfinance_dagster.allocation import ALLOCATORS
from learnfinance_dagster.allocation.allocator import AllocationInputs, Allocator, RawAllocation, allocate
from learnfinance_dagster.allocation.constraints import check_weights
from learnfinance_dagster.calendar import sessions_between, week_from_key
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.parameters import AllocationParameters

WEEK = week_from_key("2025-12-29")
DAYS = sessions_between(date(2024, 11, 4), WEEK.last_session)[-252:]
RULES = AllocationParameters()
NAMES = tuple(f"N{n:02}" for n in range(15))
READS_RETURNS = [allocator for allocator in ALLOCATORS if "daily_bars" in allocator.reads]
INVESTS = [allocator for allocator in ALLOCATORS if allocator.policy is None]
"""Who leaves nothing in cash but what the constraints ask for. Who learned may."""

each = pytest.mark.parametrize("allocator", ALLOCATORS, ids=lambda allocator: allocator.name)
each_investor = pytest.mark.parametrize("allocator", INVESTS, ids=lambda allocator: allocator.name)
each_reader = pytest.mark.parametrize("allocator", READS_RETURNS, ids=lambda allocator: allocator.name)


def market():
    rng = np.random.default_rng(7)
    common = rng.normal(0, 0.01, (len(DAYS), 1))
    own = rng.normal(0, 1, (len(DAYS), len(NAMES))) * np.linspace(0.005, 0.03, len(NAMES))
    return pd.DataFrame(common + own, index=list(DAYS), columns=list(NAMES))


def inputs(symbols=NAMES, returns=None, allocator=None):
    """The evidence of the week; for who learned, also its state and a policy that nobody trained."""
    given = AllocationInputs(WEEK, tuple(symbols), market() if returns is None else returns, seed=7)
    if allocator is None or allocator.policy is None:
        return given
    return replace(given, state=a_state(symbols), policy=in_use(allocator.policy))


def a_method(weights):
    return Allocator("broken", "for tests", (), lambda _inputs, _parameters: RawAllocation(weights))


def test_the_names_of_allocators_are_unique_and_fit_an_asset():
    names = [allocator.name for allocator in ALLOCATORS]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and name.islower() for name in names)


@each
def test_an_allocator_says_what_it_is_and_what_it_reads(allocator):
    assert allocator.summary.endswith(".")
    assert "screened_universe" in allocator.reads
    assert len(set(allocator.reads)) == len(allocator.reads)


@each
def test_weights_are_a_portfolio_that_may_trade(allocator):
    target = allocate(allocator, inputs(allocator=allocator), RULES)
    assert (target.allocator, target.week, target.failure) == (allocator.name, "2025-12-29", "")
    assert 0 < sum(target.raw_weights.values()) <= 1 + 1e-9
    check_weights(target, NAMES, RULES)
    assert target.cash >= RULES.min_cash - 1e-12


@each_investor
def test_who_does_not_learn_asks_for_everything_to_be_invested(allocator):
    assert sum(allocate(allocator, inputs(), RULES).raw_weights.values()) == pytest.approx(1, abs=1e-9)


@each
def test_every_name_is_weighed_or_left_out_with_a_reason(allocator):
    target = allocate(allocator, inputs(allocator=allocator), RULES)
    assert set(target.weights) | set(target.excluded) == set(NAMES)
    assert not set(target.weights) & set(target.excluded)


@each
def test_the_same_evidence_gives_the_same_weights(allocator):
    first, second = (allocate(allocator, inputs(allocator=allocator), RULES) for _ in range(2))
    assert first == second


@each
def test_the_order_of_the_names_does_not_matter(allocator):
    shuffled = np.random.default_rng(3).permutation(NAMES).tolist()
    target = allocate(allocator, inputs(shuffled, market()[shuffled], allocator), RULES)
    expected = allocate(allocator, inputs(allocator=allocator), RULES).weights
    float32 = 1e-6 if allocator.policy else 0
    assert target.weights == pytest.approx(expected, rel=float32, abs=float32)


@each
def test_the_evidence_is_left_as_it_was(allocator):
    given = inputs(allocator=allocator)
    allocate(allocator, given, RULES)
    pd.testing.assert_frame_equal(given.returns, market())
    assert given.state == inputs(allocator=allocator).state


@each
def test_an_empty_universe_is_all_cash(allocator):
    target = allocate(allocator, inputs((), allocator=allocator), RULES)
    assert (target.weights, target.raw_weights, target.excluded, target.cash) == ({}, {}, {}, 1.0)


@each
def test_an_empty_universe_without_bars_is_all_cash(allocator):
    assert allocate(allocator, inputs((), pd.DataFrame(), allocator), RULES).cash == 1.0


@each_investor
def test_one_name_gets_everything_that_the_cap_allows(allocator):
    target = allocate(allocator, inputs(NAMES[:1]), RULES)
    assert target.raw_weights == {"N00": 1.0}
    assert target.weights == {"N00": RULES.max_weight}
    assert target.cash == pytest.approx(0.8)


@each
def test_one_name_gets_no_more_than_the_cap(allocator):
    target = allocate(allocator, inputs(NAMES[:1], allocator=allocator), RULES)
    assert set(target.raw_weights) == {"N00"}
    assert 0 < target.weights["N00"] <= RULES.max_weight


@each
def test_two_names_are_weighed(allocator):
    assert set(allocate(allocator, inputs(NAMES[:2], allocator=allocator), RULES).weights) == set(NAMES[:2])


SICK = {
    "short": lambda healthy: healthy.mask(np.arange(len(DAYS)) < len(DAYS) - 20),
    "constant": lambda healthy: healthy * 0.0,
    "empty": lambda healthy: healthy * np.nan,
    "absent": None,
}


def with_a_sick_name(illness):
    returns = market()
    if SICK[illness] is None:
        return returns
    return returns.assign(SICK=SICK[illness](returns["N00"]))


@each
@pytest.mark.parametrize("illness", SICK)
def test_a_sick_history_never_crashes_and_never_gets_lost(allocator, illness):
    target = allocate(allocator, inputs((*NAMES, "SICK"), with_a_sick_name(illness), allocator), RULES)
    check_weights(target, (*NAMES, "SICK"), RULES)
    assert ("SICK" in target.weights) != bool(target.excluded.get("SICK"))
    assert set(NAMES) <= set(target.weights)


@each_reader
@pytest.mark.parametrize("illness", SICK)
def test_who_reads_histories_leaves_a_sick_one_out_with_a_reason_and_the_others_as_they_were(allocator, illness):
    target = allocate(allocator, inputs((*NAMES, "SICK"), with_a_sick_name(illness), allocator), RULES)
    assert target.excluded["SICK"]
    assert target.weights == pytest.approx(allocate(allocator, inputs(allocator=allocator), RULES).weights)


@each_reader
def test_who_reads_histories_keeps_everything_in_cash_when_there_are_none(allocator):
    target = allocate(allocator, inputs(returns=pd.DataFrame()), RULES)
    assert (target.cash, set(target.excluded)) == (1.0, set(NAMES))


@pytest.mark.parametrize(
    "weights",
    [{"N00": 1.2, "N01": -0.2}, {"N00": float("nan")}, {"N00": 0.6, "N01": 0.6}, {"N00": float("inf")}],
    ids=["short", "nan", "leverage", "infinite"],
)
def test_weights_that_are_no_portfolio_are_refused(weights):
    with pytest.raises(DataError, match="broken gave weights that are no portfolio"):
        allocate(a_method(weights), inputs(), RULES)


def test_what_a_method_does_not_ask_for_stays_in_cash():
    target = allocate(a_method({"N00": 0.1, "N01": 0.15}), inputs(), RULES)
    assert target.weights == {"N00": 0.1, "N01": 0.15}
    assert target.cash == pytest.approx(0.75)


def test_a_name_outside_of_the_universe_is_refused():
    with pytest.raises(DataError, match="broken weighed names outside the screened universe: AAA, ZZZ"):
        allocate(a_method({"ZZZ": 0.5, "AAA": 0.5}), inputs(), RULES)


def test_what_the_method_said_is_kept_beside_what_the_constraints_left():
    target = allocate(a_method({"N01": 0.9, "N00": 0.1}), inputs(), RULES)
    assert target.raw_weights == {"N00": 0.1, "N01": 0.9}
    assert target.weights == {"N00": 0.1, "N01": 0.2}


def test_the_constraints_are_the_parameters():
    loose = AllocationParameters(max_weight=1.0, min_cash=0.0)
    assert allocate(a_method({"N00": 1.0}), inputs(), loose).weights == {"N00": 1.0}


def test_reasons_and_provenance_reach_the_target():
    told = RawAllocation({"N00": 1.0}, {"N01": "no bars"}, {"method": "by hand"})
    allocator = replace(a_method({}), method=lambda _inputs, _parameters: told)
    target = allocate(allocator, inputs(allocator=allocator), RULES)
    assert (target.excluded, target.provenance) == ({"N01": "no bars"}, {"method": "by hand"})
