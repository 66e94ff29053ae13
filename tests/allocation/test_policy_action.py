import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from policy_world import RULES

from learnfinance_dagster.allocation.rl.action import DUST, LOGIT, raw_weights, target_weights

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "spec" / "cases.json"
COUNTS = pytest.mark.parametrize("names", [15, 25])


def golden(prefix):
    if not CASES.exists():
        pytest.skip("the predecessor's cases are not on this machine")
    return next(case for case in json.loads(CASES.read_text())["cases"] if case["id"].startswith(prefix))


def logits(names, high=(), *, cash=-LOGIT, others=-LOGIT):
    """The slots in `high` at the top, the others and cash as given."""
    out = np.full(names + 1, others)
    out[list(high)] = LOGIT
    out[-1] = cash
    return out


def weights(asked):
    return target_weights(asked, np.ones(len(asked) - 1, dtype=bool), RULES)


@COUNTS
def test_all_cash_can_be_reached(names):
    assert weights(logits(names, cash=LOGIT)).tolist() == [0.0] * names


@COUNTS
def test_exactly_nothing_of_a_name_can_be_held_beside_all_others(names):
    asked = logits(names, cash=LOGIT, others=LOGIT)
    asked[3] = -LOGIT
    found = weights(asked)
    assert found[3] == 0.0
    assert (np.delete(found, 3) > 0).all()


@COUNTS
def test_one_name_at_its_cap_and_the_rest_in_cash_can_be_reached(names):
    found = weights(logits(names, [7], cash=3.0))
    assert found[7] == RULES.max_weight
    assert np.delete(found, 7).tolist() == [0.0] * (names - 1)


@COUNTS
def test_four_names_at_their_cap_and_a_fifth_of_cash_can_be_reached(names):
    found = weights(logits(names, [0, 1, 2, 3], cash=3.9))
    assert found[:4].tolist() == [RULES.max_weight] * 4
    assert found[4:].tolist() == [0.0] * (names - 4)


@COUNTS
def test_five_names_alone_hold_all_that_the_floor_of_cash_leaves(names):
    found = weights(logits(names, range(5)))
    np.testing.assert_allclose(found[:5], (1 - RULES.min_cash) / 5, rtol=1e-12)
    assert found[5:].tolist() == [0.0] * (names - 5)


@COUNTS
def test_equal_logits_hold_every_name_alike(names):
    np.testing.assert_allclose(weights(np.zeros(names + 1)), 1 / (names + 1), rtol=1e-12)


def test_the_predecessors_golden_softmax_is_met():
    case = golden("rl-02")
    asked, expected = np.array(case["input"]["logits"]), case["expected"]["weights"]
    names = raw_weights(asked, np.ones(3, dtype=bool))
    np.testing.assert_allclose([*names, 1 - names.sum()], expected, rtol=0, atol=1e-12)
    # Theirs counts cash as one more thing that is traded, half of all in all. Ours is half of the value of orders, as
    # in an order plan: from all cash that is half of what was bought.
    assert 0.5 * names.sum() == pytest.approx(case["expected"]["turnover_from_all_cash"] / 2, abs=1e-12)


def test_what_the_predecessors_squashed_logits_could_not_reach_is_reached():
    """Theirs lay in ±1: never more than 33 % cash, never nothing of a name (rl-03)."""
    case = golden("rl-03")
    names = case["input"]["n_assets"] - 1
    theirs = np.full(names + 1, -1.0)
    theirs[-1] = 1.0
    found = weights(theirs)
    assert 1 - found.sum() == pytest.approx(case["expected"]["extreme_cash"]["cash"], abs=1e-9)
    assert found[0] == pytest.approx(case["expected"]["extreme_cash"]["each_stock"], abs=1e-9)
    theirs = np.full(names + 1, -1.0)
    theirs[0] = 1.0
    found = weights(theirs)
    assert found[0] == pytest.approx(case["expected"]["extreme_stock"]["stock0"], abs=1e-9)
    assert found[1] == pytest.approx(case["expected"]["extreme_stock"]["other_stock"], abs=1e-9)
    ours = weights(logits(names, cash=LOGIT))
    assert 1 - ours.sum() == 1.0


@given(
    asked=arrays(float, (5, 9), elements=st.floats(allow_nan=False, allow_infinity=True)),
    present=arrays(bool, (5, 8)),
)
def test_any_logits_give_weights_that_the_rules_allow(asked, present):
    found = target_weights(asked, present, RULES)
    assert (found >= 0).all()
    assert (found <= RULES.max_weight + 1e-12).all()
    assert (found.sum(axis=1) <= 1 - RULES.min_cash + 1e-12).all()
    assert not found[~present].any()
    raw = raw_weights(asked, present)
    assert not raw[(raw > 0) & (raw < DUST)].size


@given(asked=arrays(float, 9, elements=st.floats(-4, 4)), rubbish=st.floats(-1e6, 1e6))
def test_the_logit_of_an_empty_slot_means_nothing(asked, rubbish):
    present = np.arange(8) < 6
    other = np.where(np.append(present, True), asked, rubbish)
    assert raw_weights(asked, present).tobytes() == raw_weights(other, present).tobytes()


def test_a_logit_that_is_no_number_is_no_weight_either():
    assert np.isnan(weights(np.array([0.0, np.nan, 0.0]))).all()


def test_logits_beyond_their_limit_are_as_good_as_the_limit():
    assert weights(np.array([900.0, 0.0, -900.0])).tolist() == weights(np.array([LOGIT, 0.0, -LOGIT])).tolist()


def test_a_batch_is_its_rows():
    rng = np.random.default_rng(0)
    asked, present = rng.normal(0, 3, (40, 16)), rng.random((40, 15)) < 0.8
    rows = [target_weights(row, there, RULES) for row, there in zip(asked, present, strict=True)]
    np.testing.assert_allclose(target_weights(asked, present, RULES), rows, rtol=0, atol=1e-15)
