from dataclasses import replace
from io import BytesIO

import numpy as np
import policy_cards
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from learnfinance_dagster.allocation.rl.plots import MUTED, gate_picture, learning_curve, weights_over_time
from learnfinance_dagster.errors import DataError

NAMES = tuple(f"N{number:02d}" for number in range(22))
MONDAYS = np.datetime64("2023-12-25") + 7 * np.arange(60)


def some_weights(weeks=60, names=22, seed=3):
    return 0.98 * np.random.default_rng(seed).dirichlet(np.full(names, 0.7), weeks)


FIRST = policy_cards.decision(
    current="",
    effect=None,
    p_value=None,
    rows={name: row for name, row in policy_cards.decision().rows.items() if name != "current"},
)
FLAT = {
    name: policy_cards.Performance(104, *(policy_cards.Measured(0.0, 0.0, 0.0) for _ in range(5)))
    for name in ("candidate", "equal_weight")
}
PICTURES = {
    "learning": lambda: learning_curve(policy_cards.curve()),
    "one point": lambda: learning_curve(policy_cards.curve(1)),
    "weights": lambda: weights_over_time(MONDAYS, some_weights(), NAMES),
    "two names": lambda: weights_over_time(MONDAYS[:2], np.array([[0.2, 0.0], [0.2, 0.1]]), ("A", "BRK.B")),
    "all in cash": lambda: weights_over_time(MONDAYS, np.zeros((60, 22)), NAMES),
    "gate": lambda: gate_picture(policy_cards.promotion()),
    "the first version": lambda: gate_picture(FIRST),
    "nothing ever moved": lambda: gate_picture(policy_cards.decision(rows=FLAT)),
}


def pixels(png):
    return np.asarray(Image.open(BytesIO(png)).convert("RGB")).astype(int)


def amount(png, colour):
    """How many pixels have that colour."""
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return (np.abs(pixels(png) - wanted).max(axis=2) < 12).sum()


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_every_picture_is_a_png_of_1050_pixels_and_the_same_bytes_each_time(draw):
    png = draw()
    assert png == draw()
    assert png.startswith(b"\x89PNG")
    assert pixels(png).shape[1] == 1050
    assert len(png) < 60_000


def test_reward_excess_and_spread_are_all_drawn():
    png = learning_curve(policy_cards.curve())
    assert all(amount(png, colour) > 50 for colour in ("#0072b2", "#009e73", "#d55e00"))


def test_a_training_without_a_point_is_refused():
    with pytest.raises(DataError, match="nothing to draw"):
        learning_curve(())


def test_the_nine_largest_names_have_a_colour_each_and_the_others_share_grey():
    png = weights_over_time(MONDAYS, some_weights(), NAMES)
    assert all(amount(png, colour) > 50 for colour in (*MUTED, "#9aa3ac"))
    few = weights_over_time(MONDAYS, some_weights(names=9), NAMES[:9])
    assert amount(png, "#9aa3ac") > 20 * amount(few, "#9aa3ac")


def test_cash_is_drawn_as_high_as_it_is():
    low, high = (weights_over_time(MONDAYS, share * some_weights() / 0.98, NAMES) for share in (0.9, 0.5))
    assert amount(high, "#dfe3e8") > 4 * amount(low, "#dfe3e8")


def test_a_name_that_never_was_held_takes_no_colour():
    weights = np.column_stack([some_weights(names=3), np.zeros(60)])
    assert weights_over_time(MONDAYS, weights, ("A", "B", "C", "D")) == weights_over_time(
        MONDAYS, weights[:, :3], ("A", "B", "C")
    )


def test_the_order_of_the_names_does_not_matter():
    weights = some_weights()
    assert weights_over_time(MONDAYS, weights[:, ::-1], NAMES[::-1]) == weights_over_time(MONDAYS, weights, NAMES)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.full((60, 22), np.nan), "2023-12-25 are no portfolio"),
        (np.full((60, 22), 0.1), "no portfolio"),
        (np.full((60, 22), -0.01), "no portfolio"),
        (np.zeros((59, 22)), "nothing to draw"),
        (np.zeros((60, 21)), "nothing to draw"),
    ],
    ids=["missing", "more than all", "short", "another week", "another name"],
)
def test_weights_that_are_no_portfolio_are_refused(weights, words):
    with pytest.raises(DataError, match=words):
        weights_over_time(MONDAYS, weights, NAMES)


def test_one_week_is_no_time():
    with pytest.raises(DataError, match="nothing to draw"):
        weights_over_time(MONDAYS[:1], np.zeros((1, 22)), NAMES)


def test_candidate_and_version_in_use_stand_out_from_the_baselines():
    png = gate_picture(policy_cards.promotion())
    assert amount(png, "#0072b2") > 50
    assert amount(png, "#d55e00") > 50
    assert amount(gate_picture(FIRST), "#d55e00") < 50


def test_another_verdict_is_another_picture():
    won = policy_cards.promotion()
    assert gate_picture(won) != gate_picture(replace(won, promoted=False))
    assert gate_picture(won) != gate_picture(replace(won, score="cagr"))


def test_a_decision_that_measured_nobody_is_refused():
    with pytest.raises(DataError, match="measured nobody"):
        gate_picture(policy_cards.decision(rows={}))


finite = st.floats(-1e3, 1e3)


@settings(max_examples=8, deadline=None)
@given(st.tuples(finite, finite, finite))
def test_whatever_was_measured_can_be_drawn(numbers):
    low, value, high = sorted(numbers)
    measured = policy_cards.Measured(value, low, high)
    row = policy_cards.Performance(104, *(measured for _ in range(5)))
    assert gate_picture(policy_cards.decision(rows={"candidate": row})).startswith(b"\x89PNG")
