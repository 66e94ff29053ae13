"""Doors open when first used, once per process, and say what is missing."""

from datetime import date
from decimal import Decimal

import pytest
from memory_trials import a_trial

from learnfinance_dagster.calendar import week_of
from learnfinance_dagster.costs import CostModel
from learnfinance_dagster.errors import ConfigurationError, DataError, RefusedError
from learnfinance_dagster.values import Order, OrderStatus, Side
from resources.doors import (
    DirectoryMarketDoor,
    HubModelsDoor,
    LocalModelsDoor,
    PracticeMarketDoor,
    RegisteredModelsDoor,
    SimulatedBrokerDoor,
    SqlLedgerDoor,
    SqlTrialsDoor,
)
from resources.practice_market import PracticeSpec

SPEC = PracticeSpec(seed=3, symbols=12, first=date(2020, 1, 6), last=date(2020, 12, 30), signal_strength=0.0)
WEEK = week_of(date(2020, 11, 9))
CASH = Decimal(100_000)


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    return PracticeMarketDoor(tmp_path_factory.mktemp("doors"), SPEC)


def test_the_practice_market_is_made_when_it_is_first_asked_for(tmp_path):
    door = PracticeMarketDoor(tmp_path, SPEC)
    assert not (tmp_path / "market").exists()
    assert door.open().info.is_practice
    assert (tmp_path / "market").exists()


def test_a_market_is_loaded_once(door, tmp_path):
    assert door.open() is door.open()
    assert DirectoryMarketDoor(door.root / "market", tmp_path).open() is door.open()


def test_a_market_whose_files_changed_is_loaded_anew(door, tmp_path):
    copy = tmp_path / "market"
    copy.mkdir()
    for path in (door.root / "market").iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    before = DirectoryMarketDoor(copy, tmp_path / "made").open()
    (copy / "fundamentals.parquet").unlink()
    assert DirectoryMarketDoor(copy, tmp_path / "made").open() is not before


def test_a_practice_market_of_other_settings_is_refused_with_what_to_do(door):
    other = PracticeSpec(seed=4, symbols=12, first=SPEC.first, last=SPEC.last, signal_strength=0.0)
    with pytest.raises(ConfigurationError, match="accounts and artifacts of another market"):
        PracticeMarketDoor(door.root, other).open()


def test_accounts_of_one_market_never_meet_the_prices_of_another(door, tmp_path):
    """Two folders called `market` shared a ledger, and the accounts stood frozen with names nobody knew."""
    for place in ("x", "y"):
        copy = tmp_path / place / "market"
        copy.mkdir(parents=True)
        for path in (door.root / "market").iterdir():
            (copy / path.name).write_bytes(path.read_bytes())
    made = tmp_path / "made"
    DirectoryMarketDoor(tmp_path / "x" / "market", made).open()
    with pytest.raises(ConfigurationError, match=r"There: market directory .*x/market"):
        DirectoryMarketDoor(tmp_path / "y" / "market", made).open()


def test_a_market_directory_without_a_name_says_what_to_set(tmp_path):
    with pytest.raises(ConfigurationError, match="LEARNFINANCE_MARKET_DIRECTORY=<folder"):
        DirectoryMarketDoor(None, tmp_path).open()


def test_a_market_directory_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"there is no folder .*nowhere"):
        DirectoryMarketDoor(tmp_path / "nowhere", tmp_path / "made").open()


def test_the_ledger_is_made_when_it_is_first_asked_for_and_opened_once(tmp_path):
    door = SqlLedgerDoor(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    assert not (tmp_path / "ledger.sqlite").exists()
    assert door.open() is SqlLedgerDoor(door.url).open()
    assert (tmp_path / "ledger.sqlite").exists()
    assert door.open().latest_traded("hrp") is None


def test_the_register_is_in_the_ledgers_database_and_opened_once(tmp_path):
    door = SqlTrialsDoor(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    assert not (tmp_path / "ledger.sqlite").exists()
    assert door.open() is SqlTrialsDoor(door.url).open()
    assert door.open().trials() == ()
    assert SqlLedgerDoor(door.url).open().latest_traded("hrp") is None


def test_behind_the_door_of_those_who_train_no_version_is_stored_without_a_trial(tmp_path):
    trials = SqlTrialsDoor(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    door, trial = RegisteredModelsDoor(LocalModelsDoor(tmp_path / "models"), trials), a_trial()
    with pytest.raises(RefusedError, match="has no trial in the register"):
        door.open().write(trial.model, trial.version, {"config.json": b"{}"})
    trials.open().record(trial)
    door.open().write(trial.model, trial.version, {"config.json": b"{}"})
    assert LocalModelsDoor(tmp_path / "models").open().versions(trial.model) == (trial.version,)


def order_of(market):
    """Ten shares of the first name that traded before the decision."""
    bars = market.bars(WEEK.last_session, WEEK.last_session, WEEK.as_of)
    symbol, close = bars.iloc[0]["symbol"], Decimal(str(round(bars.iloc[0]["close"], 2)))
    return Order(f"{WEEK.run_id}:attempt-1:{symbol}:BUY", symbol, Side.BUY, Decimal(10), close * 2, close, 0.0, 0.1)


def test_an_account_is_opened_with_its_cash_and_no_file_until_it_does_something(door, tmp_path):
    brokers = SimulatedBrokerDoor(tmp_path / "broker", door, CASH)
    assert brokers.open("hrp").account(WEEK.as_of).cash == CASH
    assert not (tmp_path / "broker").exists()


def test_an_account_is_the_same_behind_every_door(door, tmp_path):
    order = order_of(door.open())
    SimulatedBrokerDoor(tmp_path, door, CASH).open("hrp").submit(order, WEEK)
    again = SimulatedBrokerDoor(tmp_path, door, CASH).open("hrp")
    assert again.find(order.client_order_id).status is OrderStatus.ACCEPTED
    again.settle(WEEK.first_close)
    (fill,) = SimulatedBrokerDoor(tmp_path, door, CASH).open("hrp").fills([order.client_order_id])
    assert (fill.qty, fill.session) == (Decimal(10), WEEK.sessions[0])


def test_accounts_do_not_know_each_other(door, tmp_path):
    brokers = SimulatedBrokerDoor(tmp_path, door, CASH)
    order = order_of(door.open())
    brokers.open("hrp").submit(order, WEEK)
    assert brokers.open("equal_weight").find(order.client_order_id) is None


def test_an_account_pays_what_the_door_was_told_trading_costs(door, tmp_path):
    order = order_of(door.open())
    brokers = SimulatedBrokerDoor(tmp_path, door, CASH, CostModel(100.0))
    brokers.open("hrp").submit(order, WEEK)
    brokers.open("hrp").settle(WEEK.first_close)
    (fill,) = brokers.open("hrp").fills([order.client_order_id])
    assert fill.cost == pytest.approx(fill.qty * fill.price / 100, abs=Decimal("0.01"))


def test_an_account_file_that_is_no_account_is_refused(door, tmp_path):
    (tmp_path / "hrp.json").write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match="SimulatedAccount"):
        SimulatedBrokerDoor(tmp_path, door, CASH).open("hrp").account(WEEK.as_of)


def test_models_on_the_hub_need_an_owner(tmp_path):
    door = HubModelsDoor(LocalModelsDoor(tmp_path), "", "practice", ["lstm"], "http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match="LEARNFINANCE_HUB_OWNER"):
        door.open()


def test_each_forecaster_has_a_repository_of_its_own_for_each_market(tmp_path):
    door = HubModelsDoor(
        LocalModelsDoor(tmp_path), "somebody", "practice", ["lstm", "transfer_lstm"], "http://127.0.0.1:9"
    )
    assert door.open().repos == {
        "lstm": "somebody/learnfinance-practice-lstm",
        "transfer_lstm": "somebody/learnfinance-practice-transfer-lstm",
    }
