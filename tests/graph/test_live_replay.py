"""Live Mondays of the real graph, and their replays from what was kept: the same bytes, whatever came later."""

import shutil
from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace

import dagster as dg
import pytest
from live_scene import FIRST, MONDAY, NOW, Vendors, World, fresh_yfinance
from tiny_forecasts import PLAIN
from vendor_server import VendorServer

from learnfinance_dagster.parameters import (
    AllocationParameters,
    ForecastParameters,
    OrderParameters,
    UniverseParameters,
)
from learnfinance_dagster.settings import Settings
from resources.live_market.door import LiveMarketDoor
from resources.market_directory import DirectoryMarket, load
from resources.market_directory.poison import Poison, poisoned

WEEK = timedelta(weeks=1)
WEEKS = [(MONDAY + n * WEEK).isoformat() for n in range(3)]
EVIDENCE = ("daily_bars", "halal_universe")
WHOLE = WEEKS[:2]
"""Mondays that are traded; of the third one only the evidence is gathered."""


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def lived(house_of, tmp_path_factory, monkeypatch_module):
    """Three live Mondays, between which all went wrong that can; the vendors are gone afterwards."""
    data = tmp_path_factory.mktemp("live")
    fresh_yfinance(monkeypatch_module, data / "yfinance")
    world = World(silent_until={("BRK.B", date(2025, 10, 31)): NOW + timedelta(days=2)})
    with VendorServer() as server, dg.DagsterInstance.ephemeral() as instance:
        vendors = Vendors(server, world)
        vendors.open()
        house = house_of(settings(data, "live", vendors.endpoints), instance)
        door = LiveMarketDoor(
            data / "market",
            house.root,
            house.settings.universe.funds,
            house.settings.live,
            vendors.endpoints,
            lambda: world.now,
        )
        went = []
        for number, week in enumerate(WEEKS):
            world.now = NOW + number * WEEK
            went.append(run(house, week, door.open()))
            come_later(world, number)
            vendors.open()
    return SimpleNamespace(house=house, went=went, folder=data / "market")


def run(house, week, market=None):
    """By the clock of that Monday: the forward record says when it was written, so a replay on another day differs."""
    house = replace(house, clock=lambda: NOW + WEEKS.index(week) * WEEK)
    if week in WHOLE:
        return house.run("monday", week, market=market)
    return house.run("research", week, select=[*EVIDENCE, "screened_universe"], market=market)


def come_later(world, number):
    """What happens in the weeks after the first and the second Monday."""
    if number == 0:
        world.splits["NVDA", date(2025, 11, 5)] = 10.0
        world.dividends |= {("AAPL", date(2025, 11, 6)): 0.26, ("MSFT", date(2025, 10, 29)): 0.9}
        world.told_late["MSFT", date(2025, 10, 29)] = NOW + WEEK
        world.restated["MSFT", date(2025, 10, 30)] = 1.07
    if number == 1:
        world.names["TSLA"] = 250.0
        world.holdings["SPUS"] = {"AAPL": 30.0, "TSLA": 69.0}


def settings(data, market, endpoints=None, folder=None):
    known = Settings()
    live = known.live.model_copy(
        update={"wahed_sheets": {"HLAL": "HLAL"}, "history_first": FIRST, "yahoo_per_second": 20}
    )
    return Settings(
        data=data,
        market=market,
        market_directory=folder,
        market_clock="decision",
        universe=UniverseParameters(funds=("SPUS", "HLAL"), top=8, min_sessions=60, min_dollar_volume=0, min_price=1),
        allocation=AllocationParameters(lookback_returns=60, min_returns=20),
        orders=OrderParameters(dead_band=0),
        forecasting=ForecastParameters(enabled=()),
        allocators=PLAIN,
        live=live,
        endpoints=endpoints or known.endpoints,
    )


@pytest.fixture
def replayed(lived, house_of, tmp_path):
    """Runs weeks again from a market, in a house of its own, without any vendor."""

    def again(weeks, frames=None):
        folder = tmp_path / "market"
        if not folder.exists():
            shutil.copytree(lived.folder, folder)
        found = settings(tmp_path / "again", "directory", folder=folder)
        with dg.DagsterInstance.ephemeral() as instance:
            house = house_of(found, instance)
            market = DirectoryMarket.from_frames(frames) if frames else None
            for week in weeks:
                went = run(house, week, market)
                assert went.success, went.errors
        return house

    return again


def artifacts(house, weeks, names=None):
    """Name → bytes, of those weeks."""
    found = house.files("artifacts")
    return {
        name: content
        for name, content in found.items()
        if any(week in name for week in weeks) and (names is None or name.split("/")[1] in names)
    }


def differing(mine, theirs):
    assert mine.keys() == theirs.keys()
    return [name for name in mine if mine[name] != theirs[name]]


def test_three_live_mondays_succeed_with_everything_green(lived):
    for went in lived.went:
        assert went.success, went.errors
        assert {name: said for name, (passed, said) in went.checks.items() if not passed} == {}


def test_live_accounts_trade(lived):
    plan = lived.house.read("hrp_order_plan", WEEKS[0])
    assert {order.symbol for order in plan.orders} == {"AAPL", "BRK.B", "MSFT", "NVDA"}


def test_the_report_tells_where_everything_is_from(lived):
    report = lived.house.read("weekly_report", WEEKS[0])
    told = dict(report.provenance)
    assert told["Holdings"].startswith("SPUS of 2025-10-31 from SP Funds")
    assert told["Prices"] == "yahoo, up to 2025-10-31, asked at 2025-11-03 12:32 UTC for 4 names"
    later = lived.house.read("weekly_report", WEEKS[1])
    assert any("stored values differently, e.g. MSFT 2025-10-30" in text for text in later.caveats)


def test_every_live_week_is_replayed_without_a_network_to_the_byte(lived, replayed):
    house = replayed(WEEKS)
    mine, theirs = artifacts(lived.house, WEEKS), artifacts(house, WEEKS)
    assert len(mine) > 40
    assert differing(mine, theirs) == []


def test_one_week_alone_has_the_evidence_that_it_had_among_the_others(lived, replayed):
    """The weeks before it are fetched in one go, and still hold what their own Mondays knew."""
    house = replayed(WEEKS[2:])
    before = [(MONDAY - n * WEEK).isoformat() for n in range(20)]
    weeks = [*before, *WEEKS]
    assert differing(artifacts(lived.house, weeks, EVIDENCE[:1]), artifacts(house, weeks, EVIDENCE[:1])) == []
    assert differing(artifacts(lived.house, WEEKS[2:], EVIDENCE), artifacts(house, WEEKS[2:], EVIDENCE)) == []


def test_a_replay_reads_nothing_that_came_later(lived, replayed):
    spoilt = poisoned(load(lived.folder), NOW - timedelta(minutes=2), Poison.SHOCK)
    house = replayed(WEEKS[:1], frames=spoilt)
    assert differing(artifacts(lived.house, WEEKS[:1]), artifacts(house, WEEKS[:1])) == []


def test_a_name_that_came_later_has_its_history_in_the_week_of_its_arrival(lived):
    old = lived.house.read("daily_bars", WEEKS[1])
    new = lived.house.read("daily_bars", WEEKS[2])
    assert "TSLA" not in set(old["symbol"])
    assert new.loc[new["symbol"] == "TSLA", "date"].min() == FIRST
    screened = lived.house.read("screened_universe", WEEKS[2]).set_index("symbol")
    assert screened.loc["TSLA", "kept"]
    assert screened.loc["TSLA", "sessions"] > 100


def test_a_late_bar_stands_in_the_next_week(lived):
    friday = date(2025, 10, 31)
    weeks = [lived.house.read("daily_bars", week) for week in WEEKS[:2]]
    of_friday = [set(bars.loc[bars["date"] == friday, "symbol"]) for bars in weeks]
    assert of_friday == [{"AAPL", "MSFT", "NVDA"}, {"BRK.B"}]
