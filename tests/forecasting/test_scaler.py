import json
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.scaler import Scaler

NAMES = ("close", "volume")
NUMBERS = st.floats(-1e6, 1e6)
TABLES = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=20).map(np.array)
GOOD = {"channels": ["close", "volume"], "mean": [0.0, 1.0], "scale": [1.0, 2.0]}


def test_scores_have_mean_zero_and_deviation_one():
    values = np.random.default_rng(1).normal([3, -5], [0.01, 40], (500, 2))
    scores = Scaler.fit(values, NAMES).scaled(values)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(scores.std(axis=0), 1, atol=1e-4)


@settings(max_examples=50, deadline=None)
@given(TABLES)
def test_scores_can_be_taken_back(values):
    scaler = Scaler.fit(values, NAMES)
    for channel in range(2):
        back = scaler.unscaled(scaler.scaled(values)[:, channel], channel)
        assert back.dtype == np.float64
        np.testing.assert_allclose(back, values[:, channel], atol=1e-5 * max(1, np.abs(values[:, channel]).max()))


@settings(max_examples=50, deadline=None)
@given(TABLES)
def test_a_document_gives_exactly_the_same_scaler_back(values):
    scaler = Scaler.fit(values, NAMES)
    assert Scaler.from_document(json.loads(json.dumps(scaler.to_document(), sort_keys=True))) == scaler


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e-30, -7e8])
def test_a_channel_that_never_changes_has_the_scale_one(constant):
    """0.1 three times has a standard deviation of 1e-17 in floating point, and that is no unit."""
    values = np.column_stack([np.full(3, constant), [1.0, 2.0, 3.0]])
    assert Scaler.fit(values, NAMES).scale[0] == 1.0


def test_any_number_of_axes_before_the_channels_is_scaled():
    scaler = Scaler(NAMES, (1.0, 2.0), (2.0, 4.0))
    assert scaler.scaled(np.full((3, 4, 2), 5.0)).tolist() == np.broadcast_to([2.0, 0.75], (3, 4, 2)).tolist()


@pytest.mark.parametrize("values", [np.empty((0, 2)), np.array([[1.0, np.nan]]), np.array([[np.inf, 1.0]])])
def test_rows_that_cannot_be_learned_from_are_refused(values):
    with pytest.raises(DataError, match="training rows, and all of them finite"):
        Scaler.fit(values, NAMES)


@pytest.mark.parametrize("shape", [(4, 3), (4,), (4, 60, 2)])
def test_rows_of_other_channels_are_refused(shape):
    with pytest.raises(DataError, match="do not fit the channels close, volume"):
        Scaler.fit(np.ones(shape), NAMES)


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        None,
        {"channels": [], "mean": [], "scale": [1.0]},
        {**GOOD, "channels": "cv"},
        {**GOOD, "channels": ["close", "close"]},
        {**GOOD, "channels": ["close", 1]},
        {**GOOD, "mean": [0.0]},
        {**GOOD, "mean": [0.0, None]},
        {**GOOD, "mean": [0.0, 1]},
        {**GOOD, "mean": [0.0, float("nan")]},
        {**GOOD, "scale": [1.0, 0.0]},
        {**GOOD, "scale": [1.0, -1.0]},
        {**GOOD, "scale": [1.0, float("inf")]},
        {**GOOD, "scale": [1.0, "2"]},
        {**GOOD, "scale": None},
    ],
)
def test_a_document_that_is_no_scaler_is_refused(document):
    assert Scaler.from_document(GOOD).scale == (1.0, 2.0)
    with pytest.raises(DataError):
        Scaler.from_document(document)


def test_what_was_learned_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Scaler.from_document(GOOD).mean = (5.0, 5.0)
