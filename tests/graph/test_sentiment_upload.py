"""The history of sentiment leaves this machine where settings say so, and comes back by command."""

import sys

import pytest
from hub_server import ALICE, HubServer, instead
from vendor_server import Reply

from learnfinance_dagster import __main__ as command_line
from learnfinance_dagster.parameters import EndpointParameters

WEEK = "2021-06-14"
JOB, UPLOAD = "fill_sentiment_gaps", ["sentiment_upload"]


@pytest.fixture(scope="module")
def filled(traded, build_house):
    """A house with a week of history. Look only."""
    house = build_house(traded.house)
    went = house.run(JOB, WEEK)
    assert went.success, went.errors
    return house, went


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", ALICE)
    with HubServer() as hub:
        yield hub


@pytest.fixture
def house(filled, build_house, hub):
    endpoints = EndpointParameters(hugging_face=hub.url)
    return build_house(filled[0]).with_settings(models="hub", hub_owner="alice", endpoints=endpoints)


def run_command(house, hub, monkeypatch, data, *words):
    monkeypatch.setattr(sys, "argv", ["learnfinance_dagster", "history", *words])
    variables = {
        "LEARNFINANCE_DATA": str(data),
        "LEARNFINANCE_MARKET": "directory",
        "LEARNFINANCE_MARKET_DIRECTORY": str(house.settings.market_directory),
        "STORAGE_BACKEND": "hf",
        "LEARNFINANCE_HUB_OWNER": "alice",
        "LEARNFINANCE_ENDPOINTS__HUGGING_FACE": hub.url,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return command_line.main()


def test_by_default_it_stays_on_this_disk_and_says_so(filled):
    _, went = filled
    assert "kept on this disk only" in went.metadata["sentiment_upload"]["told"].value
    assert went.red == {}


def test_what_was_filled_is_sent_and_pulled_by_another_machine_byte_for_byte(house, hub, monkeypatch, tmp_path, capsys):
    went = house.run(JOB, WEEK, select=UPLOAD)
    assert went.success, went.errors
    assert "sent to alice/learnfinance-directory-" in went.metadata["sentiment_upload"]["told"].value
    assert run_command(house, hub, monkeypatch, house.settings.data, "push") == 0
    assert "are there already" in capsys.readouterr().out
    assert run_command(house, hub, monkeypatch, tmp_path / "other", "pull") == 0
    assert "1 weeks completed" in capsys.readouterr().out
    for asset in ("daily_sentiment", "sentiment_gaps"):
        here = house.store.path(asset, WEEK)
        there = tmp_path / "other" / house.settings.market_name / "artifacts" / asset / here.name
        assert there.read_bytes() == here.read_bytes(), asset
    assert run_command(house, hub, monkeypatch, tmp_path / "other", "pull") == 0
    assert "0 weeks completed" in capsys.readouterr().out


def test_a_hub_that_fails_is_a_red_check_and_no_failed_run(house, hub):
    hub.plant("GET", "/datasets/", *[instead(Reply({"error": "no"}, 503))] * 20)
    went = house.run(JOB, WEEK, select=UPLOAD)
    assert went.success, went.errors
    assert "answers 503" in went.red["sentiment_upload", "uploaded"]


def test_a_machine_without_history_or_without_a_hub_says_what_to_do(house, hub, monkeypatch, tmp_path, capsys):
    assert run_command(house, hub, monkeypatch, tmp_path / "empty", "push") == 1
    assert "fill_sentiment_gaps" in capsys.readouterr().err
    assert run_command(house, hub, monkeypatch, tmp_path / "empty", "pull") == 0
    assert "no history on the Hub yet" in capsys.readouterr().out
    monkeypatch.setenv("STORAGE_BACKEND", "local")
    assert command_line.main() == 1
    assert "STORAGE_BACKEND=hf" in capsys.readouterr().err
