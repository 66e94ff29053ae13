"""What every market must do, wherever its prices come from."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from live_scene import FIRST, NOW, WEEK, Vendors, World, fresh_yfinance
from vendor_server import VendorServer

from learnfinance_dagster.calendar import decision_time, last_closed_session, new_york_day, session_close
from learnfinance_dagster.ports import Market, MarketInfo, PriceBasis
from resources.live_market.door import LiveMarketDoor
from resources.market_directory import DirectoryMarket, MarketFrames
from resources.practice_market import PracticeSpec, ensure

COLUMNS = ["date", "symbol", "open", "high", "low", "close", "volume", "split_ratio", "dividend", "delisting"]
FUNDS = ("SPUS", "HLAL")


@pytest.fixture(scope="module")
def markets(tmp_path_factory):
    """Name → market; the live one has seen three Mondays, and something came late."""
    folder = tmp_path_factory.mktemp("markets")
    spec = PracticeSpec(seed=5, symbols=12, first=date(2025, 1, 6), last=date(2025, 12, 19), signal_strength=0.0)
    ensure(folder / "practice", spec)
    with pytest.MonkeyPatch.context() as patch:
        live = _live(folder, patch)
    directory = MarketFrames(
        MarketInfo("scene", False, PriceBasis.AS_TRADED, FIRST, date(2025, 11, 14)),  # noqa: FBT003  the port's order
        World(now=NOW + 2 * WEEK).bars("AAPL").drop(columns=["split", "dividend"]).assign(symbol="AAPL"),
        holdings=pd.DataFrame(
            {"fund": ["SPUS"], "date": [date(2025, 10, 31)], "symbol": ["AAPL"], "weight_pct": [9.0]}
        ),
    )
    return {
        "practice": DirectoryMarket.from_directory(folder / "practice"),
        "directory": DirectoryMarket.from_frames(directory),
        "live": live,
    }


def _live(folder, patch):
    from learnfinance_dagster.settings import Settings

    fresh_yfinance(patch, folder / "yfinance")
    friday = date(2025, 10, 31)
    world = World(silent_until={("MSFT", friday): NOW + WEEK})
    with VendorServer() as server:
        vendors = Vendors(server, world)
        vendors.open()
        told = {"wahed_sheets": {"HLAL": "HLAL"}, "history_first": FIRST, "yahoo_per_second": 20.0}
        live = Settings().live.model_copy(update=told)
        for monday in range(3):
            world.now = NOW + monday * WEEK
            world.splits["NVDA", friday + monday * WEEK] = 2.0
            door = LiveMarketDoor(folder / "live", folder / "root", FUNDS, live, vendors.endpoints, lambda: world.now)
            market = door.open()
    return market


@pytest.fixture(params=["practice", "directory", "live"])
def market(request, markets) -> Market:
    return markets[request.param]


MOMENTS = {
    "a decision": decision_time(date(2025, 11, 3)),
    "just before a close": session_close(date(2025, 11, 5)) - timedelta(microseconds=1),
    "a close": session_close(date(2025, 11, 5)),
    "a week later": decision_time(date(2025, 11, 10)),
    "long after": datetime(2026, 3, 1, tzinfo=UTC),
}
at_each_moment = pytest.mark.parametrize("known_at", MOMENTS.values(), ids=MOMENTS)
LAST = MOMENTS["long after"]


def ask(market, known_at, symbols=None):
    return market.bars(date(2025, 9, 2), date(2026, 2, 1), known_at, symbols)


def test_it_says_who_it_is(market):
    info = market.info
    assert info.name
    assert info.first_session < info.last_session


@at_each_moment
def test_bars_have_their_columns_in_order(market, known_at):
    bars = ask(market, known_at)
    assert bars.columns.tolist() == COLUMNS
    assert len(bars)
    pd.testing.assert_frame_equal(bars, bars.sort_values(["symbol", "date"], ignore_index=True))
    assert not bars.duplicated(["symbol", "date"]).any()
    assert (bars[["open", "high", "low", "close", "split_ratio"]] > 0).all(axis=None)
    assert bars["volume"].dtype == np.int64


@at_each_moment
def test_no_bar_is_of_a_session_that_had_not_closed(market, known_at):
    assert ask(market, known_at)["date"].max() <= last_closed_session(known_at)


def test_a_moment_without_a_time_zone_is_refused(market):
    with pytest.raises(ValueError, match="time zone"):
        ask(market, datetime(2025, 11, 3))  # noqa: DTZ001  that is the case


@at_each_moment
def test_a_narrow_question_has_the_same_answer_as_that_part_of_a_wide_one(market, known_at):
    wide = ask(market, known_at)
    name = wide["symbol"].iloc[0]
    same = wide[wide["symbol"] == name].reset_index(drop=True)
    pd.testing.assert_frame_equal(ask(market, known_at, [name]), same)


def test_prices_of_what_was_known_do_not_change_by_what_came_later(market):
    for early, late in pairwise(MOMENTS.values()):
        both = ask(market, early).merge(ask(market, late), on=["symbol", "date"], suffixes=("", "_late"))
        for name in ("open", "high", "low", "close", "volume"):
            assert (both[name] == both[f"{name}_late"]).all()


@at_each_moment
def test_holdings_are_from_before_the_day_and_the_heaviest_comes_first(market, known_at):
    held = market.holdings(FUNDS, known_at)
    assert held.columns.tolist() == ["fund", "date", "symbol", "weight_pct"]
    assert (held["date"] < new_york_day(known_at)).all()
    for _, rows in held.groupby("fund"):
        assert len(set(rows["date"])) == 1
        assert rows["weight_pct"].is_monotonic_decreasing


def test_of_a_fund_that_nobody_knows_there_are_no_holdings(market):
    assert market.holdings(["NOSUCH"], LAST).empty


@at_each_moment
def test_latecomers_had_come_by_then(market, known_at):
    late = market.latecomers(known_at)
    assert late.columns.tolist() == ["symbol", "date", "what", "known_at"]
    assert set(late["what"]) <= {"bar", "split_ratio", "dividend", "delisting"}
    assert (late["known_at"] <= known_at).all()
    assert (late["date"] <= last_closed_session(known_at)).all()


def test_notes_are_texts(market):
    for moment in MOMENTS.values():
        assert all(note.topic and note.text for note in market.notes(moment))


def test_members_are_names_or_nobody_knows(market):
    members = market.members(MOMENTS["a decision"])
    assert members is None or (members and all(isinstance(name, str) for name in members))


def test_the_live_market_had_latecomers_and_notes(markets):
    late = markets["live"].latecomers(LAST)
    assert late[["symbol", "what"]].to_numpy().tolist() == [["MSFT", "bar"]]
    assert markets["live"].notes(MOMENTS["a decision"])
