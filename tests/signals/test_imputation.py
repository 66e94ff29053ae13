import json
from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.signals.imputation import Imputation
from learnfinance_dagster.signals.state import FEATURES

NAN = float("nan")
NAMES = ("news_sentiment", "gross_margin", "current_ratio")
NUMBERS = st.floats(-1e6, 1e6) | st.just(NAN)
TABLES = st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=12)


def frame(*rows):
    return pd.DataFrame(rows, columns=list(NAMES), dtype="float64")


def test_a_missing_ratio_is_the_training_rows_median():
    learned = Imputation.fit(frame((0.1, 0.2, 1.0), (0.3, 0.4, NAN), (0.5, 0.9, 3.0)), NAMES)
    values, mask = learned.apply(frame((0.7, NAN, NAN)))
    assert values.tolist() == [[0.7, 0.4, 2.0]]
    assert mask.tolist() == [[False, True, True]]


def test_no_news_is_no_opinion_and_not_the_usual_one():
    learned = Imputation.fit(frame((0.5, 0.2, 1.0), (0.7, 0.2, 1.0)), NAMES)
    assert learned.apply(frame((NAN, 0.2, 1.0)))[0].tolist() == [[0.0, 0.2, 1.0]]


def test_a_feature_that_was_never_seen_is_zero():
    assert Imputation.fit(frame((0.5, NAN, 1.0)), NAMES).fills == (0.0, 0.0, 1.0)
    assert Imputation.fit(frame(), NAMES).fills == (0.0, 0.0, 0.0)


def test_only_the_rows_that_were_given_are_learned_from():
    table = frame((0.1, 0.2, 1.0), (0.1, 0.4, 2.0), (0.1, 99.0, 99.0))
    assert Imputation.fit(table.head(2), NAMES) == Imputation.fit(table.head(2).copy(), NAMES)
    assert Imputation.fit(table.head(2), NAMES) != Imputation.fit(table, NAMES)
    assert Imputation.fit(table.head(2), NAMES).fills[1] == pytest.approx(0.3)


@settings(max_examples=40, deadline=None)
@given(TABLES)
def test_nothing_is_missing_afterwards_and_what_was_known_is_unchanged(rows):
    table = frame(*rows)
    values, mask = Imputation.fit(table, NAMES).apply(table)
    assert values.dtype == np.float64
    assert mask.dtype == bool
    assert np.isfinite(values).all()
    np.testing.assert_array_equal(mask, table.isna().to_numpy())
    np.testing.assert_array_equal(values[~mask], table.to_numpy()[~mask])


@settings(max_examples=40, deadline=None)
@given(TABLES)
def test_a_row_that_is_served_alone_reads_as_it_did_in_training(rows):
    """D10: training and serving filled differently."""
    table = frame(*rows)
    learned = Imputation.fit(table, NAMES)
    served = Imputation.from_document(json.loads(json.dumps(learned.to_document(), sort_keys=True)))
    assert served == learned
    values, mask = learned.apply(table)
    for n in range(len(table)):
        alone, missing = served.apply(table.iloc[[n]])
        np.testing.assert_array_equal(alone, values[[n]])
        np.testing.assert_array_equal(missing, mask[[n]])


def test_week_and_symbol_may_stand_beside_the_features():
    table = frame((0.1, NAN, 1.0)).assign(week="2025-12-29", symbol="AAPL")
    assert Imputation.fit(table, NAMES).apply(table)[0].shape == (1, 3)


def test_the_documented_features_are_those_it_is_made_for():
    table = pd.DataFrame(np.ones((2, len(FEATURES))), columns=list(FEATURES))
    learned = Imputation.fit(table, FEATURES)
    assert learned.fills[0] == 0.0
    assert set(learned.fills[1:]) == {1.0}


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table[["gross_margin", "news_sentiment", "current_ratio"]],
        lambda table: table.drop(columns="current_ratio"),
        lambda table: table.assign(extra=1.0),
        lambda table: table.rename(columns={"current_ratio": "quick_ratio"}),
    ],
)
def test_other_features_or_another_order_are_refused(change):
    table = frame((0.1, 0.2, 1.0))
    with pytest.raises(DataError, match="not those that were learned"):
        Imputation.fit(table, NAMES).apply(change(table))


def test_a_feature_that_is_not_there_cannot_be_learned():
    with pytest.raises(DataError, match="net_margin"):
        Imputation.fit(frame((0.1, 0.2, 1.0)), (*NAMES, "net_margin"))


def test_an_infinite_value_is_refused_in_training_and_in_serving():
    table = frame((0.1, 0.2, 1.0))
    with pytest.raises(DataError, match="gross_margin is infinite"):
        Imputation.fit(frame((0.1, np.inf, 1.0)), NAMES)
    with pytest.raises(DataError, match="current_ratio is infinite"):
        Imputation.fit(table, NAMES).apply(frame((0.1, 0.2, -np.inf)))


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"features": ["a"], "fills": []},
        {"features": "ab", "fills": [0.0, 0.0]},
        {"features": ["a", "a"], "fills": [0.0, 0.0]},
        {"features": [1], "fills": [0.0]},
        {"features": ["a"], "fills": [NAN]},
        {"features": ["a"], "fills": [None]},
    ],
)
def test_a_document_that_is_no_imputation_is_refused(document):
    with pytest.raises(DataError):
        Imputation.from_document(document)


def test_what_was_learned_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Imputation.fit(frame((0.1, 0.2, 1.0)), NAMES).fills = (1.0, 1.0, 1.0)
