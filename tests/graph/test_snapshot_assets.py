"""Yearly snapshots and forecasts of the past, in the real graph."""

import json
import warnings
from datetime import UTC, datetime

import dagster as dg
import pytest
from forecast_scene import one_thread
from tiny_forecasts import TINY

from learnfinance_dagster.calendar import session_close
from learnfinance_dagster.commands.running import QUIET
from learnfinance_dagster.definitions import build
from learnfinance_dagster.forecasting import lstm
from learnfinance_dagster.forecasting.card import card_of
from learnfinance_dagster.wiring import models_door
from resources.market_directory import DirectoryMarket
from resources.market_directory.poison import Poison, poisoned

FIRST, SECOND = "2019-12-31", "2020-12-31"
LSTM_ALONE = TINY.model_copy(update={"enabled": ("lstm",)})
MONDAYS = ("2020-12-21", "2020-12-28", "2021-01-04", "2021-01-11")
FILES = {"weights.safetensors", "scaler.json", "config.json", "metadata.json"}


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with one_thread():
        yield


def settle(house, **changes):
    """One forecaster is enough to see what happens."""
    return house.with_settings(forecasting=LSTM_ALONE.model_copy(update=changes))


def models_of(house):
    return models_door(house.settings).open()


def snapshots_of(house):
    """Year-end → files."""
    store = models_of(house)
    found = [version for version in store.versions("lstm") if version.startswith("snapshot-")]
    return {version.removeprefix("snapshot-"): dict(store.read("lstm", version)) for version in found}


def cards_of(house):
    return {key: card_of(files) for key, files in snapshots_of(house).items()}


def table_in(metadata, name):
    return metadata[name].value


@pytest.fixture(scope="module")
def made(build_house):
    """Two year-ends in one run."""
    house = settle(build_house())
    return house, house.run_range((FIRST, SECOND), ["lstm_snapshot"])


def test_several_year_ends_go_in_one_run(made):
    house, went = made
    assert went.success, went.errors
    assert set(snapshots_of(house)) == {FIRST, SECOND}
    assert all(set(files) == FILES for files in snapshots_of(house).values())
    assert house.store.read("lstm_snapshot", [FIRST]) == cards_of(house)[FIRST]
    assert house.store.read("lstm_snapshot", [SECOND]) == cards_of(house)[SECOND]
    assert house.instance.get_materialized_partitions(dg.AssetKey("lstm_snapshot")) == {FIRST, SECOND}


def test_a_snapshot_knows_the_last_session_of_its_year_and_none_after_it(made):
    """D28: the last session before the cut-off was dropped."""
    for key, card in cards_of(made[0]).items():
        assert card.known_until.isoformat() == card.serves.isoformat() == key
        assert card.last_training_session < card.known_until


def test_the_second_begins_with_the_firsts_weights_and_the_page_says_so(made):
    house, went = made
    assert {key: card.start for key, card in cards_of(house).items()} == {FIRST: "", SECOND: f"snapshot-{FIRST}"}
    table = table_in(went.metadata["lstm_snapshot"], "snapshots")
    assert f"| {FIRST} | trained | random weights | 1 |" in table
    assert f"| {SECOND} | trained | snapshot-{FIRST} | 1 |" in table


def test_no_snapshot_is_put_in_use(made, build_house):
    assert models_of(made[0]).current("lstm") == models_of(build_house()).current("lstm")


def test_a_snapshot_that_is_there_is_kept_byte_for_byte(made, build_house):
    house = settle(build_house(made[0]), max_epochs=2)
    before = house.files("models")
    went = house.run_range((FIRST, SECOND), ["lstm_snapshot"])
    assert went.success, went.errors
    assert house.files("models") == before
    assert table_in(went.metadata["lstm_snapshot"], "snapshots").count("| kept |") == 2


def test_with_force_it_is_made_anew(made, build_house):
    house = settle(build_house(made[0]), max_epochs=2)
    before = snapshots_of(house)
    config = {**QUIET, "ops": {"lstm_snapshot": {"config": {"force": True}}}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        job = build(house.settings).resolve_job_def("snapshots")
        assert job.execute_in_process(partition_key=SECOND, instance=house.instance, run_config=config).success
    after = snapshots_of(house)
    assert after[FIRST] == before[FIRST], "only what was asked for"
    assert after[SECOND] != before[SECOND]
    assert cards_of(house)[SECOND].configuration["epochs"] == 2


def test_killed_between_two_year_ends_and_launched_again_the_finished_one_is_kept(made, build_house, monkeypatch):
    house, keys, whole = settle(build_house()), [], lstm.train

    def dies_in_the_second(order):
        keys.append(order.key)
        if order.start is not None and len(keys) == 2:
            raise KeyboardInterrupt
        return whole(order)

    monkeypatch.setattr(lstm, "train", dies_in_the_second)
    assert not house.run_range((FIRST, SECOND), ["lstm_snapshot"]).success
    assert set(snapshots_of(house)) == {FIRST}
    went = house.run_range((FIRST, SECOND), ["lstm_snapshot"])
    assert went.success, went.errors
    years = [key.removeprefix("lstm-snapshot-")[:10] for key in keys]
    assert years == [FIRST, SECOND, SECOND], "the first was not trained twice"
    assert keys[1] == keys[2], "and the second one goes on from its checkpoint"
    assert snapshots_of(house) == snapshots_of(made[0])


@pytest.fixture(scope="module")
def spoilt(build_house, practice_folder):
    """The first year-end alone, where all that came after it is spoilt."""
    house = settle(build_house())
    frames = DirectoryMarket.from_directory(practice_folder).frames
    shocked = poisoned(frames, session_close(datetime(2019, 12, 31, tzinfo=UTC).date()), Poison.SHOCK)
    went = house.run("snapshots", FIRST, market=DirectoryMarket.from_frames(shocked))
    assert went.success, went.errors
    return house


def test_whatever_comes_after_a_years_end_changes_no_byte_of_its_snapshot(made, spoilt):
    """Nor do the bars of a later year, or the names listed in it, that the other run had at hand."""
    assert snapshots_of(spoilt) == {FIRST: snapshots_of(made[0])[FIRST]}
    assert json.loads(snapshots_of(spoilt)[FIRST]["metadata.json"])["known_until"] == FIRST


def test_sessions_between_a_years_end_and_the_monday_before_it_belong_to_no_week_yet(spoilt):
    stored = spoilt.instance.get_materialized_partitions(dg.AssetKey("daily_bars"))
    assert max(stored) == "2019-12-30"
    assert spoilt.read("daily_bars", "2019-12-30")["date"].max().isoformat() == "2019-12-27"


@pytest.fixture(scope="module")
def walked(made, build_house):
    house = settle(build_house(made[0]))
    return house, house.run_range(MONDAYS, ["daily_bars", "walk_forward_forecasts"])


def sources_of(house):
    rows = house.store.read("walk_forward_forecasts", list(MONDAYS))
    return {week: set(each["source"]) for week, each in rows.groupby("week")}


def test_a_week_is_forecast_by_the_newest_snapshot_strictly_before_its_monday(walked):
    house, went = walked
    assert went.success, went.errors
    assert sources_of(house) == {
        "2020-12-21": {"snapshot-2019-12-31"},
        "2020-12-28": {"snapshot-2019-12-31"},
        "2021-01-04": {"snapshot-2020-12-31"},
        "2021-01-11": {"snapshot-2020-12-31"},
    }


def test_every_name_that_traded_lately_has_a_row_and_none_without_a_number_has_no_reason(walked):
    house, went = walked
    bars = house.store.read("daily_bars", ["2020-12-14", *MONDAYS])
    rows = house.store.read("walk_forward_forecasts", list(MONDAYS))
    assert set(rows["symbol"]) == set(bars["symbol"])
    assert (rows["weekly_return"].isna() == (rows["reason"] != "")).all()
    assert went.metadata["walk_forward_forecasts"]["without_forecast"].value == rows["weekly_return"].isna().sum()
    assert "momentum" in table_in(went.metadata["walk_forward_forecasts"], "skill_lstm"), "beside what anyone could say"


def test_a_missing_snapshot_fails_with_the_command_that_makes_it(spoilt, build_house):
    """D15: every failure silently became momentum."""
    house = settle(build_house(spoilt))
    went = house.run_range(MONDAYS, ["daily_bars", "walk_forward_forecasts"])
    assert not went.success
    told, command = went.errors["walk_forward_forecasts"].splitlines()
    assert "ConfigurationError: lstm has no snapshot of 2020-12-31: make it first, or say in the settings" in told
    assert command == (
        "dagster asset materialize -m learnfinance_dagster.definitions --select lstm_snapshot --partition 2020-12-31"
    )
    assert not house.store.has("walk_forward_forecasts", MONDAYS[0]), "also not for the weeks that have one"


@pytest.mark.parametrize(("missing", "source"), [("momentum", "momentum"), ("closest", "snapshot-2019-12-31")])
def test_what_stands_in_for_a_missing_snapshot_says_so_in_every_row(spoilt, build_house, missing, source):
    house = settle(build_house(spoilt), missing_snapshot=missing)
    went = house.run_range(MONDAYS, ["daily_bars", "walk_forward_forecasts"])
    assert went.success, went.errors
    found = sources_of(house)
    assert found["2020-12-28"] == {"snapshot-2019-12-31"}
    assert found["2021-01-04"] == found["2021-01-11"] == {source}
    assert f"| lstm | {source} |" in table_in(went.metadata["walk_forward_forecasts"], "sources")
