"""Bars of many weeks: fetched once, stored under the Monday that first could know them, the same in every order."""

import warnings
from datetime import timedelta

import dagster as dg
import pytest
from tiny_forecasts import PLAIN

from assets import daily_bars, halal_universe, screened_universe_asset, weights_assets
from learnfinance_dagster.allocation import chosen
from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.definitions import build
from learnfinance_dagster.orchestration.partitions import WEEKLY
from resources.market_directory import DirectoryMarket

FIRST, LAST = "2021-03-15", "2021-04-19"
"""Six Mondays around Good Friday: 60 weeks before a short week are not 60 weeks before a Friday."""
RANGE = [key for key in WEEKLY.get_partition_keys() if FIRST <= key <= LAST]
PATH_INDEPENDENT = [daily_bars, halal_universe, screened_universe_asset(PLAIN), *weights_assets(chosen(PLAIN))]
BAR = dg.AssetKey("daily_bars")


class Counting(DirectoryMarket):
    """Notes every question about bars."""

    def bars(self, first, last, known_at, symbols=None):
        self.asked = [*getattr(self, "asked", []), (first, last)]
        return super().bars(first, last, known_at, symbols)


class KnowsTooMuch(DirectoryMarket):
    """Planted: also answers with sessions that are still to come."""

    def bars(self, first, last, known_at, symbols=None):
        later = timedelta(days=3)
        return super().bars(first, last + later, known_at + later, symbols)


@pytest.fixture(scope="module")
def frames(traded, practice_folder):
    return DirectoryMarket.from_directory(practice_folder).frames


class Open:
    """A market door that is open already."""

    def __init__(self, market):
        self.market = market

    def open(self):
        return self.market


def materialize_range(house, market):
    """All weeks of the range in one run."""
    defs = build(house.settings, Open(market))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dg.materialize(
            PATH_INDEPENDENT,
            resources=defs.resources,
            instance=house.instance,
            tags={"dagster/asset_partition_range_start": FIRST, "dagster/asset_partition_range_end": LAST},
        )


@pytest.fixture(scope="module")
def ranged(build_house, frames):
    """Six weeks in one run, and how often the market was asked."""
    house, market = build_house(), Counting(frames)
    result = materialize_range(house, market)
    assert result.success
    return house, market


def test_six_weeks_in_one_run_ask_the_market_for_bars_once(ranged):
    _, market = ranged
    assert len(RANGE) == 6
    assert len(market.asked) == 1


def test_six_weeks_in_one_run_are_byte_for_byte_six_runs_of_one_week(ranged, build_house):
    house = build_house()
    for week in RANGE:
        went = house.run("research", week, select=[asset.key.path[-1] for asset in PATH_INDEPENDENT])
        assert went.success, went.errors
    alone, together = house.files("artifacts"), ranged[0].files("artifacts")
    assert sorted(alone) == sorted(together)
    assert [name for name in alone if alone[name] != together[name]] == []


def test_every_session_is_stored_once_under_the_first_monday_that_could_know_it(ranged):
    house, _ = ranged
    stored = house.store.read("daily_bars", sorted(house.instance.get_materialized_partitions(BAR)))
    assert not stored.duplicated(["symbol", "date"]).any()
    for key, rows in stored.groupby("week"):
        week = week_from_key(key)
        assert rows["date"].max() == week.last_session
    assert stored["date"].nunique() > 300


def test_a_monday_fetches_the_weeks_of_history_that_are_missing_and_records_them(traded):
    stored = {path.stem for path in (traded.house.root / "artifacts" / "daily_bars").iterdir()}
    assert len(stored) == 61
    assert traded.house.instance.get_materialized_partitions(BAR) == stored
    assert [went.metadata["daily_bars"]["weeks_of_history_filled"].value for went in traded.went] == [59, 0]


def test_an_earlier_week_is_the_same_whether_later_weeks_are_stored_or_not(build_house):
    earlier, later = "2020-12-07", "2021-06-07"
    alone, after = build_house(), build_house()
    for week in (later, earlier):
        assert after.run("research", week, select=["daily_bars"]).success
    assert alone.run("research", earlier, select=["daily_bars"]).success
    wanted, found = alone.files("artifacts"), after.files("artifacts")
    assert [name for name in wanted if wanted[name] != found[name]] == []


def test_a_source_that_knows_the_future_is_refused_by_name_and_nothing_is_stored(build_house, frames):
    house = build_house()
    went = house.run("monday", "2021-06-14", select=["daily_bars"], market=KnowsTooMuch(frames))
    assert not went.success
    assert "LookAheadError: practice market gave a bar of 2021-06-14" in went.errors["daily_bars"]
    assert house.files("artifacts") == {}
