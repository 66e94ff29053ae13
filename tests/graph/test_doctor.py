"""`make doctor`: what works, what is missing, and where to get it; and the file that lists every setting."""

import json
import os
import socket
import subprocess
import sys

import pytest
from alpaca_paper import AlpacaPaper
from dagster._core.secrets.env_file import get_env_var_dict
from dotenv import dotenv_values
from hub_server import ALICE, HubServer
from mail_server import HERE, PASSWORD, USER, MailServer
from vendor_server import Reply, VendorServer

from learnfinance_dagster import settings as settings_module
from learnfinance_dagster.commands import doctor, env_example
from learnfinance_dagster.commands.env_file import load_env_file, quarrels, refuse_quarrels
from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.settings import REPOSITORY, Settings
from resources.credentials import CREDENTIALS

OURS = ("LEARNFINANCE_", "EMAIL_", "STORAGE_BACKEND", *(credential.name for credential in CREDENTIALS))


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LEARNFINANCE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DAGSTER_HOME", str(REPOSITORY))


@pytest.fixture
def told(monkeypatch, capsys):
    """Set variables, run the doctor: its status, and its rows by port."""

    def run(variables=None, **more):
        for name, value in {**(variables or {}), **more}.items():
            monkeypatch.setenv(name, value)
        status = doctor.doctor()
        out = capsys.readouterr().out
        return status, {line.split("  ")[0].strip(): line for line in out.splitlines()}, out

    return run


def test_with_nothing_configured_all_is_well_and_nothing_is_made(told, tmp_path):
    status, rows, out = told()
    assert status == 0
    assert "NO" not in out
    assert {
        "market",
        "news",
        "filings",
        "sentiment",
        "broker",
        "language model",
        "mail",
        "models",
        "ledger",
        "Dagster storage",
    } < set(rows)
    assert not (tmp_path / "data").exists()


def test_every_word_that_settings_know_has_a_probe():
    """A new adapter without one would break the doctor for whoever chooses it."""
    for name in ("market", "news", "fundamentals", "sentiment", "models", "broker"):
        for word in env_example._choices(Settings.model_fields[name].annotation):
            assert doctor.probes_of(Settings().model_copy(update={name: word, "alpaca_accounts": {"hrp": "HRP"}}))
    for word in env_example._choices(type(Settings().language).model_fields["adapter"].annotation):
        language = Settings().language.model_copy(update={"adapter": word})
        assert doctor.probes_of(Settings().model_copy(update={"language": language}))


def test_mail_is_tried_up_to_the_login_and_nothing_is_sent(told):
    with MailServer() as server:
        variables = {"LEARNFINANCE_MAIL__SEND": "smtp", "LEARNFINANCE_MAIL__HOST": HERE, "EMAIL_TO": "bob@localhost"}
        variables |= {"LEARNFINANCE_MAIL__PORT": str(server.port), "LEARNFINANCE_MAIL__SECURITY": "none"}
        status, rows, out = told(variables)
        assert status == 1
        assert "SMTP_USER NOT SET, SMTP_PASSWORD NOT SET" in rows["mail"]
        assert "App passwords" in out
        status, rows, out = told(SMTP_USER=USER, SMTP_PASSWORD=PASSWORD)
        assert (status, server.handler.letters) == (0, [])
        assert "lets us in" in rows["mail"]
        assert "SMTP_USER set, SMTP_PASSWORD set" in rows["mail"]
        assert PASSWORD not in out
        assert told({"SMTP_PASSWORD": "wrong-canary"})[0] == 1


def test_the_hub_says_whose_token_it_is(told):
    with HubServer() as hub:
        variables = {"STORAGE_BACKEND": "hf", "LEARNFINANCE_ENDPOINTS__HUGGING_FACE": hub.url, "HF_TOKEN": ALICE}
        status, rows, out = told(variables)
        assert (status, "LEARNFINANCE_HUB_OWNER is not set" in out) == (1, True)
        status, rows, out = told(LEARNFINANCE_HUB_OWNER="alice")
        assert status == 0, rows
        assert "knows the token of alice" in out
        assert ALICE not in out
        status, _, out = told({"HF_TOKEN": "hf_wrong_canary"})
        assert (status, "hf_wrong" in out, "wrong or has expired" in out) == (1, False, True)


def test_each_account_at_a_broker_has_a_row(told):
    with AlpacaPaper() as alpaca:
        alpaca.open_account("k-canary", "s-canary")
        variables = {
            "LEARNFINANCE_MARKET": "directory",
            "LEARNFINANCE_MARKET_DIRECTORY": str(REPOSITORY),
            "LEARNFINANCE_BROKER": "alpaca",
            "LEARNFINANCE_ALPACA_ACCOUNTS": json.dumps({"hrp": "HRP", "ppo_lstm": "PPO"}),
            "LEARNFINANCE_ENDPOINTS__ALPACA_PAPER": alpaca.url,
        }
        status, rows, out = told(variables)
        assert status == 1
        assert "ALPACA_PPO_KEY NOT SET" in rows["broker ppo_lstm"]
        assert "ALPACA_PPO_KEY: app.alpaca.markets" in out
        status, rows, out = told({"ALPACA_HRP_KEY": "k-canary", "ALPACA_HRP_SECRET": "s-canary"})
        assert "0 positions, 0 open orders" in rows["broker hrp"], rows["broker hrp"]
        assert "canary" not in out
        assert not [request for request in alpaca.seen if request.method not in {"GET", "HEAD"}]


def test_a_vendor_that_refuses_a_key_and_echoes_it_is_told_without_the_key(told):
    with VendorServer() as vendor:
        vendor.answers("/v1beta1/news", lambda seen: Reply({"message": f"bad key {seen.headers}"}, status=403))
        status, rows, out = told(
            {
                "LEARNFINANCE_MARKET": "directory",
                "LEARNFINANCE_MARKET_DIRECTORY": str(REPOSITORY / "tests"),
                "LEARNFINANCE_NEWS": "alpaca",
                "LEARNFINANCE_ENDPOINTS__ALPACA_DATA": vendor.url,
                "ALPACA_API_KEY": "key-canary-1",
                "ALPACA_API_SECRET": "secret-canary-2",
            }
        )
    assert status == 1
    assert "credentials are missing, wrong" in rows["news"]
    assert "bars.parquet is not there" in rows["market"]
    assert "canary" not in out


def test_a_database_that_is_not_reached_is_told_without_its_password(told):
    with socket.socket() as nobody:
        nobody.bind((HERE, 0))
        url = f"postgresql+psycopg2://me@{HERE}:{nobody.getsockname()[1]}/ledger"
        status, rows, out = told(LEARNFINANCE_LEDGER_URL=url, PGPASSWORD="pg-canary")
    assert status == 1
    assert " NO " in rows["ledger"]
    assert "PGPASSWORD set" in rows["ledger"]
    assert "canary" not in out


def test_a_live_market_is_looked_at_without_asking_for_a_price(told):
    with VendorServer() as vendor:
        vendor.answers("/v1beta1/news", Reply({"news": []}))
        variables = {"LEARNFINANCE_MARKET": "live", "LEARNFINANCE_ENDPOINTS__SP_FUNDS": f"{vendor.url}/{{fund}}.csv"}
        variables |= {"LEARNFINANCE_ENDPOINTS__YAHOO": vendor.url, "LEARNFINANCE_ENDPOINTS__ALPACA_DATA": vendor.url}
        _, rows, _ = told(variables)
        assert "prices, yahoo: somebody listens; nothing was asked; holdings, sp_funds" in rows["market"]
        status, rows, _ = told(LEARNFINANCE_LIVE__PRICES="alpaca")
        assert (status, "ALPACA_API_KEY NOT SET" in rows["market"]) == (1, True)
        status, rows, _ = told({"ALPACA_API_KEY": "a", "ALPACA_API_SECRET": "b"})
        assert (status, "prices, alpaca: answers" in rows["market"]) == (0, True), rows["market"]
    status, rows, _ = told()
    assert (status, " NO " in rows["market"]) == (1, True)


@pytest.mark.parametrize(("adapter", "path"), [("openai", "/v1/models"), ("ollama", "/api/tags")])
def test_a_language_model_is_asked_for_its_list_and_writes_nothing(told, adapter, path):
    with VendorServer() as vendor:
        vendor.answers(path, Reply({"data": [], "models": []}))
        address = f"{vendor.url}/v1" if adapter == "openai" else vendor.url
        variables = {"LEARNFINANCE_LANGUAGE__ADAPTER": adapter, "LEARNFINANCE_LANGUAGE__BASE_URL": address}
        status, rows, out = told(variables, OPENAI_API_KEY="sk-canary")
        assert (status, "answers" in rows["language model"]) == (0, True), rows["language model"]
        vendor.answers(path, lambda seen: Reply({"error": f"what is {seen.headers}?"}, status=401))
        status, rows, out = told()
        assert (status, vendor.paths()) == (1, [path, path])
    assert "canary" not in out


def test_dagsters_database_is_looked_at_too(told, tmp_path):
    home = tmp_path / "deploy"
    home.mkdir()
    (home / "dagster.yaml").write_text((REPOSITORY / "deploy" / "dagster.yaml").read_text())
    status, rows, _ = told(DAGSTER_HOME=str(home))
    assert status == 1
    assert "DAGSTER_POSTGRES_URL is not set" in rows["Dagster storage"]
    with socket.socket() as nobody:
        nobody.bind((HERE, 0))
        url = f"postgresql+psycopg2://me@{HERE}:{nobody.getsockname()[1]}/dagster"
        assert told(DAGSTER_POSTGRES_URL=url)[0] == 1


# The file that lists every setting.


def test_the_example_is_what_the_settings_say():
    assert env_example.EXAMPLE.read_text(encoding="utf-8") == env_example.example(), (
        "run python -m learnfinance_dagster env-example"
    )


def test_the_example_taken_at_its_word_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("LEARNFINANCE_DATA")
    text = "\n".join(
        line.removeprefix("# ") for line in env_example.example().splitlines() if line.startswith("# LEARNFINANCE_")
    )
    (tmp_path / ".env").write_text(text, encoding="utf-8")
    blank = {"LEARNFINANCE_MARKET_DIRECTORY", "LEARNFINANCE_LEDGER_URL", "LEARNFINANCE_DATA"}  # none is not a text
    for name, value in dotenv_values(tmp_path / ".env").items():
        if name not in blank:
            monkeypatch.setenv(name, value)
    assert Settings.from_environment() == Settings.model_construct(
        **{name: field.default for name, field in Settings.model_fields.items()}
    )


def test_the_example_has_every_credential_and_no_value_of_one():
    lines = env_example.example().splitlines()
    for credential in CREDENTIALS:
        assert f"# {credential.name}=" in lines
    assert str(REPOSITORY) not in env_example.example()


# The file `.env`.


@pytest.fixture
def env_file(tmp_path):
    path = tmp_path / ".env"
    path.write_text("LEARNFINANCE_TRADING=on\nLEARNFINANCE_SEED=11\n", encoding="utf-8")
    return path


def test_the_environment_wins_over_the_file(env_file, monkeypatch):
    monkeypatch.setenv("LEARNFINANCE_TRADING", "off")
    monkeypatch.setenv("LEARNFINANCE_SEED", "")
    monkeypatch.delenv("LEARNFINANCE_SEED")
    load_env_file(env_file)
    settings = Settings.from_environment()
    monkeypatch.delenv("LEARNFINANCE_SEED")
    assert (settings.trading, settings.seed) == ("off", 11)


def test_the_web_ui_does_not_start_while_the_file_says_another_thing(env_file, monkeypatch):
    """Dagster lets the file win: `LEARNFINANCE_TRADING=off make ui` would trade."""
    assert quarrels(env_file) == []
    refuse_quarrels(env_file)
    monkeypatch.setenv("LEARNFINANCE_TRADING", "off")
    with pytest.raises(ConfigurationError, match="LEARNFINANCE_TRADING: the environment says one thing"):
        refuse_quarrels(env_file)


def test_dagster_reads_the_same_file(env_file):
    assert get_env_var_dict(str(env_file.parent)) == dotenv_values(env_file)


def test_a_command_in_a_process_of_its_own_reads_the_file(env_file):
    script = (
        "import runpy, sys, pathlib; from learnfinance_dagster import settings;"
        f" settings.REPOSITORY = pathlib.Path({str(env_file.parent)!r}); sys.argv = ['x', 'doctor'];"
        " runpy.run_module('learnfinance_dagster', run_name='__main__')"
    )
    env_file.write_text("LEARNFINANCE_TRADNG=off\n", encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert settings_module.REPOSITORY == REPOSITORY
    assert done.returncode == 1
    assert "no such setting: LEARNFINANCE_TRADNG" in done.stderr
