"""The real graph with one account on paper at Alpaca and one simulated, on the wall clock of two Mondays."""

from datetime import timedelta

import pytest
from alpaca_paper import AlpacaPaper

from learnfinance_dagster import wiring
from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.parameters import EndpointParameters
from learnfinance_dagster.values import Mode, Side
from resources.ledger import open_ledger

FIRST, SECOND = (week_from_key(day) for day in ("2021-06-07", "2021-06-14"))


@pytest.fixture
def alpaca(monkeypatch):
    monkeypatch.setenv("ALPACA_HRP_KEY", "KEY")
    monkeypatch.setenv("ALPACA_HRP_SECRET", "SECRET")
    for name in ("ALPACA_PPO_KEY", "ALPACA_SAC_KEY"):
        monkeypatch.delenv(name, raising=False)
    with AlpacaPaper() as server:
        monkeypatch.setattr(wiring, "now", server.moment)
        yield server


@pytest.fixture
def house(build_house, alpaca):
    paper = EndpointParameters(alpaca_paper=alpaca.url)
    return build_house().with_settings(broker="alpaca", endpoints=paper)


def recorded(house, week):
    return open_ledger(f"sqlite:///{house.root}/ledger.sqlite").latest_attempt("hrp", week.run_id)


def test_two_mondays_of_an_account_at_alpaca(house, alpaca):
    """What happens when Alpaca fails is tried without a graph (tests/resources/test_alpaca_faults.py)."""
    book = alpaca.open_account()
    alpaca.now = FIRST.as_of + timedelta(minutes=5)
    went = house.run("monday", FIRST.key)

    assert went.success, went.errors
    assert all(passed for passed, _ in went.checks.values()), went.checks
    plan = house.read("hrp_order_plan", FIRST.key)
    assert plan.mode is Mode.LIVE, plan.mode_reason
    assert book.ids() == [order.client_order_id for order in plan.orders] != []
    assert house.read("hrp_submission", FIRST.key).accepted == tuple(book.ids())
    assert house.read("hrp_fills", FIRST.key).pending, "its orders wait for the open"
    assert house.read("equal_weight_fills", FIRST.key).mark, "the simulated account does not wait"

    assert len(alpaca.seen) <= 40 + 2 * len(plan.orders), "as the README says"

    alpaca.session(FIRST.sessions[0], {order.symbol: float(order.last_price) for order in plan.orders})
    alpaca.now = SECOND.as_of + timedelta(minutes=5)
    sent, held = book.ids(), dict(book.positions)
    del alpaca.seen[:]
    went = house.run("monday", SECOND.key)

    assert went.success, went.errors
    assert {record.status.value for record in recorded(house, FIRST).orders} == {"filled"}
    portfolio, plan = (house.read(f"hrp_{step}", SECOND.key) for step in ("portfolio", "order_plan"))
    assert {position.symbol: position.qty for position in portfolio.positions} == held
    sells = [order.client_order_id for order in plan.orders if order.side is Side.SELL]
    new = book.ids()[len(sent) :]
    assert new[: len(sells)] == sells != []
    assert set(new) <= {order.client_order_id for order in plan.orders}
    assert len(alpaca.seen) <= 40 + 2 * len(new), "as the README says"
