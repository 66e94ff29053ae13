"""Which account is kept where, with which credentials."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from alpaca_paper import AlpacaPaper

from learnfinance_dagster.calendar import week_of
from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.ports import BrokerClock
from learnfinance_dagster.settings import Settings
from learnfinance_dagster.wiring import broker_door, parameters
from resources.broker_doors import AlpacaBrokerDoor
from resources.doors import DirectoryMarketDoor, SimulatedBrokerDoor

WEEK = week_of(date(2025, 3, 10))
PAPER = "https://paper-api.alpaca.markets"
ACCOUNTS = {"hrp": "HRP", "ppo_lstm": "PPO"}


def clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def rest(tmp_path):
    return SimulatedBrokerDoor(tmp_path, DirectoryMarketDoor(tmp_path / "market", tmp_path), Decimal(100_000))


@pytest.fixture
def credentials(monkeypatch):
    for name in ("HRP", "PPO", "SAC"):
        monkeypatch.setenv(f"ALPACA_{name}_KEY", f"key-{name}")
        monkeypatch.setenv(f"ALPACA_{name}_SECRET", f"word-{name}")
    return monkeypatch


def test_the_accounts_that_are_named_are_at_alpaca_and_the_rest_are_simulated(rest, credentials):
    with AlpacaPaper() as alpaca:
        alpaca.open_account("key-HRP", "word-HRP", cash=1)
        alpaca.open_account("key-PPO", "word-PPO", cash=2)
        door = AlpacaBrokerDoor(ACCOUNTS, f"{alpaca.url}/", clock, rest)
        clocks = {name: door.open(name).clock for name in ("hrp", "ppo_lstm", "equal_weight")}
        cash = [int(door.open(name).account(WEEK.as_of).cash) for name in ACCOUNTS]
    assert clocks == {"hrp": BrokerClock.WALL, "ppo_lstm": BrokerClock.WALL, "equal_weight": BrokerClock.MARKET}
    assert cash == [1, 2], "each with its own credentials"


def test_credentials_that_are_missing_are_named_with_where_to_get_them(rest, monkeypatch):
    for name in ("ALPACA_HRP_KEY", "ALPACA_HRP_SECRET"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match=r"ALPACA_HRP_KEY is not set: .*Paper account"):
        AlpacaBrokerDoor(ACCOUNTS, PAPER, clock, rest).open("hrp")
    monkeypatch.setenv("ALPACA_HRP_KEY", "key")
    with pytest.raises(ConfigurationError, match="ALPACA_HRP_SECRET is not set"):
        AlpacaBrokerDoor(ACCOUNTS, PAPER, clock, rest).open("hrp")


def test_two_accounts_with_one_key_are_refused_and_the_key_is_not_told(rest, credentials):
    credentials.setenv("ALPACA_PPO_KEY", "key-HRP")
    for account in ACCOUNTS:
        with pytest.raises(ConfigurationError, match=r"are the same key: .* would trade one account") as error:
            AlpacaBrokerDoor(ACCOUNTS, PAPER, clock, rest).open(account)
        assert "key-HRP" not in str(error.value)


def test_real_money_is_for_the_account_that_is_named_with_its_address_and_for_no_other(rest, credentials):
    live = {"hrp": "https://api.alpaca.markets"}
    door = AlpacaBrokerDoor(ACCOUNTS, PAPER, clock, rest, live)
    assert [door.open(name).is_real_money for name in ("hrp", "ppo_lstm", "equal_weight")] == [True, False, False]
    with pytest.raises(ConfigurationError, match="orders go to https://paper-api"):
        AlpacaBrokerDoor(ACCOUNTS, "https://api.alpaca.markets", clock, rest).open("hrp")


@pytest.mark.parametrize("prefix", ["", "hrp", "H-R", "HRP\n"])
def test_a_prefix_that_names_no_variable_is_refused(rest, prefix):
    with pytest.raises(ConfigurationError, match="in capitals"):
        AlpacaBrokerDoor({"hrp": prefix}, PAPER, clock, rest).open("hrp")


def test_one_account_has_one_session_however_often_it_is_opened(rest, credentials):
    """Alpaca counts the requests of an account, so all who ask for it must wait for the same turns."""
    door = AlpacaBrokerDoor(ACCOUNTS, PAPER, clock, rest)
    one, two, other = door.open("hrp"), door.open("hrp"), door.open("ppo_lstm")
    assert one._session is two._session is not other._session


# ---- by the settings -----------------------------------------------------------------------------------------------


def settings(tmp_path, **changes) -> Settings:
    return Settings(market="directory", market_directory=tmp_path / "market", data=tmp_path, **changes)


def test_without_a_word_every_account_is_simulated(tmp_path, rest):
    chosen = settings(tmp_path)
    assert isinstance(broker_door(chosen, rest.market, parameters(chosen)), SimulatedBrokerDoor)


def test_with_a_word_three_accounts_are_on_paper_at_alpaca(tmp_path, rest, credentials):
    chosen = settings(tmp_path, broker="alpaca")
    door = broker_door(chosen, rest.market, parameters(chosen))
    assert {name for name in ("hrp", "ppo_lstm", "sac_patchtst") if door.open(name).clock is BrokerClock.WALL} == {
        "hrp",
        "ppo_lstm",
        "sac_patchtst",
    }
    assert door.paper == PAPER
    assert door.open("equal_weight").clock is BrokerClock.MARKET


def test_an_account_that_no_allocator_has_is_refused(tmp_path, rest):
    chosen = settings(tmp_path, broker="alpaca", alpaca_accounts={"hpr": "HRP"})
    with pytest.raises(ConfigurationError, match="no such account: hpr; there are "):
        broker_door(chosen, rest.market, parameters(chosen))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"BROKER": "alpaca"}, "LEARNFINANCE_BROKER=alpaca needs LEARNFINANCE_MARKET=directory"),
        ({"ALPACA_ACCOUNTS": '{"hrp": "X", "ppo_lstm": "X"}'}, "several accounts the credentials X"),
        ({"REAL_MONEY": '{"hrp": "https://api.alpaca.markets"}'}, "REAL_MONEY names hrp"),
        (
            {"MARKET": "directory", "BROKER": "alpaca", "REAL_MONEY": '{"other": "https://api.alpaca.markets"}'},
            "REAL_MONEY names other",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(monkeypatch, changes, words):
    for name, value in changes.items():
        monkeypatch.setenv(f"LEARNFINANCE_{name}", value)
    with pytest.raises(ConfigurationError, match=words):
        Settings.from_environment()
