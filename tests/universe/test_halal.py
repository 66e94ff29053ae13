import json
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from pandera.errors import SchemaError

from learnfinance_dagster.schemas.artifacts import HalalUniverse
from learnfinance_dagster.symbols import normalise
from learnfinance_dagster.universe.halal import exclusion, halal_universe

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
CASES = SHARED / "spec" / "cases.json"
SPUS_FILE = SHARED / "data" / "api" / "spus_holdings_2025-10-31.csv"
HOLDINGS_FILE = SHARED / "data" / "market" / "holdings.parquet"
TODAY = date(2025, 12, 29)
FRIDAY = date(2025, 12, 26)
NOBODY = frozenset()


def golden(case_id):
    if not CASES.exists():
        pytest.skip("the predecessor's cases are not on this machine")
    return next(case for case in json.loads(CASES.read_text())["cases"] if case["id"].startswith(case_id))


def holdings(*rows):
    """Rows of (fund, symbol, percent) or (fund, symbol, percent, date)."""
    full = [row if len(row) == 4 else (*row, FRIDAY) for row in rows]
    frame = pd.DataFrame(full, columns=["fund", "symbol", "weight_pct", "date"])
    return frame.astype({"fund": "str", "symbol": "str", "weight_pct": "float64", "date": "object"})


def merged(*rows, blocked=NOBODY):
    return halal_universe(holdings(*rows), blocked, TODAY)


def kept(table):
    return table.loc[table["excluded"] == "", "symbol"].tolist()


def reason(symbol, *others):
    table = merged(("SPUS", symbol, 1.0), *(("SPUS", other, 1.0) for other in others))
    return table.set_index("symbol").loc[normalise(symbol), "excluded"]


def test_the_predecessors_merge_keeps_the_same_names_in_the_same_order_with_the_same_weights():
    case = golden("uni-01")
    funds = case["input"]["etf_order"]
    rows = [(fund, row["symbol"], row["weight"]) for fund in funds for row in case["input"]["holdings"][fund]]
    table = merged(*rows)
    may = table[table["excluded"] == ""]
    assert may["symbol"].tolist() == [row["symbol"] for row in case["expected"]]
    assert may["max_weight"].tolist() == pytest.approx([row["max_weight"] for row in case["expected"]], abs=1e-9)
    assert may["sources"].tolist() == [",".join(row["sources"]) for row in case["expected"]]


def test_where_the_predecessor_dropped_a_holding_in_silence_we_keep_its_row_with_the_reason():
    case = golden("uni-01")
    rows = [(fund, row["symbol"], row["weight"]) for fund, held in case["input"]["holdings"].items() for row in held]
    table = merged(*rows)
    assert dict(table.loc[table["excluded"] != "", ["symbol", "excluded"]].to_numpy()) == {
        "ATEYY": "over-the-counter listing",
        "GOOG": "duplicate share class of GOOGL",
        "2330.TW": "non-US listing",
    }


def test_the_predecessors_aliases_are_known():
    case = golden("uni-03")
    names = dict.fromkeys(normalise(symbol) for symbol in case["input"]["normalize"])
    assert list(names) == case["expected"]["normalize"]


@pytest.mark.parametrize(("written", "meant"), [("FB", "META"), (" fb ", "META"), ("aapl", "AAPL"), ("PCLN", "BKNG")])
def test_a_symbol_is_read_as_it_is_meant(written, meant):
    assert normalise(written) == meant


def test_a_fund_that_writes_fb_and_one_that_writes_meta_hold_the_same_name():
    table = merged(("SPUS", "FB", 3.0), ("HLAL", "META", 4.0))
    assert table[["symbol", "max_weight", "sources"]].to_numpy().tolist() == [["META", 4.0, "SPUS,HLAL"]]


def test_a_fund_that_lists_a_name_twice_is_one_source():
    assert merged(("SPUS", "FB", 3.0), ("SPUS", "META", 2.0))["sources"].tolist() == ["SPUS"]


@pytest.mark.parametrize("symbol", ["BRK.B", "BRK-B", "LEN.B", "BF.B", "GOOGL", "LBRDK", "F", "CVRX", "OTHR", "TSLA"])
def test_a_us_ticker_is_kept_also_with_a_share_class(symbol):
    assert reason(symbol) == ""


@pytest.mark.parametrize("symbol", ["2330.TW", "SGRO.L", "IHR.L", "WHART.F.BK", "CP.TO", "BBWI WI", "BBWI-W", "PSB.1"])
def test_a_foreign_or_when_issued_line_is_no_us_listing(symbol):
    assert reason(symbol) == "non-US listing"


@pytest.mark.parametrize("symbol", ["ATEYY", "TCEHY", "NSRGF"])
def test_a_five_letter_over_the_counter_ticker_is_left_out(symbol):
    assert reason(symbol) == "over-the-counter listing"


@pytest.mark.parametrize("symbol", ["Cash&Other", "CASH", "n/a", "USD", "003654100CVR", "CVR 123", "OTHER"])
def test_cash_and_rights_are_no_securities(symbol):
    assert reason(symbol) == "not a security"


def test_of_two_share_classes_one_is_kept():
    assert reason("GOOG", "GOOGL") == "duplicate share class of GOOGL"
    assert reason("GOOGL", "GOOG") == ""
    assert reason("BRK.A", "BRK.B") == "duplicate share class of BRK.B"


def test_a_share_class_whose_twin_is_not_held_is_kept():
    assert reason("GOOG") == ""


@pytest.mark.parametrize("written", ["META", "FB", "meta "])
def test_a_name_is_blocked_by_any_of_its_names(written):
    table = merged(("SPUS", "META", 3.0), ("SPUS", "AAPL", 2.0), blocked=frozenset({written}))
    assert kept(table) == ["AAPL"]
    assert table["excluded"].tolist() == ["", "blocked by settings"]


def test_kept_names_come_first_by_weight_and_equal_weights_by_symbol():
    table = merged(("SPUS", "MSFT", 5.0), ("SPUS", "2330.TW", 9.0), ("SPUS", "AAPL", 5.0), ("HLAL", "NVDA", 7.0))
    assert table["symbol"].tolist() == ["NVDA", "AAPL", "MSFT", "2330.TW"]


def test_the_order_in_which_a_fund_lists_its_holdings_does_not_matter():
    rows = [("SPUS", "MSFT", 5.0), ("SPUS", "AAPL", 5.0), ("HLAL", "AAPL", 6.0), ("HLAL", "GOOG", 1.0)]
    swapped = [rows[1], rows[0], rows[3], rows[2]]
    pd.testing.assert_frame_equal(merged(*rows), merged(*swapped))


def test_the_age_of_the_evidence_is_counted_from_the_newest_holdings():
    table = merged(("SPUS", "AAPL", 5.0, date(2025, 12, 19)), ("HLAL", "AAPL", 4.0, FRIDAY))
    assert table["holdings_date"].tolist() == [FRIDAY]
    assert table["age_days"].tolist() == [3]


def test_no_holdings_are_an_empty_universe_that_can_be_stored():
    table = merged()
    assert len(table) == 0
    assert len(HalalUniverse.validate(table.assign(week="2025-12-29"))) == 0


def test_what_is_merged_can_be_stored():
    table = merged(("SPUS", "AAPL", 5.0), ("HLAL", "GOOG", 4.0), ("HLAL", "2330.TW", 4.0))
    HalalUniverse.validate(table.assign(week="2025-12-29"))


@pytest.mark.parametrize("day", [TODAY, TODAY + timedelta(days=1)])
def test_holdings_dated_on_or_after_the_decision_cannot_be_stored(day):
    table = merged(("SPUS", "AAPL", 5.0, day)).assign(week="2025-12-29")
    with pytest.raises(SchemaError, match="age_days"):
        HalalUniverse.validate(table)


def test_of_a_real_fund_file_only_the_cash_and_the_right_are_left_out():
    if not SPUS_FILE.exists():
        pytest.skip("the fund's recorded file is not on this machine")
    file = pd.read_csv(SPUS_FILE)
    reasons = {symbol: exclusion(normalise(symbol), NOBODY, NOBODY) for symbol in file["StockTicker"]}
    assert {symbol: why for symbol, why in reasons.items() if why} == {
        "Cash&Other": "not a security",
        "003654100CVR": "not a security",
    }


def test_of_real_daily_holdings_only_us_lines_are_left():
    if not HOLDINGS_FILE.exists():
        pytest.skip("the real holdings are not on this machine")
    symbols = {normalise(symbol) for symbol in pd.read_parquet(HOLDINGS_FILE, columns=["symbol"])["symbol"].unique()}
    odd = {symbol for symbol in symbols if not symbol.isalpha()}
    assert {symbol for symbol in odd if not exclusion(symbol, NOBODY, NOBODY)} == {"LEN.B"}
    assert len(symbols - odd) > 300
    assert not {symbol for symbol in symbols - odd if exclusion(symbol, NOBODY, NOBODY)}
