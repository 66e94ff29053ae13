"""Training, looking at versions and rolling back, as a person at a terminal does it."""

import io
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from forecast_scene import one_thread

from learnfinance_dagster import __main__ as command_line
from learnfinance_dagster.definitions import artifact_store
from learnfinance_dagster.forecasting.card import card_of
from learnfinance_dagster.settings import REPOSITORY, Settings
from learnfinance_dagster.wiring import models_door, trials_door

EARLIER, LATER = "2020-06-01", "2020-12-28"
SMALL = {
    "MARKET": "directory",
    "FORECASTING__PROFILE": "quick",
    "FORECASTING__MAX_EPOCHS": "1",
    "FORECASTING__VALIDATION_WEEKS": "8",
    "FORECASTING__HELD_OUT_WEEKS": "12",
    "FORECASTING__DEVICE": "cpu",
}


@dataclass(frozen=True)
class Terminal:
    """Where commands are typed: a home of its own, as in a fresh clone."""

    home: Path

    def __call__(self, *words):
        """Exit status, and what was printed to either side."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setattr(sys, "argv", ["learnfinance_dagster", *words])
            status = command_line.main()
        return status, out.getvalue(), err.getvalue()

    @property
    def settings(self):
        return Settings.from_environment()

    @property
    def store(self):
        return models_door(self.settings).open()

    def files(self):
        """Every file of every version, and the pointers."""
        root = self.settings.root / "models"
        found = sorted(path for path in root.rglob("*") if path.is_file() and path.suffix != ".lock")
        return {str(path.relative_to(root)): path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def market(practice_folder, tmp_path_factory):
    """The practice market, with an index in it."""
    folder = tmp_path_factory.mktemp("market") / "indexed"
    shutil.copytree(practice_folder, folder)
    bars = pd.read_parquet(folder / "bars.parquet")
    index = bars[bars["symbol"] == "DEVA"].assign(symbol="^GSPC")
    joined = pd.concat([bars, index]).sort_values(["symbol", "date"], ignore_index=True).astype(bars.dtypes)
    joined.to_parquet(folder / "bars.parquet", index=False)
    return folder


@pytest.fixture(scope="module")
def terminal(market, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    shutil.copy(REPOSITORY / "dagster.yaml", home)
    with pytest.MonkeyPatch.context() as patch, one_thread():
        for name, value in {**SMALL, "DATA": str(home / "data"), "MARKET_DIRECTORY": str(market)}.items():
            patch.setenv(f"LEARNFINANCE_{name}", value)
        patch.setenv("DAGSTER_HOME", str(home))
        patch.chdir(home)
        yield Terminal(home)


@pytest.fixture(scope="module")
def empty(terminal):
    """What the first look shows, before anything was trained."""
    return terminal("models", "list", "lstm")


@pytest.fixture(scope="module")
def untried(terminal):
    """What the first look into the register shows."""
    return terminal("trials"), terminal("trials", "lstm")


@pytest.fixture(scope="module")
def trained(empty, untried, terminal):
    """What was printed when two Mondays were trained for, one after the other."""
    return [terminal("train", EARLIER, "lstm"), terminal("train", LATER, "lstm", "transfer_lstm")]


@pytest.fixture(scope="module")
def versions(trained, terminal):
    """Of lstm, the older one first."""
    return terminal.store.versions("lstm")


def test_before_the_first_training_the_list_says_what_to_do(empty):
    assert empty == (0, "no version of lstm was trained yet: make train\n", "")


def test_before_the_first_training_the_register_says_what_to_do(untried):
    assert untried == ((0, "nothing was tried yet: make train\n", ""),) * 2


def test_a_training_tells_the_version_the_decision_and_the_skill(trained, versions, terminal):
    status, out, _ = trained[0]
    assert status == 0
    card = card_of(terminal.store.read("lstm", versions[0]))
    assert out.splitlines()[1:] == [
        f"training lstm, profile quick, for {EARLIER}",
        f"  lstm {versions[0]}: 1 epochs, {card.windows['train']} windows",
        f"    {card.decision.reason}",
        f"    {card.evaluation.skill_told}",
    ]


def test_the_next_training_is_compared_with_the_first(trained, versions, terminal):
    card = card_of(terminal.store.read("lstm", versions[1]))
    assert card.decision.current == versions[0]
    assert card.decision.reason in trained[1][1]


def test_a_forecaster_that_is_not_enabled_is_trained_when_it_is_asked_for(trained, terminal):
    status, out, _ = trained[1]
    assert status == 0
    assert f"training lstm and transfer_lstm, profile quick, for {LATER}" in out
    (version,) = terminal.store.versions("transfer_lstm")
    assert f"  transfer_lstm {version}: 4 epochs" in out, "the index, and three groups"
    assert "^GSPC" in card_of(terminal.store.read("transfer_lstm", version)).symbols
    assert artifact_store(terminal.settings).has("transfer_lstm_model", LATER)
    assert terminal.store.versions("patchtst") == (), "and nobody else is"


def test_the_same_training_again_shows_the_same_and_changes_nothing(trained, terminal):
    before = terminal.files()
    status, out, err = terminal("train", EARLIER, "lstm")
    assert (status, err) == (0, "")
    assert out.splitlines()[1:] == trained[0][1].splitlines()[1:]
    assert terminal.files() == before


def test_the_list_has_a_line_for_each_version_and_a_star_for_the_one_in_use(versions, terminal):
    status, out, _ = terminal("models", "list", "lstm")
    lines = out.splitlines()
    assert status == 0
    assert [line[2:].split()[0] for line in lines[:-1]] == list(versions)
    starred = [line[2:].split()[0] for line in lines[:-1] if line.startswith("* ")]
    assert starred == [terminal.store.current("lstm")]
    assert "rank IC" in lines[0]
    assert "in 12 weeks; data up to 2020-05-29" in lines[0]
    assert "data up to 2020-12-24" in lines[1]
    assert lines[-1] == "* in use"


def test_the_register_has_a_line_for_every_training_in_the_order_in_which_they_were(versions, terminal):
    status, out, _ = terminal("trials")
    header, *lines = out.splitlines()
    (third,) = terminal.store.versions("transfer_lstm")
    assert status == 0
    assert header.split() == [
        *("model", "version", "kind", "serves", "seeds"),
        *("config", "data", "code", "result", "promoted", "why"),
    ]
    assert [line.split()[:4] for line in lines] == [
        ["lstm", versions[0], "training", EARLIER],
        ["lstm", versions[1], "training", LATER],
        ["transfer_lstm", third, "training", LATER],
    ]
    card = card_of(terminal.store.read("lstm", versions[0]))
    assert f"  {card.data_hash[:8]}  {card.code_hash[:8]}  " in lines[0]
    assert "mse_to_zero=" in lines[0]
    assert lines[0].endswith(card.decision.reason)
    assert len({line.index(card.code_hash[:8]) for line in lines}) == 1, "columns stand below each other"


def test_the_register_of_one_model_is_its_own_and_a_name_that_was_never_tried_says_which_were(versions, terminal):
    lines = terminal("trials", "lstm")[1].splitlines()
    assert [line.split()[1] for line in lines[1:]] == list(versions)
    told = "no trial of lsmt was recorded; there are trials of lstm, transfer_lstm\n"
    assert terminal("trials", "lsmt") == (0, told, "")


def test_the_register_knows_every_version_that_was_made(versions, terminal):
    known = {(trial.model, trial.version) for trial in trials_door(terminal.settings).open().trials()}
    made = {(name, each) for name in ("lstm", "transfer_lstm") for each in terminal.store.versions(name)}
    assert known == made


def test_rolling_back_is_one_command_and_so_is_the_way_back(versions, terminal):
    first, second = versions
    terminal("models", "use", "lstm", second)
    files = {name: content for name, content in terminal.files().items() if "current" not in name}
    assert terminal("models", "use", "lstm", first) == (0, f"lstm: {first} is in use (before: {second})\n", "")
    assert terminal.store.current("lstm") == first
    assert f"* {first}" in terminal("models", "list", "lstm")[1]
    assert terminal("models", "use", "lstm", second) == (0, f"lstm: {second} is in use (before: {first})\n", "")
    after = {name: content for name, content in terminal.files().items() if "current" not in name}
    assert after == files


def test_training_again_does_not_undo_a_rollback(versions, terminal):
    first, second = versions
    terminal("models", "use", "lstm", second)
    terminal("models", "use", "lstm", first)
    assert terminal("train", LATER, "lstm")[0] == 0
    assert terminal.store.current("lstm") == first


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("models", "list", "lsmt"),
            "ConfigurationError: no such forecaster or policy: lsmt; there are lstm, patchtst, transfer_lstm",
        ),
        (
            ("models", "use", "lsmt", "v2020-05-31-000000000000"),
            "ConfigurationError: no such forecaster or policy: lsmt",
        ),
        (
            ("models", "use", "lstm", "v2020-05-31-000000000000"),
            "ConfigurationError: lstm has no version v2020-05-31-000000000000",
        ),
        (
            ("models", "use", "lstm", "snapshot-2019-12-31"),
            "ConfigurationError: snapshot-2019-12-31 is no version that can be in use: python -m learnfinance_dagster",
        ),
        (("models", "use", "lstm", "current"), "ConfigurationError: current is no version that can be in use"),
        (("models", "use", "lstm", "v/../../x"), "DataError: 'v/../../x' is no name of a version"),
        (("models", "sync"), "ConfigurationError: models are kept on this disk only: set LEARNFINANCE_MODELS=hub"),
        (("train", LATER, "lsmt"), "ConfigurationError: no such forecaster: lsmt"),
        (("train", LATER, "lstm", "lsmt"), "ConfigurationError: no such forecaster: lsmt"),
        (("train", "2020-12-29", "lstm"), "DataError: 2020-12-29 is a Tuesday"),
        (("train", "christmas", "lstm"), "DataError: week 'christmas' is not a date like 2025-12-29"),
    ],
)
def test_a_command_that_cannot_be_done_says_why_in_one_line_and_changes_nothing(trained, terminal, words, told):
    before = terminal.files()
    status, _, err = terminal(*words)
    assert status == 1
    assert err.startswith(told)
    assert terminal.files() == before


@pytest.mark.parametrize(
    ("week", "told"),
    [
        ("2021-07-12", "weeks of bars up to 2021-07-09 are needed"),
        ("2019-03-04", "weeks of windows are too few"),
        ("2009-12-28", "there is no week 2009-12-28 to train for: they go from 2010-01-04 to "),
        ("2038-01-04", "there is no week 2038-01-04 to train for"),
    ],
)
def test_a_week_that_cannot_be_trained_for_is_told_and_changes_nothing(trained, terminal, week, told):
    before = terminal.files()
    status, out, err = terminal("train", week, "lstm")
    assert status == 1
    assert told in out + err
    assert terminal.files() == before
