from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.parameters import AllocationParameters, UniverseParameters
from learnfinance_dagster.settings import REPOSITORY, Settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    import os

    for name in [name for name in os.environ if name.upper().startswith(("LEARNFINANCE_", "EMAIL_"))]:
        monkeypatch.delenv(name)


def test_without_a_word_everything_is_practice():
    settings = Settings()
    assert settings.market == settings.market_name == "practice"
    assert settings.root == REPOSITORY / "data" / "practice"
    assert settings.schedule_status == "stopped", "nothing starts by itself"


def test_the_defaults_are_the_houses_rules():
    settings = Settings()
    assert (settings.allocation.max_weight, settings.allocation.min_cash) == (0.20, 0.02)
    assert (settings.universe.top, settings.cost_bps_per_side) == (15, 5.0)


def test_a_variable_sets_its_field(monkeypatch):
    monkeypatch.setenv("LEARNFINANCE_TRADING", "off")
    monkeypatch.setenv("LEARNFINANCE_SEED", "11")
    monkeypatch.setenv("LEARNFINANCE_PRACTICE__LAST", "2020-01-06")
    settings = Settings()
    assert (settings.trading, settings.seed, settings.practice.last) == ("off", 11, date(2020, 1, 6))


def test_a_misspelt_variable_is_refused_because_it_might_have_switched_trading_off(monkeypatch):
    monkeypatch.setenv("LEARNFINANCE_TRADNG", "off")
    with pytest.raises(ConfigurationError, match="LEARNFINANCE_TRADNG"):
        Settings.from_environment()


def test_two_underscores_lead_into_a_group(monkeypatch):
    monkeypatch.setenv("LEARNFINANCE_ORDERS__MAX_TURNOVER", "0.5")
    monkeypatch.setenv("LEARNFINANCE_UNIVERSE__BLOCKED", '["TSLA", "XOM"]')
    settings = Settings()
    assert settings.orders.max_turnover == 0.5
    assert settings.orders.max_orders == 60, "the rest of the group keeps its defaults"
    assert settings.universe.blocked == ("TSLA", "XOM")


def test_a_misspelt_variable_of_a_group_is_refused(monkeypatch):
    monkeypatch.setenv("LEARNFINANCE_ORDERS__MAX_TURNOVR", "0.5")
    with pytest.raises(ValidationError, match="max_turnovr"):
        Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRADING", "maybe"),
        ("MARKET", "alpaca"),
        ("MARKET_CLOCK", "tomorrow"),
        ("INITIAL_CASH", "0"),
        ("COST_BPS_PER_SIDE", "-1"),
        ("ALLOCATION__MAX_WEIGHT", "1.5"),
        ("ALLOCATION__MIN_CASH", "1"),
        ("ORDERS__LIMIT_OFFSET", "0.5"),
        ("UNIVERSE__MIN_SESSIONS", "20"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_before_anything_runs(monkeypatch, name, value):
    monkeypatch.setenv(f"LEARNFINANCE_{name}", value)
    with pytest.raises(ValidationError, match=name.split("__")[-1].lower()):
        Settings()


def test_settings_cannot_be_changed_on_the_way():
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.trading = "off"
    with pytest.raises(ValidationError, match="frozen"):
        settings.allocation.max_weight = 1.0


def test_a_window_shorter_than_the_returns_it_needs_would_leave_everyone_out_and_is_refused():
    with pytest.raises(ValidationError, match="min_returns 120 is more than lookback_returns 100"):
        AllocationParameters(lookback_returns=100, min_returns=120)


def test_a_misspelt_parameter_is_refused():
    with pytest.raises(ValidationError, match="min_pric"):
        UniverseParameters.model_validate({"min_pric": 1})


def test_markets_keep_their_artifacts_apart(tmp_path):
    directory = Settings(market="directory", market_directory=tmp_path / "nyse", data=tmp_path)
    assert directory.market_name == "directory-nyse"
    assert directory.root == tmp_path / "directory-nyse"
    assert directory.root != Settings(data=tmp_path).root


def test_a_folder_that_is_not_used_names_nothing(tmp_path):
    assert Settings(market="practice", market_directory=tmp_path / "nyse").market_name == "practice"


def test_a_folder_is_named_by_where_it_is_and_not_by_how_it_was_written(tmp_path, monkeypatch):
    (tmp_path / "nyse").mkdir()
    monkeypatch.chdir(tmp_path / "nyse")
    assert Settings(market="directory", market_directory=Path()).market_name == "directory-nyse"


def test_no_setting_is_a_secret():
    words = ("key", "secret", "token", "password")
    assert not [name for name in Settings.model_fields if any(word in name for word in words)]


def test_a_password_in_a_url_is_refused_and_not_repeated(monkeypatch):
    monkeypatch.setenv("LEARNFINANCE_LEDGER_URL", "postgresql+psycopg2://me:hunter2@localhost/ledger")
    with pytest.raises(ValidationError, match="PGPASSWORD") as refused:
        Settings()
    assert "hunter2" not in str(refused.value)


def test_a_wrong_value_is_one_line_that_names_the_variable(monkeypatch):
    monkeypatch.setenv("LEARNFINANCE_MARKET", "alpaca")
    with pytest.raises(
        ConfigurationError, match="LEARNFINANCE_MARKET: Input should be 'practice', 'directory' or 'live'"
    ):
        Settings.from_environment()


@pytest.mark.parametrize(
    "name", ["LEARNFINANCE_MAIL__TO", "LEARNFINANCE_LIVE__SYMBOLS", "LEARNFINANCE_ALLOCATORS", "LEARNFINANCE_MAIL"]
)
def test_a_list_that_is_no_json_is_one_line_that_names_the_variable_too(monkeypatch, name):
    monkeypatch.setenv(name, "canary@example.org")
    with pytest.raises(ConfigurationError, match=f"^{name}: lists and tables are JSON, see .env.example$") as caught:
        Settings.from_environment()
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(("name", "chosen"), [("news", "alpaca"), ("news", "yahoo"), ("fundamentals", "edgar")])
def test_no_real_vendor_is_asked_about_invented_names(monkeypatch, name, chosen):
    """Some of them are real tickers: their news stood under the banner that nothing here happened."""
    monkeypatch.setenv(f"LEARNFINANCE_{name.upper()}", chosen)
    with pytest.raises(ConfigurationError, match=f"LEARNFINANCE_{name.upper()}={chosen} needs LEARNFINANCE_MARKET"):
        Settings.from_environment()


def test_the_readers_of_letters_are_told_by_the_names_that_people_know(monkeypatch):
    monkeypatch.setenv("EMAIL_TO", "bob@example.com, carol@example.com,")
    monkeypatch.setenv("EMAIL_CC", " ")
    mail = Settings.from_environment().mail
    assert (mail.to, mail.cc, mail.send) == (("bob@example.com", "carol@example.com"), (), "outbox")


def test_a_variable_with_our_prefix_counts_more(monkeypatch):
    monkeypatch.setenv("EMAIL_TO", "bob@example.com")
    monkeypatch.setenv("EMAIL_CC", "carol@example.com")
    monkeypatch.setenv("LEARNFINANCE_MAIL__TO", '["dan@example.com"]')
    mail = Settings.from_environment().mail
    assert (mail.to, mail.cc) == (("dan@example.com",), ("carol@example.com",))


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("EMAIL_TO", "bob", "'bob' is no address"),
        ("EMAIL_TO", "bob@example.com\r\nBcc: x@example.com", "is no address"),
        ("LEARNFINANCE_MAIL__SECURITY", "none", "servers on this machine only"),
    ],
)
def test_mail_that_could_not_work_or_would_tell_a_password_is_refused_at_once(monkeypatch, name, value, why):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=why):
        Settings.from_environment()


def test_the_template_writes_unless_a_language_model_is_named(monkeypatch):
    assert (Settings().language.adapter, Settings().language.analyst_notes) == ("template", False)
    monkeypatch.setenv("LEARNFINANCE_LANGUAGE__ADAPTER", "openai")
    assert Settings().language.adapter == "openai"
    monkeypatch.setenv("LEARNFINANCE_LANGUAGE__ADAPTER", "compatible")
    with pytest.raises(ConfigurationError, match="base_url and model"):
        Settings.from_environment()


def test_the_live_market_has_a_folder_of_its_own_and_may_have_vendors_of_news(tmp_path):
    live = Settings(market="live", market_directory=tmp_path / "nyse", news="yahoo", fundamentals="edgar")
    assert live.market_name == "live"
    assert live.root == REPOSITORY / "data" / "live"


def test_the_live_markets_settings_are_variables(monkeypatch):
    monkeypatch.setenv("LEARNFINANCE_MARKET", "live")
    monkeypatch.setenv("LEARNFINANCE_LIVE__PRICES", "alpaca")
    monkeypatch.setenv("LEARNFINANCE_LIVE__WAHED_SHEETS", '{"HLAL": "1a2b"}')
    monkeypatch.setenv("LEARNFINANCE_LIVE__HOLDINGS", '["wahed", "yahoo"]')
    live = Settings.from_environment().live
    assert (live.prices, live.wahed_sheets, live.holdings) == ("alpaca", {"HLAL": "1a2b"}, ("wahed", "yahoo"))
