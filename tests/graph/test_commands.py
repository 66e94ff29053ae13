"""What `make` calls, as a person at a terminal sees it."""

import hashlib
import shutil
import socket
import sys

import pandas as pd
import pytest

from learnfinance_dagster import __main__ as command_line
from learnfinance_dagster.commands import demo, leakproof
from learnfinance_dagster.commands.leakproof import Leak
from learnfinance_dagster.settings import REPOSITORY
from resources.market_directory.poison import Poison

SMALL = {
    "PRACTICE__SYMBOLS": "20",
    "PRACTICE__FIRST": "2019-01-07",
    "PRACTICE__LAST": "2020-12-31",
    "UNIVERSE__TOP": "8",
    "UNIVERSE__MIN_DOLLAR_VOLUME": "0",
    "UNIVERSE__MIN_PRICE": "0",
    "FORECASTING__VALIDATION_WEEKS": "8",
    "FORECASTING__HELD_OUT_WEEKS": "12",
    "FORECASTING__MAX_EPOCHS": "1",
    "ALLOCATORS": '["hrp", "equal_weight"]',  # policies have tests of their own
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A data folder and a Dagster home of their own, as in a fresh clone."""
    home = tmp_path_factory.mktemp("home")
    shutil.copy(REPOSITORY / "dagster.yaml", home)
    return home


@pytest.fixture
def run(home, monkeypatch, capsys):
    """Run one command line; its exit status and what it printed."""
    for name, value in SMALL.items():
        monkeypatch.setenv(f"LEARNFINANCE_{name}", value)
    monkeypatch.setenv("LEARNFINANCE_DATA", str(home / "data"))
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setattr(demo, "WEEKS", 2)
    monkeypatch.chdir(home)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["learnfinance_dagster", *words])
        status = command_line.main()
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def digest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in {".lock", ".sqlite"})
    return {path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_demo_trades_shows_and_the_second_time_changes_nothing_and_says_so(run, home):
    status, out, _ = run("demo")
    assert status == 0
    assert "2020-12-14  ok" in out
    assert "2020-12-21  ok" in out, "the last Monday whose holding week the market knows"
    assert "hrp" in out
    assert "filled" in out
    assert "data/practice/outbox/weekly-2020-12-21.html" in out
    assert "make ui" in out
    before = digest(home / "data")

    status, out, _ = run("demo")
    assert status == 0
    assert "nothing to do: all 2 Mondays up to 2020-12-21" in out
    assert digest(home / "data") == before


def test_one_monday_is_shown_again_as_it_was(run, home):
    run("demo")
    before = digest(home / "data" / "practice")
    status, out, _ = run("monday", "2020-12-21")
    assert status == 0
    assert "2020-12-21  ok" in out
    assert "was traded before: it is shown again as it was, and nothing is sent" in out
    assert digest(home / "data" / "practice") == before


def test_a_week_that_was_only_tried_is_not_taken_for_traded(run, home, monkeypatch):
    monkeypatch.setenv("LEARNFINANCE_DATA", str(home / "tried"))
    monkeypatch.setenv("LEARNFINANCE_TRADING", "off")
    status, out, _ = run("monday", "2020-12-21")
    assert status == 0
    assert "hrp: trading is switched off" in out
    monkeypatch.delenv("LEARNFINANCE_TRADING")
    _, out, _ = run("demo")
    assert "2020-12-21  ok" in out
    assert "2 Mondays run" in out


def test_a_port_in_use_is_refused_before_a_second_ui_starts(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, _, err = run("prepare", "--port", str(port))
    assert status == 1
    assert f"port {port} is in use" in err


@pytest.mark.parametrize("week", ["2011-01-03", "2026-11-16"])
def test_a_week_that_the_market_does_not_reach_fails_with_one_clear_line_and_without_a_report(run, home, week):
    status, out, _ = run("monday", week)
    assert status == 1
    assert f"{week}  failed" in out
    assert "practice market holds 2019-01-07 to 2020-12-31" in out
    stored = {path.parent.name for path in (home / "data" / "practice").rglob(f"*{week}*")}
    assert stored & {"daily_bars", "screened_universe", "hrp_weights", "technical_features", "weekly_report"} == set()


def test_a_word_that_is_no_monday_is_explained(run):
    status, _, err = run("monday", "2020-12-22")
    assert status == 1
    assert err.startswith("DataError: 2020-12-22 is a Tuesday")


def test_a_broken_directory_is_named_with_file_column_and_row_and_nothing_is_stored(run, home, tmp_path, monkeypatch):
    run("demo")
    market = tmp_path / "mine"
    shutil.copytree(home / "data" / "practice" / "market", market)
    bars = pd.read_parquet(market / "bars.parquet")
    bars.loc[7, "close"] = -1.0
    bars.to_parquet(market / "bars.parquet")
    monkeypatch.setenv("LEARNFINANCE_MARKET", "directory")
    monkeypatch.setenv("LEARNFINANCE_MARKET_DIRECTORY", str(market))
    status, _, err = run("monday", "2020-12-21")
    assert status == 1
    assert err.startswith("DataError: bars.parquet")
    assert "close" in err
    assert "row 7" in err
    assert not (home / "data" / "directory-mine").exists()


def test_a_directory_that_was_not_named_is_asked_for(run, monkeypatch):
    monkeypatch.setenv("LEARNFINANCE_MARKET", "directory")
    status, _, err = run("demo")
    assert status == 1
    assert "LEARNFINANCE_MARKET_DIRECTORY" in err


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        ((16, None), 0, "no leak: 16 artifacts byte-identical under 6 futures"),
        ((16, Leak("decision", Poison.NOISE, "hrp_weights")), 1, "LEAK: hrp_weights differs when the future"),
    ],
)
def test_leakproof_says_what_it_found(run, monkeypatch, found, status, words):
    monkeypatch.setattr(leakproof, "find_leak", lambda *_, **__: found)
    returned, out, _ = run("leakproof", "2020-05-04")
    assert returned == status
    assert words in out


def test_the_graph_page_can_be_rewritten(run, monkeypatch, tmp_path):
    from learnfinance_dagster.commands import graph

    monkeypatch.setattr(graph, "PAGE", tmp_path / "docs" / "graph.md")
    assert run("graph")[0] == 0
    assert (tmp_path / "docs" / "graph.md").read_text(encoding="utf-8") == graph.graph_page()
