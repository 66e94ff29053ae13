import dataclasses
import json
import types
import typing
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from learnfinance_dagster import values
from learnfinance_dagster.documents import from_json, to_json
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.values import Order, Portfolio, Position, Side, TargetWeights, Week

VALUES = [value for value in vars(values).values() if isinstance(value, type) and dataclasses.is_dataclass(value)]

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-5))])
LEAVES = {
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    float: st.floats(allow_nan=False, allow_infinity=False),
    datetime: st.datetimes(timezones=ZONES),
    date: st.dates(),
    str: st.text(),
    bool: st.booleans(),
    int: st.integers(),
    type(None): st.none(),
}


def anything(hint: typing.Any) -> st.SearchStrategy:
    """Values that a field with that annotation may hold."""
    arguments = typing.get_args(hint)
    if hint in LEAVES:
        return LEAVES[hint]
    if hint in VALUES:
        return st.builds(hint, **{name: anything(kind) for name, kind in typing.get_type_hints(hint).items()})
    if typing.get_origin(hint) is tuple:
        return st.lists(anything(arguments[0]), max_size=3).map(tuple)
    if typing.get_origin(hint) is dict:
        return st.dictionaries(anything(arguments[0]), anything(arguments[1]), max_size=3)
    if typing.get_origin(hint) is types.UnionType:
        return st.one_of(*map(anything, arguments))
    return st.sampled_from(hint)  # an enum


POSITION = Position("AAPL", Decimal("1.50"), Decimal("1E+2"), date(2025, 12, 26))


def test_all_values_are_under_test():
    assert {Week, Order, Portfolio, TargetWeights, Position} <= set(VALUES)


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_value_comes_back_as_it_went(kind, data):
    value = data.draw(anything(kind))
    text = to_json(value)
    back = from_json(kind, text)
    assert back == value
    assert to_json(back) == text, "to the last digit"


def test_the_text_is_sorted_and_readable_and_ends_with_a_newline():
    assert to_json(POSITION) == (
        '{\n "price": "1E+2",\n "price_date": "2025-12-26",\n "qty": "1.50",\n "symbol": "AAPL"\n}\n'
    )


def test_equal_values_give_equal_text_whatever_the_order_of_their_keys():
    one = TargetWeights("hrp", "2025-12-29", {"B": 0.5, "A": 0.1}, {}, {})
    two = TargetWeights("hrp", "2025-12-29", {"A": 0.1, "B": 0.5}, {}, {})
    assert to_json(one) == to_json(two)


def test_tuples_and_dicts_of_values_can_be_kept_too():
    kept = {"hrp": (POSITION,), "sac_lstm": ()}
    assert from_json(dict[str, tuple[Position, ...]], to_json(kept)) == kept


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (dataclasses.replace(POSITION, qty=Decimal("NaN")), "Position.qty: NaN is not a finite number"),
        (TargetWeights("a", "w", {"AAPL": float("inf")}, {}, {}), "TargetWeights.weights.AAPL: inf is not a finite"),
        ({"excluded": {1: "x"}}, "dict.excluded: the key 1 is no string"),
        ({"positions": (POSITION, object())}, "dict.positions.1: a object cannot be stored"),
    ],
)
def test_what_could_not_be_read_back_is_refused_and_named(value, words):
    with pytest.raises(DataError, match=words):
        to_json(value)


def changed(**fields):
    return json.dumps(json.loads(to_json(POSITION)) | fields)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (changed(qty="many"), "Position.qty: "),
        (changed(qty="NaN"), "Position.qty: "),
        (changed(price_date="2025-13-01"), "Position.price_date: "),
        (changed(symbol=7), "Position.symbol: "),
        (changed(colour="red"), "Position.colour: "),
        ('{"symbol": "AAPL"}', "Position.qty: .*; Position.price: .*; Position.price_date: "),
        ("half a docu", "Position: Invalid JSON"),
    ],
)
def test_a_text_that_does_not_fit_names_the_field(text, words):
    with pytest.raises(DataError, match=words):
        from_json(Position, text)


def test_a_fault_deep_inside_is_named_with_its_place():
    portfolio = Portfolio("hrp", "paper:2025-12-29", Decimal(1), (POSITION,), 0, values.Mode.LIVE)
    text = to_json(portfolio).replace('"1.50"', "true")
    with pytest.raises(DataError, match=r"^Portfolio\.positions\.0\.qty: [^;]*$"):
        from_json(Portfolio, text)


def test_an_enum_is_kept_by_its_value():
    assert to_json((Side.BUY,)) == '[\n "buy"\n]\n'
