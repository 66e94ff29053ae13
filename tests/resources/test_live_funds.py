"""What halal funds hold: their own files first, and who is asked when one fails."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from faults import FAULTS, check_table
from live_scene import FIRST, Vendors, World, fresh_yfinance, quick, sheet_csv, sp_csv, top_ten
from vendor_server import Reply, VendorServer

from learnfinance_dagster.errors import DataError, LearnFinanceError, RefusedError
from resources.live_market.fund_csv import fund_holdings, ticker_of
from resources.live_market.fund_files import sp_funds, wahed
from resources.live_market.funds import Known, ask_funds
from resources.live_market.yahoo_funds import YahooFunds
from resources.turns import Turns

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "api" / "spus_holdings_2025-10-31.csv"
TODAY, DAY = date(2025, 11, 3), date(2025, 10, 31)
WEIGHTS = {"AAPL": 60.0, "BRK/B": 39.0}


@pytest.fixture
def vendors(tmp_path, monkeypatch):
    fresh_yfinance(monkeypatch, tmp_path / "yfinance")
    with VendorServer() as server:
        scene = Vendors(server, World())
        scene.open()
        yield scene


def sources(vendors, *names, **options):
    ends, session = vendors.endpoints, quick(**{"expects_json": False, **options})
    makers = {
        "sp_funds": lambda: sp_funds(ends.sp_funds, session),
        "wahed": lambda: wahed(ends.wahed, {"HLAL": "HLAL"}, session),
        "yahoo": lambda: YahooFunds(ends.yahoo, Turns(1e6), (0.2, 0.2)),
    }
    return [makers[name]() for name in names or makers]


def ask(vendors, *funds, known=None, patience=30):
    return list(ask_funds(funds, sources(vendors), TODAY, known or {}, patience))


def test_the_real_file_of_spus_is_read_whole():
    if not REAL.exists():
        pytest.skip("the real file is not beside the repository")
    found = fund_holdings("SPUS", REAL.read_bytes(), TODAY)
    assert (found.fund, found.day, len(found.weights)) == ("SPUS", DAY, 212)
    assert found.left_out == {"CASH&OTHER": "not a security", "003654100CVR": "not a security"}
    assert found.weights["NVDA"] == 15.0
    assert sum(found.weights.values()) == pytest.approx(99.52)


@pytest.mark.parametrize(
    ("text", "ticker"),
    [
        ("aapl ", "AAPL"),
        ("BRK/B", "BRK.B"),
        ("BRK-B", "BRK.B"),
        ("AAPL US", "AAPL"),
        ("BRK/B US Equity", "BRK.B"),
        ("7203 JP", "7203 JP"),
        ("Cash&Other", "CASH&OTHER"),
    ],
)
def test_tickers_are_written_as_the_house_writes_them(text, ticker):
    assert ticker_of(text) == ticker


def test_rows_that_are_no_us_ticker_are_left_out_with_a_reason_and_counted():
    weights = {"AAPL": 50.0, "7203 JP": 20.0, "ASMLF": 10.0, "SGRO.L": 19.0}
    found = fund_holdings("SPWO", sp_csv("SPWO", DAY, weights), TODAY)
    assert found.weights == {"AAPL": 50.0}
    assert found.left_out == {
        "7203 JP": "non-US listing",
        "ASMLF": "over-the-counter listing",
        "SGRO.L": "non-US listing",
        "CASH&OTHER": "not a security",
        "003654100CVR": "not a security",
    }


SHEETS = {
    "as a sheet of our own": sheet_csv(DAY, WEIGHTS),
    "other words": b"Symbol,Company,% of Net Assets\nAAPL,Apple,60%\nBRK.B,Berkshire,39%\nUSD,Cash,1%\n",
    "a title above": (
        b"Holdings of the fund,,\n,,\nTicker,Name,Weighting\nAAPL,Apple,60\nBRK-B,Berkshire,39\n,,\nUSD,Cash,1\n"
    ),
    "shares of one": b"ticker,weight\nAAPL,0.60\nBRK/B,0.39\nUSD,0.01\n",
    "a mark of the encoding": "\ufeffStock Ticker,Weightings\nAAPL,60.0\nBRK/B,39.0\nUSD,1.0\n".encode(),
}


@pytest.mark.parametrize("content", SHEETS.values(), ids=SHEETS)
def test_headers_may_have_other_words(content):
    assert fund_holdings("HLAL", content, TODAY).weights == pytest.approx({"AAPL": 60.0, "BRK.B": 39.0})


def test_a_file_without_a_date_counts_as_of_the_day_before():
    assert fund_holdings("HLAL", SHEETS["shares of one"], TODAY).day == date(2025, 11, 2)


BROKEN = {
    "a web page": (b"<html><body>Not found</body></html>", "no header with a ticker and a weight"),
    "nothing": (b"", "no header with a ticker and a weight"),
    "no text": (b"\xff\xfe\x00", "cannot be read as CSV"),
    "half of it": (sp_csv("SPUS", DAY, {f"A{chr(65 + n)}": 10.0 for n in range(10)})[:420], "SPUS"),
    "a weight in words": (b"ticker,weight\nAAPL,much\n", "the weight 'much' is no percentage"),
    "no number": (b"ticker,weight\nAAPL,nan\n", "the weight 'nan' is no percentage"),
    "another length": (b"ticker,weight\nAAPL,60,000\n", "line 2: 3 fields under 2 columns"),
    "not a whole fund": (b"ticker,weight\nAAPL,60\n", "add up to 60.00, not to a whole fund"),
    "no date": (b"ticker,weight,date\nAAPL,100,soon\n", "'soon' is no date"),
    "of tomorrow": (b"ticker,weight,date\nAAPL,100,2025-11-04\n", "one day, and none to come"),
    "of two days": (b"ticker,weight,date\nAAPL,50,2025-10-30\nMSFT,50,2025-10-31\n", "one day, and none to come"),
}


@pytest.mark.parametrize(("content", "why"), BROKEN.values(), ids=BROKEN)
def test_values_that_are_wrong_are_refused(content, why):
    with pytest.raises(DataError, match=why):
        fund_holdings("SPUS", content, TODAY)


def test_the_file_of_another_fund_is_not_taken_for_this_ones():
    with pytest.raises(DataError, match=r"add up to 0\.00"):
        fund_holdings("SPUS", sp_csv("SPTE", DAY, WEIGHTS), TODAY)


def test_each_fund_is_asked_for_where_its_file_is(vendors):
    spus, hlal = ask(vendors, "SPUS", "HLAL")
    assert (spus.source, spus.is_trouble) == ("sp_funds", False)
    assert (hlal.source, hlal.is_trouble) == ("wahed", False)
    assert spus.says == "SPUS of 2025-10-31 from SP Funds (3 holdings, 2 left out)"
    assert vendors.server.paths() == ["/sp/SPUS.csv", "/wahed/HLAL"]


def test_d9_a_fallback_is_told_and_never_called_more_than_ten_names(vendors):
    vendors.server.answers("/wahed/HLAL", Reply(b"gone", status=404))
    (answer,) = ask(vendors, "HLAL")
    assert (answer.source, answer.is_trouble) == ("yahoo", True)
    assert answer.holdings.weights == {"NVDA": 97.0}
    assert answer.holdings.day == date(2025, 11, 2)
    assert answer.says.startswith("HLAL: Yahoo's top 10 only, because SP Funds: not a fund of SP Funds; Wahed: ")
    assert "404" in answer.says


def test_a_fallback_does_not_sell_what_the_fund_still_holds(vendors):
    """After a worse answer every name that is not among its ten would be `no longer in a halal fund`."""
    vendors.server.answers("/wahed/HLAL", Reply({}, status=503))
    kept = {"HLAL": Known("wahed", TODAY - timedelta(days=10))}
    (answer,) = ask(vendors, "HLAL", known=kept)
    assert (answer.holdings, answer.is_trouble) == (None, True)
    assert answer.says.startswith("HLAL: the holdings of 2025-10-24 stay in use, because ")
    assert not [path for path in vendors.server.paths() if "quoteSummary" in path]
    (late,) = ask(vendors, "HLAL", known=kept, patience=9)
    assert late.source == "yahoo"


def test_what_a_worse_source_said_is_replaced_as_soon_as_a_better_one_answers(vendors):
    (answer,) = ask(vendors, "HLAL", known={"HLAL": Known("yahoo", TODAY)})
    assert answer.source == "wahed"


def test_a_fund_that_nobody_knows_is_told(vendors):
    (answer,) = ask(vendors, "UMMA")
    assert (answer.holdings, answer.is_trouble) == (None, True)
    assert answer.says.startswith("UMMA: nobody tells its holdings: SP Funds: not a fund of SP Funds; Wahed: no sheet")


def test_a_share_that_is_none_is_refused(vendors):
    vendors.server.answers("/v10/finance/quoteSummary/HLAL", Reply(top_ten({"NVDA": 900.0})))
    with pytest.raises(DataError, match=r"holds 9\.0 of NVDA"):
        sources(vendors, "yahoo")[0].holdings("HLAL", TODAY)


def test_yahoo_without_holdings_says_so(vendors):
    vendors.server.answers("/v10/finance/quoteSummary/HLAL", Reply(top_ten({})))
    with pytest.raises(RefusedError, match="Yahoo tells no holdings of HLAL"):
        sources(vendors, "yahoo")[0].holdings("HLAL", TODAY)


def outcome(source, fund):
    try:
        found = source.holdings(fund, TODAY)
    except LearnFinanceError as error:
        return type(error).__name__
    return f"{len(found.weights)} holdings"


def test_faults_of_funds(vendors):
    rows = []
    places = {
        "sp_funds": ("/sp/SPUS.csv", "SPUS", vendors._fund("SPUS", sp_csv, csv_of=("SPUS",))),
        "wahed": ("/wahed/HLAL", "HLAL", vendors._fund("HLAL", None, csv_of=("HLAL",))),
        "yahoo": ("/v10/finance/quoteSummary/SPUS", "SPUS", vendors._top("SPUS")),
    }
    for fault in FAULTS:
        told = [fault.name]
        for name, (path, fund, good) in places.items():
            vendors.server.answers(path, lambda seen, good=good, fault=fault: fault.spoil(good(seen)))
            (source,) = sources(vendors, name, timeout=(fault.patience,) * 2, whole=fault.patience)
            told.append(outcome(source, fund))
            vendors.server.answers(path, good)
            (again,) = sources(vendors, name)
            assert outcome(again, fund) in {"3 holdings", "1 holdings"}
        rows.append(tuple(told))
    assert FIRST < TODAY
    check_table("SP Funds, Wahed and Yahoo's fund data", ("fault", "SP Funds", "Wahed", "Yahoo"), rows)
