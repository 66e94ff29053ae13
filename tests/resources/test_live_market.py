"""The live market: what was fetched is kept, and no earlier decision is ever shown what came later."""

import json
import threading
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from live_scene import (
    DECISION,
    FIRST,
    KEY,
    MONDAY,
    NAMES,
    NOW,
    SECRET,
    WEEK,
    Vendors,
    World,
    chart,
    fresh_yfinance,
)
from vendor_server import Reply, VendorServer

from learnfinance_dagster.calendar import session_close
from learnfinance_dagster.errors import ConfigurationError, TransientError
from learnfinance_dagster.ports import CAVEAT
from learnfinance_dagster.settings import Settings
from resources.live_market.door import LiveMarketDoor
from resources.live_market.folder import MarketFolder
from resources.live_market.refresh import decision_before
from resources.market_directory import DirectoryMarket, load
from resources.market_directory.poison import Poison, poisoned

ALL = sorted(NAMES)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def vendors(tmp_path, monkeypatch):
    fresh_yfinance(monkeypatch, tmp_path / "yfinance")
    with VendorServer() as server:
        scene = Vendors(server, World())
        scene.open()
        yield scene


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "market"


def look(vendors, folder, now=NOW, **options):
    """Let the vendors be asked at that moment; what they were asked for, and the market."""
    vendors.world.now = now
    before = len(vendors.server.seen)
    vendors.refresher(folder, **options).refresh()
    asked = [seen for seen in vendors.server.seen[before:] if seen.path not in {"/", "/consent", "/v1/test/getcrumb"}]
    return asked, DirectoryMarket.from_directory(folder)


def seen_by(market, decision=DECISION):
    """All that a decision can learn."""
    bars = market.bars(FIRST, decision.date(), decision)
    return bars, market.holdings(["SPUS", "HLAL"], decision), market.notes(decision), market.latecomers(decision)


def assert_same(found, wanted):
    for mine, theirs in zip(found, wanted, strict=True):
        if isinstance(mine, pd.DataFrame):
            pd.testing.assert_frame_equal(mine, theirs)
        else:
            assert mine == theirs


def caveats(market, decision=DECISION):
    return [note.text for note in market.notes(decision) if note.topic == CAVEAT]


def looks(folder):
    return [json.loads(line) for line in (folder / "looks.jsonl").read_text().splitlines()]


def revisions(folder):
    return [json.loads(line) for line in (folder / "revisions.jsonl").read_text().splitlines()]


# The first look


def test_the_first_monday_has_bars_holdings_and_what_to_know_about_them(vendors, folder):
    _, market = look(vendors, folder)
    bars, holdings, notes, late = seen_by(market)
    assert sorted(bars["symbol"].unique()) == ALL
    assert (bars["date"].min(), bars["date"].max()) == (FIRST, date(2025, 10, 31))
    assert holdings["symbol"].tolist() == ["AAPL", "MSFT", "BRK.B", "NVDA"]
    assert [note.topic for note in notes] == ["prices", "holdings"]
    assert late.empty
    assert market.members(DECISION) is None
    assert [text.split(":")[0] for text in market.info.caveats] == [
        "survivorship",
        "history before 2025-11-03 was fetched on 2025-11-03",
    ]


def test_history_from_before_the_beginning_serves_earlier_windows_and_holdings_do_not(vendors, folder):
    """D9: today's fund lists must not stand for the past."""
    _, market = look(vendors, folder)
    earlier = DECISION - 4 * WEEK
    bars, holdings, notes, _ = seen_by(market, earlier)
    assert bars["date"].max() == date(2025, 10, 3)
    assert holdings.empty
    assert notes == ()


def test_on_the_same_day_nobody_is_asked_again(vendors, folder):
    look(vendors, folder)
    asked, _ = look(vendors, folder, NOW + HOUR)
    assert asked == []


def test_the_market_has_no_news_and_no_statements_of_its_own(vendors, folder):
    _, market = look(vendors, folder)
    answer = market.news.articles(["AAPL"], MONDAY - DAY, MONDAY, DECISION)
    assert set(answer.coverage["state"]) == {"not_fetched"}
    assert market.statements.filings(["AAPL"], DECISION).filings.empty


def test_old_tickers_are_one_company(vendors, folder):
    vendors.world.names["META"] = 600.0
    vendors.world.holdings["HLAL"] = {"FB": 97.0}
    vendors.open()
    _, market = look(vendors, folder)
    assert "META" in set(seen_by(market)[0]["symbol"])


def test_a_bar_that_is_not_final_is_not_stored(vendors, folder):
    close = session_close(date(2025, 10, 31))
    _, market = look(vendors, folder, close + 30 * MINUTE)
    assert market.info.last_session == date(2025, 10, 30)
    asked, market = look(vendors, folder, close + 61 * MINUTE)
    assert market.info.last_session == date(2025, 10, 31)
    assert asked


# A Monday later


def test_the_next_monday_asks_for_the_missing_sessions_only(vendors, folder):
    first, _ = look(vendors, folder)
    asked, market = look(vendors, folder, NOW + WEEK)
    charts = [seen for seen in asked if "chart" in seen.path]
    assert len(charts) == len(ALL) == len([seen for seen in first if "chart" in seen.path])
    since = {pd.Timestamp(int(seen.query["period1"]), unit="s", tz="America/New_York").date() for seen in charts}
    assert since == {date(2025, 10, 24)}, "five sessions before the newest that is stored"
    assert len(asked) == len(ALL) + 2, "and a file for each fund"
    assert market.info.last_session == date(2025, 11, 7)
    assert looks(folder)[-1]["new_bars"] == 5 * len(ALL)


def test_what_was_stored_stays_to_the_byte_of_a_value(vendors, folder):
    look(vendors, folder)
    before = pd.read_parquet(folder / "bars.parquet")
    vendors.world.splits["NVDA", date(2025, 11, 5)] = 10.0
    vendors.world.dividends["AAPL", date(2025, 11, 5)] = 0.26
    look(vendors, folder, NOW + WEEK)
    after = pd.read_parquet(folder / "bars.parquet")
    kept = after[after["date"] <= date(2025, 10, 31)].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, before)
    assert revisions(folder) == []


def test_a_later_split_is_a_row_of_its_own_session(vendors, folder):
    look(vendors, folder)
    vendors.world.splits["NVDA", date(2025, 11, 5)] = 10.0
    _, market = look(vendors, folder, NOW + WEEK)
    bars = market.bars(date(2025, 11, 4), date(2025, 11, 5), DECISION + WEEK, ["NVDA"])
    assert bars["split_ratio"].tolist() == [1.0, 10.0]
    assert bars["close"].iloc[0] > 8 * bars["close"].iloc[1]


def disturb(vendors):
    """All that can come later: splits, dividends, restatements, late news of both, new names, other holdings."""
    world = vendors.world
    world.splits |= {("NVDA", date(2025, 11, 5)): 10.0, ("AAPL", date(2025, 10, 22)): 2.0}
    world.told_late["AAPL", date(2025, 10, 22)] = NOW + WEEK
    world.dividends |= {("AAPL", date(2025, 11, 6)): 0.26, ("MSFT", date(2025, 10, 29)): 0.9}
    world.told_late["MSFT", date(2025, 10, 29)] = NOW + WEEK
    world.restated["MSFT", date(2025, 10, 30)] = 1.07
    world.names["TSLA"] = 250.0
    world.holdings["SPUS"] = {"AAPL": 30.0, "TSLA": 69.0}
    vendors.open()


def test_nothing_that_comes_later_changes_what_an_earlier_decision_saw(vendors, folder):
    vendors.world.silent_until["BRK.B", date(2025, 10, 31)] = NOW + 2 * DAY
    # of a split that is told late the price fell before: the first look saw it fall
    vendors.world.splits["AAPL", date(2025, 10, 22)] = 2.0
    vendors.world.told_late["AAPL", date(2025, 10, 22)] = NOW + WEEK
    _, market = look(vendors, folder)
    wanted = seen_by(market)
    disturb(vendors)
    for later in (2 * DAY + HOUR, WEEK, 2 * WEEK):
        _, market = look(vendors, folder, NOW + later)
        assert_same(seen_by(market), wanted)
    assert len(seen_by(market, DECISION + WEEK)[3]), "there were latecomers, and a later decision sees them"


@pytest.mark.parametrize("how", list(Poison))
def test_no_answer_to_an_earlier_decision_is_made_of_rows_that_came_later(vendors, folder, how):
    vendors.world.silent_until["BRK.B", date(2025, 10, 31)] = NOW + 2 * DAY
    look(vendors, folder)
    disturb(vendors)
    for later in (2 * DAY + HOUR, WEEK):
        _, market = look(vendors, folder, NOW + later)
    spoilt = DirectoryMarket.from_frames(poisoned(load(folder), DECISION, how))
    assert_same(seen_by(spoilt), seen_by(market))


def test_a_bar_that_came_late_is_known_from_the_look_that_found_it(vendors, folder):
    vendors.world.silent_until["BRK.B", date(2025, 10, 31)] = NOW + 2 * DAY
    look(vendors, folder)
    found = NOW + 2 * DAY + HOUR
    _, market = look(vendors, folder, found)
    friday = date(2025, 10, 31)
    for moment, names in ((DECISION, 3), (found - MINUTE, 3), (found, 4)):
        assert len(market.bars(friday, friday, moment)) == names
    late = market.latecomers(found)
    assert late[["symbol", "date", "what"]].to_numpy().tolist() == [["BRK.B", friday, "bar"]]


def test_a_name_that_a_fund_bought_later_has_its_history_from_then_on(vendors, folder):
    look(vendors, folder)
    disturb(vendors)
    _, market = look(vendors, folder, NOW + WEEK)
    old = date(2025, 7, 1)
    assert market.bars(old, old, DECISION, ["TSLA"]).empty
    assert len(market.bars(old, old, DECISION + WEEK, ["TSLA"])) == 1
    friday = market.bars(date(2025, 11, 7), date(2025, 11, 7), DECISION + WEEK, ["TSLA"])
    assert len(friday) == 1


def test_a_split_that_is_told_late_stands_in_bars_from_then_on_and_is_told(vendors, folder):
    day = date(2025, 10, 27)
    vendors.world.splits["AAPL", day] = 2.0
    vendors.world.told_late["AAPL", day] = NOW + DAY
    look(vendors, folder)
    _, market = look(vendors, folder, NOW + WEEK)
    assert [
        market.bars(day, day, moment, ["AAPL"])["split_ratio"].item() for moment in (DECISION, DECISION + WEEK)
    ] == [1, 2]
    assert any("AAPL 2025-10-27 split" in text for text in caveats(market, DECISION + WEEK))
    (told,) = revisions(folder)
    assert (told["what"], told["stored"], told["found"]) == ("split", None, 2.0)


@pytest.mark.parametrize("told", [NOW, NOW + 3 * WEEK], ids=["in time", "when it is paid"])
def test_a_dividend_that_alpaca_files_under_its_day_of_payment_is_not_lost(vendors, folder, monkeypatch, told):
    """Its ex-date is in the second week, and it is paid long after that week's bars were asked for."""
    monkeypatch.setenv("ALPACA_API_KEY", KEY)
    monkeypatch.setenv("ALPACA_API_SECRET", SECRET)
    day = date(2025, 11, 5)
    vendors.world.dividends["AAPL", day] = 0.25
    vendors.world.told_late["AAPL", day] = told
    markets = [look(vendors, folder, NOW + weeks * WEEK, prices=vendors.alpaca())[1] for weeks in range(5)]
    moments = [DECISION + weeks * WEEK for weeks in range(1, 5)]
    paid = [float(markets[-1].bars(day, day, moment, ["AAPL"])["dividend"].sum()) for moment in moments]
    assert paid == ([0.25] * 4 if told == NOW else [0, 0, 0.25, 0.25])


def test_a_restated_price_is_told_once_and_not_used(vendors, folder):
    look(vendors, folder)
    day = date(2025, 10, 30)
    before = DirectoryMarket.from_directory(folder).bars(day, day, DECISION, ["MSFT"])
    vendors.world.restated["MSFT", day] = 1.07
    _, market = look(vendors, folder, NOW + WEEK)
    pd.testing.assert_frame_equal(market.bars(day, day, DECISION + WEEK, ["MSFT"]), before)
    told = revisions(folder)
    assert {(each["symbol"], each["date"]) for each in told} == {("MSFT", "2025-10-30")}
    assert {each["what"] for each in told} == {"open", "high", "low", "close"}
    assert any("4 stored values differently, e.g. MSFT 2025-10-30" in text for text in caveats(market, DECISION + WEEK))
    look(vendors, folder, NOW + WEEK + DAY)
    assert len(revisions(folder)) == 4


def test_new_prices_on_another_share_basis_are_refused_because_they_would_pass_for_a_crash(vendors, folder):
    look(vendors, folder)
    vendors.world.now = NOW + WEEK
    bars = vendors.world.bars("NVDA")
    for name in ("open", "high", "low", "close"):
        bars[name] /= 4
    vendors.server.answers("/v8/finance/chart/NVDA", Reply(chart("NVDA", bars, date(2025, 10, 24))))
    _, market = look(vendors, folder, NOW + WEEK)
    assert market.bars(MONDAY, date(2025, 11, 7), DECISION + WEEK, ["NVDA"]).empty
    assert any("a split that the vendor does not tell of" in text for text in caveats(market, DECISION + WEEK))


def test_a_name_that_no_fund_holds_any_more_is_asked_for_while_an_account_may_hold_it(vendors, folder):
    look(vendors, folder)
    vendors.world.holdings["HLAL"] = {"AAPL": 97.0}
    asked, _ = look(vendors, folder, NOW + WEEK)
    assert any(seen.path.endswith("/NVDA") for seen in asked)


def test_a_name_without_bars_is_told_and_keeps_its_old_ones(vendors, folder):
    look(vendors, folder)
    vendors.server.answers(
        "/v8/finance/chart/NVDA", Reply({"chart": {"result": None, "error": {"description": "gone"}}})
    )
    _, market = look(vendors, folder, NOW + WEEK)
    bars = market.bars(FIRST, date(2025, 11, 7), DECISION + WEEK, ["NVDA"])
    assert bars["date"].max() == date(2025, 10, 31), "stale_after_sessions drops it with the reason"
    assert caveats(market, DECISION + WEEK) == ["No new bars of 1 of 4 names: NVDA (Yahoo has no bars: gone)."]


def test_a_fund_whose_source_fails_is_told_with_what_stays_in_use(vendors, folder):
    look(vendors, folder)
    vendors.server.answers("/sp/SPUS.csv", Reply({}, status=503))
    _, market = look(vendors, folder, NOW + WEEK)
    holdings = market.holdings(["SPUS"], DECISION + WEEK)
    assert set(holdings["date"]) == {date(2025, 10, 31)}
    (told,) = caveats(market, DECISION + WEEK)
    assert told.startswith("SPUS: the holdings of 2025-10-31 stay in use, because SP Funds: ")


# Which moment a look stands for


def test_the_first_look_after_a_decision_stands_for_it_and_the_next_one_for_itself(vendors, folder):
    look(vendors, folder)
    look(vendors, folder, NOW + DAY)
    look(vendors, folder, NOW + WEEK)
    moments = [each["moment"] for each in looks(folder)]
    assert moments == [moment.isoformat() for moment in (DECISION, NOW + DAY, DECISION + WEEK)]


def test_a_look_after_the_open_is_told(vendors, folder):
    _, market = look(vendors, folder, DECISION + 3 * HOUR)
    assert caveats(market) == ["Prices were first asked for at 2025-11-03 15:30 UTC, after New York had opened."]


def test_the_newest_decision_is_the_last_monday_at_half_past_twelve():
    assert decision_before(DECISION) == DECISION
    assert decision_before(DECISION - MINUTE) == DECISION - WEEK
    assert decision_before(DECISION + 6 * DAY) == DECISION


# When something breaks


def test_when_yahoo_falls_silent_what_came_is_kept_and_the_next_look_goes_on(vendors, folder):
    vendors.server.answers("/v8/finance/chart/MSFT", Reply(reset=True))
    with pytest.raises(TransientError, match="Yahoo does not answer"):
        look(vendors, folder)
    assert set(pd.read_parquet(folder / "bars.parquet")["symbol"]) == {"AAPL", "BRK.B"}
    assert not (folder / "looks.jsonl").read_text(), "a look that did not end is none"
    vendors.open()
    asked, market = look(vendors, folder, NOW + MINUTE)
    assert [seen.path[-4:] for seen in asked if "chart" in seen.path] == ["MSFT", "NVDA"]
    assert sorted(seen_by(market)[0]["symbol"].unique()) == ALL
    assert looks(folder)[0]["moment"] == DECISION.isoformat()


def test_when_nobody_tells_what_funds_hold_there_is_no_market(vendors, folder):
    for path in ("/sp/SPUS.csv", "/wahed/HLAL"):
        vendors.server.answers(path, Reply({}, status=503))
    with pytest.raises(TransientError, match="nobody tells what any fund holds"):
        look(vendors, folder, holdings=("sp_funds", "wahed"))


def test_a_second_run_waits_for_the_first_and_asks_nothing(vendors, folder):
    store, done = MarketFolder(folder), threading.Event()
    look(vendors, folder)
    vendors.world.now = NOW + WEEK
    first, second = vendors.refresher(folder), vendors.refresher(folder)
    with store.alone():
        thread = threading.Thread(target=lambda: (second.refresh(), done.set()))
        thread.start()
        assert not done.wait(0.1)
        first._look(store.read())
        asked = len(vendors.server.seen)
    thread.join(5)
    assert done.is_set()
    assert len(vendors.server.seen) == asked


@pytest.mark.parametrize("renames", range(7))
def test_a_crash_at_any_moment_of_writing_leaves_a_whole_market(vendors, folder, monkeypatch, renames):
    look(vendors, folder)
    before = (folder / "bars.parquet").read_bytes()
    real, left = Path.replace, [renames]

    def dies(self, target):
        if ".next" in str(self) and left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= ".next" in str(self)
        return real(self, target)

    monkeypatch.setattr(Path, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        look(vendors, folder, NOW + WEEK)
    monkeypatch.undo()
    with MarketFolder(folder).alone():
        pass
    load(folder)
    finished = (folder / "bars.parquet").read_bytes() != before
    assert finished == (len(looks(folder)) == 2), "all files are of one moment"
    assert not (folder / ".next").exists()


def test_progress_is_told(vendors, folder):
    lines = []
    look(vendors, folder, say=lines.append)
    assert lines == [
        "asking what SPUS, HLAL hold",
        "asking yahoo for daily bars of 4 names, 4 of them with their history",
        "4 of 4 names",
    ]


# The door


def settings(vendors, tmp_path, **changes):
    told = {"wahed_sheets": {"HLAL": "HLAL"}, "history_first": FIRST, "yahoo_per_second": 20.0}
    funds = Settings().universe.model_copy(update={"funds": ("SPUS", "HLAL")})
    live = Settings().live.model_copy(update=told)
    plain = {"market": "live", "data": tmp_path / "data", "live": live, "universe": funds}
    return Settings(**{**plain, "endpoints": vendors.endpoints, **changes})


def door_of(found, clock):
    return LiveMarketDoor(found.data / "market", found.root, found.universe.funds, found.live, found.endpoints, clock)


def test_the_door_asks_and_answers_like_a_directory(vendors, tmp_path):
    found = settings(vendors, tmp_path)
    market = door_of(found, lambda: NOW).open()
    assert isinstance(market, DirectoryMarket)
    assert found.root == tmp_path / "data" / "live"
    asked = len(vendors.server.seen)
    assert door_of(found, lambda: NOW).open() is market
    assert len(vendors.server.seen) == asked


def test_a_root_of_another_market_is_refused_before_anybody_is_asked(vendors, tmp_path):
    found = settings(vendors, tmp_path)
    found.root.mkdir(parents=True)
    (found.root / "market.txt").write_text("practice market\n")
    with pytest.raises(ConfigurationError, match="another market"):
        door_of(found, lambda: NOW).open()
    assert vendors.server.seen == []


def test_settings_name_the_door(vendors, tmp_path):
    from learnfinance_dagster.wiring import market_door

    door = market_door(settings(vendors, tmp_path))
    assert isinstance(door, LiveMarketDoor)
    assert door.folder == tmp_path / "data" / "market"
