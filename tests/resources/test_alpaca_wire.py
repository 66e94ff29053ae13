"""What goes over the wire, held against what Alpaca was recorded to say."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from alpaca.trading.enums import OrderStatus as AlpacaStatus
from alpaca_book import PaperAccount, RefusalError
from alpaca_paper import AlpacaPaper, broker_at

from learnfinance_dagster.calendar import week_of
from learnfinance_dagster.errors import ConfigurationError, DataError, RefusedError
from learnfinance_dagster.values import Order, OrderStatus, Side
from resources.brokers.alpaca_orders import STATUSES, cash_of, execution_of, order_of, positions_of

RECORDED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "api" / "alpaca_paper_recorded"
WEEK = week_of(date(2025, 3, 10))
beside = pytest.mark.skipif(
    not RECORDED.exists(), reason=f"no recorded answers beside the repository ({RECORDED.name})"
)
NOON = datetime(2025, 3, 10, 16, tzinfo=UTC)


def recorded(name: str):
    return json.loads((RECORDED / f"{name}.json").read_text())


def limit(symbol="A", side=Side.BUY, qty="10", price="102", name="paper:2025-03-10:attempt-1:A:BUY") -> Order:
    return Order(name, symbol, side, Decimal(qty), Decimal(price), Decimal(100), 0.0, 0.1)


@pytest.fixture
def alpaca():
    with AlpacaPaper() as server:
        server.now = WEEK.as_of
        yield server


# ---- recorded answers are read -------------------------------------------------------------------------------------


@beside
def test_recorded_accounts_and_positions_are_read_to_the_last_digit():
    assert cash_of(recorded("account_before")) == Decimal("100005.83")
    assert positions_of(recorded("positions_held")) == {"KO": Decimal("0.557436865")}


@beside
def test_the_recorded_life_of_an_order_is_read():
    story = recorded("buy_whole")
    sent, filled = (order_of(raw) for raw in (story["submit"], story["polls"][-1]))
    assert (sent.record.status, sent.filled) == (OrderStatus.ACCEPTED, 0)
    assert (filled.record.status, filled.filled, filled.record.order.qty) == (OrderStatus.FILLED, 1, 1)
    assert sent.record.broker_order_id == filled.record.broker_order_id == story["submit"]["id"]

    resting = order_of(recorded("resting")["polls"][0])
    (cancelled,) = map(order_of, recorded("resting_cancelled"))
    assert resting.record.order.limit_price == Decimal("78.19")
    assert (cancelled.record.status, cancelled.record.reason) == (OrderStatus.CANCELLED, "cancelled at Alpaca")


@beside
def test_an_order_of_somebody_else_for_an_amount_of_money_is_read_as_what_it_got():
    order = order_of(recorded("buy_fractional")["polls"][-1]).record.order
    assert (order.qty, order.limit_price) == (Decimal("0.057436865"), 0)


@beside
def test_recorded_executions_are_read_and_their_day_is_new_yorks():
    executions = [execution_of(raw) for raw in recorded("fill_activities")]
    assert sum(execution.qty for execution in executions) == Decimal("4.11487373")
    fill = executions[0].of(limit())
    assert (fill.qty, fill.price, fill.cost) == (Decimal("0.057436865"), Decimal("86.878"), 0)
    assert fill.session == date(2026, 10, 8)


def test_the_day_of_an_execution_comes_from_its_time_and_not_from_its_id():
    raw = {"id": "20250310233000000::x", "order_id": "o", "qty": "1", "price": "1"}
    fill = execution_of(raw | {"transaction_time": "2025-03-11T03:30:00.123456789Z"}).of(limit())
    assert fill.session == date(2025, 3, 10), "half past eleven at night in New York"


# ---- the fake says what Alpaca says --------------------------------------------------------------------------------


@beside
def test_the_fake_speaks_as_alpaca_was_recorded(alpaca):
    book = alpaca.open_account(positions={"KO": Decimal("0.557436865")}, unfractionable=frozenset({"OCGN"}))
    order = book.submit(_asked("A"), WEEK.as_of, NOON)
    book.execute(order, Decimal(1), Decimal(100), NOON)

    assert set(order.as_json()) == set(recorded("buy_whole")["submit"])
    assert set(book.activities[0]) == set(recorded("fill_activities")[0])
    assert set(book.account_json()) <= set(recorded("account_before"))
    assert set(book.positions_json()[0]) <= set(recorded("positions_held")[0])
    for name, asked in {
        "duplicate_client_order_id": _asked("A"),
        "sell_above_held": _asked("KO", side="sell", qty="1.057436865", client_order_id="2"),
        "non_fractionable_sell_fractional": _asked("OCGN", side="sell", qty="0.5", client_order_id="3"),
    }.items():
        with pytest.raises(RefusalError) as refusal:
            book.submit(asked, WEEK.as_of, NOON)
        error = recorded(name)["error"]
        assert (refusal.value.status, refusal.value.body) == (error["status_code"], json.loads(error["body"]))


def _asked(symbol: str, **changes: str):
    asked = {"symbol": symbol, "side": "buy", "qty": "2", "type": "limit", "limit_price": "100"}
    return asked | {"client_order_id": "1"} | changes


def _catalogue() -> list[dict]:
    if not RECORDED.exists():
        return []
    catalogue = recorded("error_catalogue")
    return [*catalogue["recorded"], *catalogue["quoted_by_users_in_public_issues"]]


@beside
@pytest.mark.parametrize("answer", _catalogue(), ids=lambda answer: answer["body"]["message"][:30])
def test_every_refusal_of_the_catalogue_is_told_in_alpacas_words(alpaca, answer):
    """A code stands for several refusals: 40010001 is not always a duplicate."""
    book = alpaca.open_account(refusals={"A": RefusalError(answer["status"], answer["body"])})
    words = answer["body"]["message"]
    if "must be unique" in words:
        book.refusals = {}
        broker_at(alpaca).submit(limit(), WEEK)
        assert broker_at(alpaca).submit(limit(), WEEK).status is OrderStatus.ACCEPTED, "already there"
    else:
        with pytest.raises(RefusedError) as error:
            broker_at(alpaca).submit(limit(), WEEK)
        assert f"({answer['body']['code']}): {words}" in str(error.value)
    assert len(book.orders) == ("must be unique" in words)


# ---- what we say ---------------------------------------------------------------------------------------------------


def test_an_order_goes_out_once_as_a_day_limit_order_with_exact_numbers(alpaca):
    alpaca.open_account(positions={"BRK.B": Decimal(3)})
    order = limit("BRK-B", Side.SELL, "1.123456789", "499.5")
    record = broker_at(alpaca).submit(order, WEEK)

    (sent,) = [request for request in alpaca.seen if request.method == "POST"]
    assert json.loads(sent.body) == {
        "symbol": "BRK.B",
        "qty": "1.123456789",
        "side": "sell",
        "type": "limit",
        "time_in_force": "day",
        "limit_price": "499.5",
        "client_order_id": order.client_order_id,
    }
    assert record.order == order
    assert broker_at(alpaca).account(WEEK.as_of).positions == {"BRK-B": 3}
    assert broker_at(alpaca).find(order.client_order_id).order.symbol == "BRK-B"


@pytest.mark.parametrize("qty", ["1E+3", "0.1000", "12345678.123456789"])
def test_numbers_go_out_without_exponents_and_lose_nothing(alpaca, qty):
    book = alpaca.open_account(positions={"A": Decimal(10) ** 9})
    broker_at(alpaca).submit(limit(side=Side.SELL, qty=qty), WEEK)
    assert book.orders[0].qty == Decimal(qty)


@pytest.mark.parametrize("qty", ["0.1234567891", "NaN", "Infinity"])
def test_a_number_that_alpaca_cannot_take_never_leaves(alpaca, qty):
    book = alpaca.open_account()
    with pytest.raises(DataError, match="nine decimals"):
        broker_at(alpaca).submit(limit(qty=qty), WEEK)
    assert book.orders == []


# ---- words and types -----------------------------------------------------------------------------------------------


def test_every_status_that_alpacas_library_knows_has_a_meaning_here():
    assert set(STATUSES) == {status.value for status in AlpacaStatus}


def good_order() -> dict:
    book = PaperAccount(Decimal(100_000))
    return book.submit(_asked("A"), WEEK.as_of, NOON).as_json()


def test_a_status_that_nobody_has_explained_is_an_error_and_no_guess():
    with pytest.raises(DataError, match="'teleported', which nobody has explained"):
        order_of(good_order() | {"status": "teleported"})


FIELDS = ("client_order_id", "symbol", "side", "status", "qty", "filled_qty", "id")
ODD = (None, 7, 1.5, "", "many", "NaN", [], {}, True)
FINE = {("qty", None), *((name, word) for name in ("client_order_id", "symbol", "id") for word in ("many", "NaN"))}
"""An order for an amount of money has no quantity, and these may be any text."""


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name in FIELDS for value in ODD if not any((name, value) == fine for fine in FINE)],
)
def test_a_field_of_another_type_is_an_error_and_never_a_zero(name, value):
    with pytest.raises(DataError):
        order_of(good_order() | {name: value})


@pytest.mark.parametrize("name", FIELDS)
def test_a_missing_field_is_an_error_that_names_it(name):
    raw = good_order()
    del raw[name]
    with pytest.raises(DataError, match=name):
        order_of(raw)


@pytest.mark.parametrize("raw", [None, [], ["not", 7], "text", 7, {}])
def test_an_answer_of_another_shape_is_an_error(raw):
    for read in (order_of, cash_of, execution_of):
        with pytest.raises(DataError):
            read(raw)
    if raw != []:
        with pytest.raises(DataError):
            positions_of(raw)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"qty": "-3", "side": "short"}, "-3 of KO"), ({"asset_class": "crypto"}, "only US shares that are owned")],
)
def test_an_account_that_holds_what_this_house_cannot_hold_asks_for_a_person(change, words):
    good = {"symbol": "KO", "qty": "3", "asset_class": "us_equity"}
    assert positions_of([good]) == {"KO": 3}
    with pytest.raises(ConfigurationError, match=words):
        positions_of([good | change])


def test_an_account_in_another_currency_asks_for_a_person():
    with pytest.raises(ConfigurationError, match="kept in EUR"):
        cash_of({"cash": "5", "currency": "EUR"})


def test_a_partly_filled_order_that_dies_is_dead_and_says_how_far_it_came():
    for word, status in {"canceled": OrderStatus.CANCELLED, "expired": OrderStatus.EXPIRED}.items():
        record = order_of(good_order() | {"status": word, "filled_qty": "0.5"}).record
        assert record.status is status
        assert record.status.is_dead
        assert record.reason.endswith(", 0.5 of 2 filled")
