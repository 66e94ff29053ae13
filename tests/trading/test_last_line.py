"""The last line before the wire: nothing passes it that the ledger does not intend, or that breaks a cap."""

from dataclasses import replace
from decimal import Decimal

import pytest
from wall_scene import DECISION, WEEK, Account, fresh_broker, symbols

from learnfinance_dagster.errors import RefusedError
from learnfinance_dagster.parameters import OrderParameters
from learnfinance_dagster.trading.last_line import STOPPED, LastLine, beyond_caps
from learnfinance_dagster.values import OrderStatus, Side
from resources.kill_switch import BY_SETTING, FILE, KillSwitch

LOOSE = OrderParameters(max_position=1.0)


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def recorded(account) -> Account:
    """The intent is written, and nothing has been sent."""
    account.ledger.record_intent(*account.decide())
    return account


def order_of(account, symbol):
    return next(record.order for record in account.attempt().orders if record.order.symbol == symbol)


def line(account, parameters=LOOSE, objection="", blocked=()):
    return LastLine("hrp", account.broker, account.ledger, parameters, lambda: objection, blocked)


def refused(account, order, **other) -> str:
    with pytest.raises(RefusedError) as error:
        line(account, **other).submit(order, WEEK)
    assert account.broker.sent == [], "nothing reached the broker"
    assert str(error.value).startswith(STOPPED)
    return str(error.value)


def test_what_is_intended_and_within_the_caps_passes(recorded):
    assert line(recorded).submit(order_of(recorded, "A"), WEEK).status is OrderStatus.ACCEPTED


def test_everything_but_sending_goes_straight_through(recorded):
    guarded, broker = line(recorded), recorded.broker
    assert (guarded.clock, guarded.is_real_money) == (broker.clock, broker.is_real_money)
    assert guarded.account(DECISION) == broker.account(DECISION)
    assert (guarded.find("x"), guarded.fills([]), guarded.orders_since(WEEK.monday)) == (None, (), ())


def test_the_guards_objection_stops_every_order(recorded):
    assert "the window closed" in refused(recorded, order_of(recorded, "A"), objection="the window closed")


def test_an_order_that_nobody_recorded_does_not_pass_whoever_brings_it(account):
    _, plan = account.decide()
    assert "intends no order" in refused(account, plan.orders[0])


@pytest.mark.parametrize("change", [{"qty": Decimal(1)}, {"limit_price": Decimal(1)}, {"symbol": "Z"}])
def test_an_order_that_was_changed_after_it_was_recorded_does_not_pass(recorded, change):
    assert "with other content" in refused(recorded, replace(order_of(recorded, "A"), **change))


def test_an_order_that_the_ledger_has_as_final_does_not_pass(recorded):
    order = order_of(recorded, "A")
    record = recorded.attempt().orders[0]
    recorded.ledger.record_order("hrp", replace(record, status=OrderStatus.CANCELLED, reason="by hand"))
    assert "as cancelled already" in refused(recorded, order)


def test_what_is_not_held_is_not_sold(recorded):
    recorded.broker.positions["A"] = Decimal(399)
    assert "400 A to sell and 399 held: nothing is sold short" in refused(recorded, order_of(recorded, "A"))


def test_a_blocked_name_is_not_bought_and_may_be_sold(recorded):
    assert "C is blocked" in refused(recorded, order_of(recorded, "C"), blocked=("C", "A"))
    assert "C is blocked" in refused(recorded, order_of(recorded, "C"), parameters=replace_in(block=("C",)))
    assert "not on the allow list" in refused(recorded, order_of(recorded, "C"), parameters=replace_in(allow=("D",)))
    assert line(recorded, blocked=("A",)).submit(order_of(recorded, "A"), WEEK)


def replace_in(**changes) -> OrderParameters:
    return LOOSE.model_copy(update=changes)


@pytest.mark.parametrize(
    ("symbol", "parameters", "words"),
    [
        ("C", {"max_position": 0.25}, "are more than 25% of NAV in one order"),
        ("C", {"limit_offset": 0.01}, "is further than 1.0% from the last price 100"),
        ("A", {"limit_offset": 0.01}, "is further than 1.0% from the last price 100"),
        ("A", {"max_turnover": 0.1}, "turnover would be 19.6%, and 10% is the cap"),
        ("C", {"max_orders": 0}, "0 orders were sent, and 0 are the cap"),
    ],
)
def test_each_cap_holds_for_a_single_order(recorded, symbol, parameters, words):
    assert words in refused(recorded, order_of(recorded, symbol), parameters=replace_in(**parameters))


def test_turnover_and_number_count_what_was_sent_before(account):
    account.parameters = replace_in(max_orders=3)
    account.ledger.record_intent(*Account().decide())
    account.monday()
    account.broker.fill("A", "B")
    account.parameters = replace_in(max_turnover=0.5)
    sent = account.follow(WEEK.first_open)
    assert symbols(sent.refused) == ["D"], "19.6 + 15 + 15 % go, the next 15 % would be too much"
    assert "turnover would be 64.6%" in account.reasons()["D"]


@pytest.mark.parametrize("qty", ["0", "-5", "NaN"])
def test_a_quantity_that_is_none_is_stopped(recorded, qty):
    order = replace(order_of(recorded, "C"), qty=Decimal(qty))
    with_it = replace(recorded.attempt(), orders=())
    if qty == "NaN":
        with pytest.raises(ArithmeticError):
            beyond_caps(order, with_it, LOOSE)
    else:
        assert "is no order" in beyond_caps(order, with_it, LOOSE)


def test_whatever_a_plan_makes_of_weights_passes_the_caps_of_the_same_settings():
    """The last line repeats the plan's caps and never forbids what the plan allows."""
    for parameters in (OrderParameters(), OrderParameters(max_turnover=0.2), OrderParameters(max_orders=2)):
        account = Account(fresh_broker(cash=Decimal("20000.37")), parameters=parameters)
        account.monday()
        account.broker.fill("A", *(["B"] if "B" in account.status() else []))
        account.follow(WEEK.first_open)
        assert not any(STOPPED in reason for reason in account.reasons().values())
        assert any(order.side is Side.SELL for order in account.attempt().plan.orders)


# ---- the kill switch -----------------------------------------------------------------------------------------------


def test_trading_is_on_until_somebody_switches_it_off(tmp_path):
    switch = KillSwitch(off=False, folder=tmp_path)
    assert switch() == ""
    (tmp_path / FILE).touch()
    assert switch() == "trading is switched off (the file TRADING_OFF in the data folder)"
    (tmp_path / FILE).unlink()
    assert switch() == ""


def test_the_setting_switches_off_whatever_files_there_are(tmp_path):
    assert KillSwitch(off=True, folder=tmp_path)() == BY_SETTING


def test_a_data_folder_that_was_never_made_has_no_file(tmp_path):
    assert KillSwitch(off=False, folder=tmp_path / "none")() == ""


def test_a_link_to_nowhere_and_a_folder_of_that_name_switch_off_too(tmp_path):
    (tmp_path / FILE).symlink_to(tmp_path / "gone")
    assert KillSwitch(off=False, folder=tmp_path)()
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()
    assert KillSwitch(off=False, folder=tmp_path)()


def test_where_it_cannot_be_told_trading_is_off(tmp_path):
    (tmp_path / "file").touch()
    found = KillSwitch(off=False, folder=tmp_path / "file")()
    assert "cannot be told" in found
