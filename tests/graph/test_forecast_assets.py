"""Candidates and weekly forecasts in the real graph."""

import logging
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import dagster as dg
import pandas as pd
import pytest
from forecast_scene import one_thread
from tiny_forecasts import TINY

from assets.market_data import every_bar
from learnfinance_dagster import definitions, wiring
from learnfinance_dagster.calendar import sessions_between, week_from_key
from learnfinance_dagster.definitions import build
from learnfinance_dagster.forecasting import FORECASTERS
from learnfinance_dagster.forecasting.card import card_of
from learnfinance_dagster.ports import MarketInfo, PriceBasis
from learnfinance_dagster.values import Mode
from learnfinance_dagster.wiring import models_door
from resources.market_directory import DirectoryMarket

SCHOOLED = "2019-12-30"
"""The Monday that every house's models were trained for."""
LSTM_ALONE = TINY.model_copy(update={"enabled": ("lstm",)})
UPSTREAM = ["daily_bars", "halal_universe", "screened_universe"]
FORECASTS = ("lstm_forecast", "patchtst_forecast")


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with one_thread():
        yield


def models_of(house):
    return models_door(house.settings).open()


def cards_of(house, name="lstm"):
    store = models_of(house)
    return {version: card_of(store.read(name, version)) for version in store.versions(name)}


# The Monday graph.


@pytest.mark.parametrize("asset", FORECASTS)
def test_only_screened_names_get_forecasts_and_each_has_a_row(traded, asset):
    for week in traded.weeks:
        screened = traded.house.read("screened_universe", week)
        rows = traded.house.read(asset, week)
        assert rows["symbol"].tolist() == sorted(screened.loc[screened["kept"], "symbol"])
        assert (rows["weekly_return"].isna() == (rows["reason"] != "")).all()
        assert (rows["direction"] == "").equals(rows["weekly_return"].isna())
        assert rows["weekly_return"].notna().any()


@pytest.mark.parametrize("asset", FORECASTS)
def test_every_row_names_the_version_and_the_last_session_before_the_decision(traded, asset):
    store = models_of(traded.house)
    for week in traded.weeks:
        rows = traded.house.read(asset, week)
        assert set(rows["model_version"]) == {store.current(asset.removesuffix("_forecast"))}
        assert set(rows["data_end_date"].dropna()) == {week_from_key(week).last_session}


def test_the_page_of_a_forecast_tells_its_version_and_how_many_names_it_has(traded):
    for week, went in zip(traded.weeks, traded.went, strict=True):
        told, rows = went.metadata["lstm_forecast"], traded.house.read("lstm_forecast", week)
        assert told["model_version"].value == rows["model_version"].iloc[0]
        assert told["forecast"].value == rows["weekly_return"].notna().sum()
        assert told["forecast"].value + told["not_forecast"].value == told["dagster/row_count"].value == len(rows)


@pytest.fixture(scope="module")
def retrained(traded, build_house):
    """The traded house, after a candidate for the next week was trained and put in use."""
    house = build_house(traded.house).with_settings(forecasting=LSTM_ALONE)
    before = house.files("artifacts", "outbox")
    went = house.run("retrain", traded.next_week)
    assert went.success, went.errors
    card = house.read("lstm_model", traded.next_week)
    models_of(house).set_current("lstm", card.version)
    return house, before, went, card


def test_a_candidate_is_judged_beside_the_version_in_use_and_its_page_tells_both(retrained, traded):
    _, _, went, card = retrained
    judged, decision, told = card.evaluation, card.decision, went.metadata["lstm_model"]
    assert decision.current == judged.current_version == models_of(traded.house).current("lstm")
    assert decision.current_mse == judged.current.model.mse
    assert judged.current.model.weeks == judged.skill.model.weeks == TINY.held_out_weeks
    assert dict(judged.current.rows)["zero"] == dict(judged.skill.rows)["zero"], "on the same weeks and names"
    assert decision.promoted == (
        decision.candidate_mse < decision.current_mse and judged.skill_passed and judged.placebo_passed
    )
    assert told["decision"].value == decision.reason
    assert f"in use: {decision.current}" in told["skill"].value
    assert told["skill_picture"].value.startswith("![picture](data:image/png;base64,")
    assert not told["cached"].value


def test_skill_and_placebo_are_checks_of_the_model(retrained):
    _, _, went, card = retrained
    found = {check.check_name: check.passed for check in went.result.get_asset_check_evaluations()}
    assert found == {"skill": card.evaluation.skill_passed, "placebo": card.evaluation.placebo_passed}


def test_a_version_knows_the_session_before_its_monday_and_its_held_out_weeks_are_the_newest(retrained, traded):
    _, _, _, card = retrained
    assert card.known_until == week_from_key(traded.next_week).last_session
    newest = date.fromisoformat(card.evaluation.skill.last_week)
    assert newest + timedelta(days=7) == card.serves, "the newest week whose five sessions are over"


def test_a_traded_weeks_forecasts_never_change_whatever_is_put_in_use_later(retrained, traded, build_house):
    """Planted: the new version is said to have been trained for that very Monday, so that it might forecast it."""
    (kept, before, _, card), week = retrained, week_from_key(traded.weeks[1])
    house = build_house(kept)
    claims = replace(card, version="v2021-06-13-ffffffffffff", serves=week.monday, known_until=week.last_session)
    store = models_of(house)
    store.write("lstm", claims.version, {**store.read("lstm", card.version), "metadata.json": claims.content()})
    store.set_current("lstm", claims.version)
    went = house.run("monday", week.key)
    assert went.success, went.errors
    assert went.metadata["lstm_forecast"]["model_version"].value == models_of(traded.house).current("lstm")
    after = house.files("artifacts", "outbox")
    assert [name for name, content in before.items() if after[name] != content] == []


def test_a_week_before_the_newest_model_is_forecast_by_the_one_that_was_in_use_then(retrained, traded, build_house):
    house, week = build_house(retrained[0]).with_settings(forecasting=LSTM_ALONE), "2021-05-31"
    for each in (week, traded.next_week):
        went = house.run("research", each, select=[*UPSTREAM, "lstm_forecast"])
        assert went.success, went.errors
    assert set(house.read("lstm_forecast", week)["model_version"]) == {models_of(traded.house).current("lstm")}
    assert set(house.read("lstm_forecast", traded.next_week)["model_version"]) == {retrained[3].version}


# A Monday that nobody trained for.


@pytest.fixture(scope="module")
def untrained(build_house):
    """The first Monday of a house without any model."""
    house = build_house()
    shutil.rmtree(house.root / "models")
    return house, house.run("monday", "2021-06-07")


def test_a_monday_without_any_model_trades_all_the_same(untrained):
    house, went = untrained
    assert went.success, went.errors
    for account in ("hrp", "equal_weight"):
        fills = house.read(f"{account}_fills", "2021-06-07")
        assert fills.mode is Mode.LIVE
        assert fills.fills


@pytest.mark.parametrize("asset", FORECASTS)
def test_a_monday_without_any_model_has_rows_with_the_reason_and_a_red_check(untrained, asset):
    house, went = untrained
    rows = house.read(asset, "2021-06-07")
    name = asset.removesuffix("_forecast")
    why = f"no {name} model had been trained by 2021-06-07: run make train WEEK=2021-06-07 FORECASTER={name}"
    screened = house.read("screened_universe", "2021-06-07")
    assert set(rows["symbol"]) == set(screened.loc[screened["kept"], "symbol"])
    assert rows["weekly_return"].isna().all(), "no guess, and no zero"
    assert set(rows["model_version"]) == set(rows["direction"]) == {""}
    assert rows["reason"].str.startswith(f"failed: {why}").all()
    passed, said = went.checks[asset]
    assert not passed
    assert why in said


def test_a_monday_without_any_model_says_so_in_the_e_mail(untrained):
    page = (untrained[0].root / "outbox" / "weekly-2021-06-07.html").read_text(encoding="utf-8")
    for name in ("lstm", "patchtst"):
        assert f"no {name} model had been trained by 2021-06-07" in page


def test_a_research_run_without_any_model_fails_and_stores_nothing(untrained, build_house):
    house = build_house(untrained[0])
    went = house.run("research", "2021-06-14", select=[*UPSTREAM, "lstm_forecast"])
    assert "make train WEEK=2021-06-14 FORECASTER=lstm" in went.errors["lstm_forecast"]
    assert not house.store.has("lstm_forecast", "2021-06-14")


def test_a_version_whose_card_says_that_it_knows_the_week_fails_the_run_and_nothing_stands_in(untrained, build_house):
    """Planted: a snapshot of an earlier year that was trained on later bars."""
    house, schooled = build_house(untrained[0]), build_house()
    ((version, card),) = cards_of(schooled).items()
    claims = replace(card, version="snapshot-2020-12-31", known_until=date(2021, 6, 14))
    files = {**models_of(schooled).read("lstm", version), "metadata.json": claims.content()}
    models_of(house).write("lstm", claims.version, files)
    went = house.run("monday", "2021-06-14", select=[*UPSTREAM, "lstm_forecast"])
    assert not went.success
    assert "LookAheadError: lstm snapshot-2020-12-31 knows 2021-06-14" in went.errors["lstm_forecast"]
    assert not house.store.has("lstm_forecast", "2021-06-14")
    later = house.run("monday", "2021-06-21", select=[*UPSTREAM, "lstm_forecast"])
    assert later.success, "what it says it knows is over by then"


def test_a_version_that_cannot_be_read_is_a_stand_in_and_not_an_older_version(build_house):
    house = build_house()
    (version,) = cards_of(house)
    weights = house.root / "models" / "lstm" / version / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    went = house.run("monday", "2021-06-07", select=[*UPSTREAM, "lstm_forecast"])
    assert went.success, went.errors
    assert "weights.safetensors" in went.checks["lstm_forecast"][1]
    assert house.read("lstm_forecast", "2021-06-07")["weekly_return"].isna().all()


# Training.


@pytest.fixture(scope="module")
def frames(practice_folder):
    return DirectoryMarket.from_directory(practice_folder).frames


def test_the_same_inputs_are_a_cached_result_and_nothing_is_written(build_house):
    house = build_house().with_settings(forecasting=LSTM_ALONE)
    before = house.files("models")
    went = house.run("retrain", SCHOOLED)
    assert went.success, went.errors
    assert went.metadata["lstm_model"]["cached"].value
    assert house.files("models", "checkpoints") == before
    assert {check.check_name for check in went.result.get_asset_check_evaluations()} == {"skill", "placebo"}


class Changed(DirectoryMarket):
    """Planted: one bar of one name is another one."""

    def bars(self, first, last, known_at, symbols=None):
        bars = super().bars(first, last, known_at, symbols)
        other = (bars["symbol"] == "DEVA") & (bars["date"] == date(2019, 5, 6))
        return bars.assign(close=bars["close"].where(~other, bars["low"]))


def test_d27_a_changed_bar_is_another_version_and_the_first_one_stays(build_house, frames):
    """D27: data was not in the hash, so that training was skipped."""
    house = build_house().with_settings(forecasting=LSTM_ALONE)
    first = house.files("models/lstm")
    went = house.run("retrain", SCHOOLED, market=Changed(frames))
    assert went.success, went.errors
    assert not went.metadata["lstm_model"]["cached"].value
    versions = cards_of(house)
    assert len(versions) == len({card.data_hash for card in versions.values()}) == 2
    after = house.files("models/lstm")
    assert [name for name, content in first.items() if after[name] != content and "current" not in name] == []


def test_a_model_trained_on_the_weekend_is_the_one_trained_on_the_monday_and_stores_no_week_too_early(
    build_house, monkeypatch
):
    """On Sunday the Monday's week is no partition yet: its bars are used, and not kept."""
    house, week = build_house().with_settings(forecasting=LSTM_ALONE), "2020-03-02"
    monkeypatch.setattr(wiring, "now", lambda: datetime(2020, 3, 1, 12, tzinfo=UTC))
    went = house.run("retrain", week)
    assert went.success, went.errors
    stored = house.instance.get_materialized_partitions(dg.AssetKey("daily_bars"))
    assert (min(stored), max(stored), len(stored)) == ("2019-01-14", "2020-02-24", 59)
    assert house.store.read("daily_bars", sorted(stored))["date"].max() == date(2020, 2, 21)
    assert house.read("lstm_model", week).known_until == date(2020, 2, 28)

    monkeypatch.setattr(wiring, "now", lambda: datetime(2020, 3, 2, 13, tzinfo=UTC))
    again = house.run("retrain", week)
    assert again.metadata["lstm_model"]["cached"].value
    assert house.store.has("daily_bars", week)


def test_training_beyond_the_market_is_refused_before_anything_is_stored(build_house):
    house = build_house().with_settings(forecasting=LSTM_ALONE)
    went = house.run("retrain", "2021-07-12")
    assert "practice market holds 2019-01-07 to 2021-06-30; weeks of bars up to 2021-07-09" in went.errors["lstm_model"]
    assert house.files("artifacts") == {}


class OldMarket:
    """One name, from before there were weeks to store bars under."""

    info = MarketInfo(
        name="old",
        is_practice=True,
        price_basis=PriceBasis.AS_TRADED,
        first_session=date(2009, 10, 1),
        last_session=date(2010, 3, 31),
    )

    def bars(self, first, last, _known_at):
        days = sessions_between(max(first, self.info.first_session), last)
        prices = dict.fromkeys(("open", "high", "low", "close", "volume", "split_ratio"), 1.0)
        bars = pd.DataFrame({"date": pd.Series(days, dtype=object), "symbol": pd.array(["A"] * len(days), dtype="str")})
        return bars.assign(**prices, dividend=0.0, delisting=0.0)

    def latecomers(self, _known_at):
        return pd.DataFrame()


def test_sessions_before_the_first_week_are_left_out(tmp_path):
    """Their Mondays are no partitions, and Dagster would be told of weeks that do not exist."""
    told = []
    context = SimpleNamespace(log_event=told.append, log=logging.getLogger("silent"))
    store = definitions.artifact_store(definitions.Settings(data=tmp_path))
    bars = every_bar(context, OldMarket(), store, date(2010, 2, 5), datetime(2010, 2, 6, tzinfo=UTC))
    assert [event.partition for event in told] == [
        f"2010-{day}" for day in ("01-04", "01-11", "01-18", "01-25", "02-01")
    ]
    assert (bars["date"].min(), bars["date"].max()) == (date(2009, 12, 28), date(2010, 2, 5))


@pytest.mark.parametrize(("week", "why"), [("2019-01-07", "weeks of bars up to"), ("2019-05-06", "too few")])
def test_too_little_history_is_refused_and_leaves_no_version(build_house, week, why):
    house = build_house().with_settings(forecasting=LSTM_ALONE)
    before = house.files("models")
    assert why in house.run("retrain", week).errors["lstm_model"]
    assert house.files("models") == before


def test_an_unknown_name_to_train_on_is_refused_by_name(build_house):
    named = LSTM_ALONE.model_copy(update={"symbols": ("DEVA", "NOBODY")})
    house = build_house().with_settings(forecasting=named)
    told = house.run("retrain", SCHOOLED).errors["lstm_model"]
    assert "LEARNFINANCE_FORECASTING__SYMBOLS names NOBODY, of which the market has no bars" in told


# The index, and the forecaster that reads it.


@pytest.fixture(scope="module")
def indexed(build_house, frames):
    """A market with an index in it, and both kinds of forecaster trained there."""
    index = frames.bars[frames.bars["symbol"] == "DEVA"].assign(symbol="^GSPC")
    bars = pd.concat([frames.bars, index]).sort_values(["symbol", "date"], ignore_index=True)
    market = DirectoryMarket.from_frames(replace(frames, bars=bars.astype(frames.bars.dtypes)))
    both = TINY.model_copy(update={"enabled": ("lstm", "transfer_lstm")})
    house = build_house().with_settings(forecasting=both)
    shutil.rmtree(house.root / "models")
    went = house.run("retrain", SCHOOLED, market=market)
    assert went.success, went.errors
    return house, market


def test_the_index_is_learned_by_transfer_lstm_alone_and_nobody_is_judged_on_it(indexed):
    house, _ = indexed
    lstm, transfer = (house.read(f"{name}_model", SCHOOLED) for name in ("lstm", "transfer_lstm"))
    assert "^GSPC" not in lstm.symbols
    assert set(transfer.symbols) == {*lstm.symbols, "^GSPC"}
    assert lstm.evaluation.skill.model.names == transfer.evaluation.skill.model.names
    assert dict(lstm.evaluation.skill.rows)["zero"] == dict(transfer.evaluation.skill.rows)["zero"]
    assert lstm.windows["held_out"] == transfer.windows["held_out"]


def job_of(forecasting, name):
    settings = definitions.Settings(forecasting=forecasting)
    return {key.path[-1] for key in build(settings).resolve_job_def(name).asset_layer.selected_asset_keys}


def test_transfer_lstm_is_no_part_of_the_monday_unless_settings_say_so():
    assert not any(name.startswith("transfer_lstm") for name in job_of(TINY, "monday"))
    assert not any(name.startswith("transfer_lstm") for name in job_of(TINY, "retrain"))
    every = TINY.model_copy(update={"enabled": tuple(each.name for each in FORECASTERS)})
    assert "transfer_lstm_forecast" in job_of(every, "monday")
    assert "transfer_lstm_model" in job_of(every, "retrain")
    assert "transfer_lstm_snapshot" in job_of(every, "snapshots")


def test_an_enabled_transfer_lstm_forecasts_a_monday_and_stands_in_the_report(indexed, build_house):
    house, market = indexed
    week = "2021-06-07"
    went = house.run("monday", week, market=market)
    assert went.success, went.errors
    assert went.red == {}
    rows = house.read("transfer_lstm_forecast", week)
    assert rows["weekly_return"].notna().any()
    assert "^GSPC" not in set(rows["symbol"])
    assert not house.store.has("patchtst_forecast", week), "it is not enabled here"
    told = [note.name for note in house.read("weekly_report", week).forecasts.forecasters]
    assert told == ["lstm", "transfer_lstm"]
