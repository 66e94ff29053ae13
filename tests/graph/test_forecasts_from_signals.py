"""The configuration `signals`: a forecaster that reads `state_features` besides prices."""

import json

import pytest
from tiny_forecasts import TINY

from learnfinance_dagster.forecasting.card import card_of
from learnfinance_dagster.forecasting.panel import OHLCV
from learnfinance_dagster.signals.state import FEATURES

EVIDENCE = (
    *("halal_universe", "news_articles", "news_coverage", "news_sentiment"),
    *("filings", "fundamentals", "state_features"),
)
LEARNED = ("2020-03-02", "2020-04-27")
SERVES = "2021-06-07"


@pytest.fixture(scope="module")
def reading(build_house):
    """A house whose patchtst reads signals; those of nine weeks are stored."""
    house = build_house().with_settings(forecasting=TINY.model_copy(update={"channels": "signals"}))
    assert house.run_range(LEARNED, EVIDENCE).success
    return house


@pytest.fixture(scope="module")
def trained(reading):
    went = reading.run("retrain", SERVES, select=["patchtst_model"])
    assert went.success, went.errors
    return reading.read("patchtst_model", SERVES)


def test_without_any_stored_signals_it_says_what_to_materialize_first(build_house):
    house = build_house().with_settings(forecasting=TINY.model_copy(update={"channels": "signals"}))
    went = house.run("retrain", SERVES, select=["patchtst_model"])
    assert "no state_features up to" in went.errors["patchtst_model"]
    assert "LEARNFINANCE_FORECASTING__CHANNELS=ohlcv" in went.errors["patchtst_model"]


def test_the_version_reads_prices_and_signals_and_keeps_what_fills_their_gaps(reading, trained):
    assert trained.channels == (*OHLCV, *FEATURES)
    assert trained.configuration["channels"] == "signals"
    store = reading.root / "models" / "patchtst" / trained.version
    assert json.loads((store / "imputation.json").read_text())["features"] == list(FEATURES)


def test_it_was_judged_beside_the_version_in_use_which_reads_prices_only(reading, trained):
    before = trained.evaluation.current_version
    card = card_of({"metadata.json": (reading.root / "models" / "patchtst" / before / "metadata.json").read_bytes()})
    assert card.channels == OHLCV
    assert trained.evaluation.current is not None


def test_signals_of_weeks_after_the_training_windows_change_no_fill(reading, trained, traded, build_house):
    """The imputation is fitted on weeks of training windows alone."""
    later = build_house(reading).with_settings(forecasting=reading.settings.forecasting)
    assert later.run_range(("2021-05-31", "2021-05-31"), EVIDENCE).success
    assert later.run("retrain", SERVES, select=["patchtst_model"]).success
    folder = later.root / "models" / "patchtst"
    fills = {path.read_bytes() for path in folder.glob("*/imputation.json")}
    assert len(fills) == 1


def test_a_monday_forecasts_with_it_and_waits_for_the_weeks_signals(reading, trained, build_house):
    house = build_house(reading).with_settings(forecasting=reading.settings.forecasting)
    (house.root / "models" / "patchtst" / "current").write_text(f"{trained.version}\n")
    went = house.run("monday", SERVES)
    assert went.success, went.errors
    rows = house.read("patchtst_forecast", SERVES)
    assert set(rows["model_version"]) == {trained.version}
    assert rows["weekly_return"].notna().all()
