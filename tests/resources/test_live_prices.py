"""Yahoo's and Alpaca's daily bars, through their own clients."""

import json
from datetime import date
from itertools import count
from pathlib import Path

import pandas as pd
import pytest
from faults import FAULTS, check_table
from live_scene import FIRST, KEY, NOT_FOUND, SECRET, Vendors, World, chart, fresh_yfinance, quick
from vendor_server import Reply, VendorServer

from learnfinance_dagster.errors import ConfigurationError, DataError, LearnFinanceError, TransientError
from resources.live_market.alpaca_actions import events_of
from resources.live_market.fetched import Prices, Want, actions_of, frame_of
from resources.turns import Turns

API = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "api"
THROUGH = date(2025, 10, 31)
SPLIT = ("NVDA", date(2025, 10, 8))
EVENTS = {"splits": {SPLIT: 4.0}, "dividends": {("AAPL", date(2025, 9, 8)): 0.25, ("NVDA", date(2025, 9, 8)): 0.4}}


@pytest.fixture
def vendors(tmp_path, monkeypatch):
    fresh_yfinance(monkeypatch, tmp_path / "yfinance")
    monkeypatch.setenv("ALPACA_API_KEY", KEY)
    monkeypatch.setenv("ALPACA_API_SECRET", SECRET)
    with VendorServer() as server:
        scene = Vendors(server, World(**EVENTS))
        scene.open()
        yield scene


@pytest.fixture(params=["yahoo", "alpaca"])
def source(request, vendors):
    return getattr(vendors, request.param)()


def asked(names, since=FIRST):
    return [Want(name, since) for name in names]


def whole(parts):
    parts = list(parts)
    missing = {name: why for part in parts for name, why in part.missing.items()}
    actions = [row for part in parts for row in part.actions.itertuples(index=False, name=None)]
    return Prices(frame_of([part.bars for part in parts]), actions_of(actions), missing)


def charts(vendors):
    return [seen for seen in vendors.server.seen if "/chart/" in seen.path]


def test_bars_are_what_was_traded(source, vendors):
    found = whole(source.prices(asked(vendors.world.names), THROUGH))
    assert found.missing == {}
    for name, bars in found.bars.groupby("symbol"):
        truth = vendors.world.bars(name)
        assert bars["date"].tolist() == truth["date"].tolist()
        for column in ("open", "high", "low", "close"):
            assert bars[column].tolist() == pytest.approx(truth[column].tolist(), abs=1e-4)
        assert bars["volume"].tolist() == truth["volume"].tolist()


def test_splits_and_dividends_are_as_they_were_paid(source, vendors):
    found = whole(source.prices(asked(vendors.world.names), THROUGH))
    assert found.actions.to_numpy().tolist() == [
        ["AAPL", date(2025, 9, 8), "dividend", 0.25],
        ["NVDA", date(2025, 9, 8), "dividend", 0.4],
        ["NVDA", date(2025, 10, 8), "split", 4.0],
    ]


def test_every_name_is_accounted_for(source, vendors):
    vendors.server.answers("/v8/finance/chart/GONE", Reply(NOT_FOUND, status=404))
    found = whole(source.prices(asked(["AAPL", "GONE", "NVDA"]), THROUGH))
    assert set(found.bars["symbol"]) == {"AAPL", "NVDA"}
    assert set(found.missing) == {"GONE"}
    assert found.missing["GONE"] in (
        "Yahoo answers 404: No data found, symbol may be delisted",
        "Alpaca has no bars from 2025-06-02 to 2025-10-31",
    )


def test_bars_begin_where_they_were_asked_for_and_end_with_the_last_session_that_is_final(source, vendors):
    found = whole(source.prices(asked(["AAPL"], date(2025, 10, 20)), date(2025, 10, 29)))
    assert (found.bars["date"].min(), found.bars["date"].max()) == (date(2025, 10, 20), date(2025, 10, 29))


def test_nobody_is_asked_about_nobody(source, vendors):
    assert whole(source.prices([], THROUGH)).bars.empty
    assert vendors.server.seen == []


def test_a_share_class_is_asked_for_as_the_vendor_writes_it(vendors):
    whole(vendors.yahoo().prices(asked(["BRK.B"]), THROUGH))
    whole(vendors.alpaca().prices(asked(["BRK.B"]), THROUGH))
    assert [seen.path for seen in charts(vendors)] == ["/v8/finance/chart/BRK-B"]
    assert [seen.query["symbols"] for seen in vendors.server.seen if seen.path == "/v2/stocks/bars"] == ["BRK.B"]


# Yahoo


def test_yahoo_is_asked_once_a_name_and_for_unadjusted_bars_up_to_now(vendors):
    whole(vendors.yahoo().prices(asked(vendors.world.names), THROUGH))
    assert len(charts(vendors)) == len(vendors.world.names)
    assert {seen.query["interval"] for seen in charts(vendors)} == {"1d"}


@pytest.mark.parametrize(
    ("meta", "why"),
    [
        ({"currency": "GBp"}, "priced in GBp on an exchange in America/New_York"),
        ({"exchangeTimezoneName": "Europe/London"}, "priced in USD on an exchange in Europe/London"),
    ],
)
def test_a_foreign_listing_is_refused(vendors, meta, why):
    vendors.server.answers("/v8/finance/chart/AAPL", Reply(chart("AAPL", vendors.world.bars("AAPL"), FIRST, **meta)))
    assert why in whole(vendors.yahoo().prices(asked(["AAPL"]), THROUGH)).missing["AAPL"]


def test_a_name_that_fails_once_is_asked_for_again(vendors):
    good = Reply(chart("AAPL", vendors.world.bars("AAPL"), FIRST))
    # yfinance itself asks a second time after a failure, with another cookie
    vendors.server.answers("/v8/finance/chart/AAPL", Reply({}, status=500), Reply({}, status=500), good)
    found = whole(vendors.yahoo().prices(asked(["AAPL"]), THROUGH))
    assert found.missing == {}


def test_a_name_that_fails_alone_is_left_out_and_the_others_are_not(vendors):
    vendors.server.answers("/v8/finance/chart/BRK-B", Reply({}, status=500))
    found = whole(vendors.yahoo().prices(asked(vendors.world.names), THROUGH))
    assert found.missing == {"BRK.B": "Yahoo answers 500"}
    assert found.bars["symbol"].nunique() == 3


def test_waits_grow_between_the_tries_of_a_name(vendors):
    waits = []
    vendors.server.answers("/v8/finance/chart/AAPL", Reply(b"Too Many Requests", status=429))
    with_pauses = vendors.yahoo(sleep=waits.append)
    assert whole(with_pauses.prices(asked(["AAPL"]), THROUGH)).missing == {"AAPL": "Yahoo: too many requests (429)"}
    assert waits == [5.0, 10.0]


def test_d857c2e0_after_three_names_that_were_too_many_nobody_else_is_asked_for(vendors):
    names = [f"N{number}" for number in range(20)]
    for name in names:
        vendors.server.answers(f"/v8/finance/chart/{name}", Reply(b"Too Many Requests", status=429))
    got = []
    with pytest.raises(TransientError, match="too many requests"):
        got.extend(vendors.yahoo().prices(asked(["AAPL", *names]), THROUGH))
    assert set(got[0].bars["symbol"]) == {"AAPL"}, "what came before is given"
    assert {seen.path.rsplit("/", 1)[1] for seen in charts(vendors)} == {"AAPL", "N0", "N1", "N2"}


def test_an_answer_without_any_bars_for_all_names_is_a_failure_of_yahoo(vendors):
    names = [f"N{number}" for number in range(6)]
    for name in names:
        vendors.server.answers(f"/v8/finance/chart/{name}", Reply({"chart": {"result": [], "error": None}}))
    with pytest.raises(TransientError, match=r"gave no bars for any of 6 names: Yahoo has no bars: an empty answer"):
        whole(vendors.yahoo().prices(asked(names), THROUGH))


def test_one_thread_takes_turns(vendors):
    waits, clock = [], count()
    turns = Turns(0.5, waits.append, lambda: float(next(clock)))
    whole(vendors.yahoo(turns=turns).prices(asked(["AAPL", "MSFT"]), THROUGH))
    assert len(waits) == len(vendors.server.seen) - 1


# Alpaca


def test_alpaca_gives_many_names_a_request_and_pages(vendors):
    vendors.page = 150
    found = whole(vendors.alpaca().prices(asked(vendors.world.names), THROUGH))
    pages = [seen for seen in vendors.server.seen if seen.path == "/v2/stocks/bars"]
    assert [seen.query.get("page_token") for seen in pages] == [None, "150", "300"]
    assert {seen.query["adjustment"] for seen in pages} == {"raw"}
    assert found.bars["symbol"].nunique() == 4


def test_alpaca_without_credentials_says_what_to_set(vendors, monkeypatch):
    monkeypatch.delenv("ALPACA_API_KEY")
    with pytest.raises(ConfigurationError, match="set ALPACA_API_KEY and ALPACA_API_SECRET"):
        whole(vendors.alpaca().prices(asked(["AAPL"]), THROUGH))


def test_alpaca_with_wrong_credentials_says_so_without_showing_them(vendors, monkeypatch):
    monkeypatch.setenv("ALPACA_API_SECRET", "canary-wrong")
    with pytest.raises(ConfigurationError, match="credentials") as refused:
        whole(vendors.alpaca().prices(asked(["AAPL"]), THROUGH))
    assert "canary" not in str(refused.value)


def test_alpaca_has_no_indices(vendors):
    found = whole(vendors.alpaca().prices(asked(["^GSPC", "AAPL"]), THROUGH))
    assert found.missing == {"^GSPC": "Alpaca has no indices"}


@pytest.mark.parametrize(
    "answer",
    [[], {}, {"bars": {}}, {"bars": [], "next_page_token": None}, {"bars": {"AAPL": 7}, "next_page_token": None}],
)
def test_a_page_of_alpaca_that_is_none_is_refused(vendors, answer):
    vendors.server.answers("/v2/stocks/bars", Reply(answer))
    with pytest.raises(DataError, match="Alpaca's bars cannot be read"):
        whole(vendors.alpaca().prices(asked(["AAPL"]), THROUGH))


def test_a_page_that_names_itself_as_the_next_one_ends(vendors):
    vendors.server.answers("/v2/stocks/bars", Reply({"bars": {}, "next_page_token": "again"}))
    with pytest.raises(DataError, match="round in circles"):
        whole(vendors.alpaca().prices(asked(["AAPL"]), THROUGH))


@pytest.mark.parametrize(
    "row", [{"t": "2025-10-06T04:00:00Z"}, 7, {"t": "lately", "o": 1, "h": 1, "l": 1, "c": 1, "v": 1}]
)
def test_a_bar_of_alpaca_that_is_none_leaves_its_name_out(vendors, row):
    vendors.server.answers("/v2/stocks/bars", Reply({"bars": {"AAPL": [row]}, "next_page_token": None}))
    assert "cannot be read" in whole(vendors.alpaca().prices(asked(["AAPL"]), THROUGH)).missing["AAPL"]


def test_the_recorded_split_of_apple_is_read(vendors):
    bars, actions = (
        API / "alpaca_paper_recorded" / f"{name}.json" for name in ("daily_bars_raw_AAPL_split", "corporate_actions")
    )
    if not bars.exists():
        pytest.skip("the recorded bars are not beside the repository")
    vendors.server.answers("/v2/stocks/bars", Reply({**json.loads(bars.read_text()), "next_page_token": None}))
    recorded = json.loads(actions.read_text())
    vendors.server.answers("/v1/corporate-actions", Reply({"corporate_actions": recorded, "next_page_token": None}))
    found = whole(vendors.alpaca().prices(asked(["AAPL"], date(2020, 8, 24)), date(2020, 9, 4)))
    close = found.bars.set_index("date")["close"]
    assert (close[date(2020, 8, 28)], close[date(2020, 8, 31)]) == (499.23, 129.04)
    assert found.actions.to_numpy().tolist() == [
        ["AAPL", date(2020, 8, 7), "dividend", 0.82],  # before the bars: found when it is paid
        ["AAPL", date(2020, 8, 31), "split", 4.0],
    ]


def test_actions_of_alpacas_own_tests_are_read_or_told():
    path = API / "alpaca_py" / "payloads_from_alpaca_py_tests.json"
    if not path.exists():
        pytest.skip("the payloads are not beside the repository")
    pages = [
        each["json"]["corporate_actions"]
        for each in json.loads(path.read_text())
        if each["test"] == "test_get_corporate_actions"
    ]
    events = events_of(pages)
    assert events.splits["MNTS", date(2023, 8, 24)] == 0.02
    assert events.splits["SRE", date(2023, 8, 22)] == 2
    assert events.splits["MSBC", date(2023, 5, 19)] == 1.05
    assert events.dividends["ZMTBY", date(2024, 8, 7)] == 0.086928
    assert any("unit splits, not read" in each for each in events.odd)


def test_an_action_that_cannot_be_read_is_refused_because_prices_without_it_would_pass_for_returns():
    with pytest.raises(DataError, match="forward splits cannot be read"):
        events_of([{"forward_splits": [{"id": "1", "symbol": "AAPL", "ex_date": "2020-08-31", "new_rate": 4}]}])


def test_an_action_that_comes_on_two_pages_counts_once():
    row = {"id": "1", "symbol": "AAPL", "ex_date": "2020-08-31", "new_rate": 4, "old_rate": 1}
    assert events_of([{"forward_splits": [row]}, {"forward_splits": [row]}]).splits == {
        ("AAPL", date(2020, 8, 31)): 4.0
    }


# What happens when they fail


def outcome(ask):
    """What one question came to."""
    try:
        found = whole(ask())
    except LearnFinanceError as error:
        return type(error).__name__
    if found.missing:
        return f"left out: {next(iter(found.missing.values()))}"
    return "bars" if len(found.bars) else "nothing"


def test_faults_of_yahoos_prices(vendors):
    good = Reply(chart("AAPL", vendors.world.bars("AAPL"), FIRST))
    rows = []
    for fault in FAULTS:
        vendors.server.answers("/v8/finance/chart/AAPL", fault.spoil(good))
        came = outcome(
            lambda fault=fault: vendors.yahoo(timeout=(fault.patience,) * 2).prices(asked(["AAPL"]), THROUGH)
        )
        assert came != "nothing"
        vendors.server.answers("/v8/finance/chart/AAPL", good)
        assert outcome(lambda: vendors.yahoo().prices(asked(["AAPL"]), THROUGH)) == "bars", "the next look goes well"
        rows.append((fault.name, came))
    check_table("Yahoo prices", ("fault", "what came of the name"), rows)


def test_faults_of_alpacas_prices(vendors):
    names = ["AAPL", "NVDA"]
    rows = []
    for fault in FAULTS:
        told = [fault.name]
        for path, good in (
            ("/v2/stocks/bars", vendors._alpaca_bars),
            ("/v1/corporate-actions", vendors._alpaca_actions),
        ):
            vendors.server.answers(path, lambda seen, good=good, fault=fault: fault.spoil(good(seen)))
            source = vendors.alpaca(timeout=(fault.patience,) * 2, whole=fault.patience)
            told.append(outcome(lambda source=source: source.prices(asked(names), THROUGH)))
            assert told[-1] != "nothing"
            vendors.server.answers(path, good)
        assert outcome(lambda: vendors.alpaca().prices(asked(names), THROUGH)) == "bars"
        rows.append(tuple(told))
    check_table("Alpaca prices", ("fault", "at bars", "at corporate actions"), rows)


def test_a_busy_alpaca_is_asked_again_within_the_budget(vendors):
    busy = Reply({"message": "too many"}, status=429, headers={"Retry-After": "1"})
    vendors.server.answers("/v2/stocks/bars", busy, vendors._alpaca_bars)
    waits = []
    source = vendors.alpaca()
    source._session = quick(attempts=3, sleep=waits.append)
    assert len(whole(source.prices(asked(["AAPL"]), THROUGH)).bars)
    assert waits == [1.0]


def test_frames_have_the_formats_columns():
    assert frame_of([]).columns.tolist() == ["date", "symbol", "open", "high", "low", "close", "volume"]
    assert isinstance(actions_of([]), pd.DataFrame)
