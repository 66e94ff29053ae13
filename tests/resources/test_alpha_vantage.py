import json
import logging
import math
import sqlite3
import zlib
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from filing_vendors import (
    KEY,
    LIMIT,
    NOW,
    SLOWER,
    Clock,
    balance,
    income,
    serve_alpha_vantage,
    statement,
    usual,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from vendor_server import Reply, VendorServer

from learnfinance_dagster.errors import ConfigurationError, DataError, LearnFinanceError, TransientError
from learnfinance_dagster.schemas.market import Fundamentals
from resources.filings.alpha_vantage import AGAIN, AlphaVantageFilings
from resources.filings.alpha_vantage_parse import FUNCTIONS, amount, published, quarter_items, reports
from resources.filings.rounds import RoundStore

RECORDED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "api" / "alpha_vantage"
NAMES = [f"N{n:02d}" for n in range(12)]
INCOME, BALANCE, EARNINGS = FUNCTIONS


@pytest.fixture
def vendor():
    with VendorServer() as server:
        serve_alpha_vantage(server)
        yield server


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def source(vendor, tmp_path, clock):
    return make(vendor, tmp_path, clock)


def make(vendor, folder, clock=None, key=KEY, sleep=lambda _seconds: None, **more):
    knobs = {"per_second": 10_000, "timeout": (1.0, 0.3)}
    database = folder / "alpha_vantage.sqlite"
    return AlphaVantageFilings(key, database, clock or Clock(), base=vendor.url, sleep=sleep, knobs=knobs, **more)


def asked(vendor):
    return [(request.query["symbol"], request.query["function"]) for request in vendor.seen]


def value(source, item, known_at=NOW):
    return source.filings(["AAPL"], known_at).filings[item].iloc[-1]


def recorded(name):
    path = RECORDED / name
    if not path.exists():
        pytest.skip("the recorded answers of Alpha Vantage are not on this machine")
    return json.loads(path.read_text())


# --- numbers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["None", "-", "", " ", None])
def test_what_the_vendor_writes_for_no_number_is_missing(text):
    assert math.isnan(amount({"netIncome": text}, "netIncome", "X"))
    assert math.isnan(amount({}, "netIncome", "X"))


@pytest.mark.parametrize(("text", "number"), [("0", 0.0), (0, 0.0), ("-120", -120.0), ("456.78", 456.78), (5, 5.0)])
def test_a_number_is_itself_and_a_true_zero_stays_zero(text, number):
    assert amount({"netIncome": text}, "netIncome", "X") == number


@pytest.mark.parametrize("text", ["nan", "inf", "1,000", "abc", True, [], {}])
def test_anything_else_is_an_error_that_names_the_field(text):
    with pytest.raises(DataError, match="X: netIncome"):
        amount({"netIncome": text}, "netIncome", "X")


@pytest.mark.parametrize(
    ("lines", "debt"),
    [
        ({"currentDebt": "15", "longTermDebtNoncurrent": "109", "shortLongTermDebtTotal": "242"}, 124),
        ({"currentDebt": "None", "longTermDebtNoncurrent": "109", "shortLongTermDebtTotal": "120"}, 120),
        ({"currentDebt": "3", "longTermDebtNoncurrent": "None", "shortLongTermDebtTotal": "41"}, 41),
        ({"currentDebt": "3149", "longTermDebtNoncurrent": "None", "shortLongTermDebtTotal": "988"}, None),
        ({"currentDebt": "3149"}, None),
        ({"shortLongTermDebtTotal": "0"}, 0),
        ({}, None),
    ],
)
def test_debt_is_the_two_lines_or_a_total_that_can_be_one(lines, debt):
    found = quarter_items({}, lines, "X")["total_debt"]
    assert math.isnan(found) if debt is None else found == debt


@pytest.mark.parametrize(
    ("parts", "cash"),
    [
        (("25", "40", "25"), 65),
        (("25", "None", "65"), 65),
        (("25", "None", "None"), 25),
        (("None", "40", "65"), 65),
        (("None", "40", "None"), None),
        (("0", "0", "None"), 0),
    ],
)
def test_cash_holds_the_short_term_securities_too(parts, cash):
    fields = ("cashAndCashEquivalentsAtCarryingValue", "shortTermInvestments", "cashAndShortTermInvestments")
    found = quarter_items({}, dict(zip(fields, parts, strict=True)), "X")["cash_and_equivalents"]
    assert math.isnan(found) if cash is None else found == cash


def earnings(end, reported):
    return {date.fromisoformat(end): {"fiscalDateEnding": end, "reportedDate": reported}}


@pytest.mark.parametrize(
    ("end", "of", "reported", "public"),
    [
        ("2021-09-30", "2021-09-30", "2021-10-28", "2021-10-28"),
        ("2021-08-01", "2021-07-31", "2021-08-18", "2021-08-18"),  # NVDA: the vendor writes the month's end
        ("2021-09-03", "2021-08-31", "2021-09-21", "2021-09-21"),  # ADBE
        ("2021-09-30", "2021-06-30", "2021-07-27", "2021-12-29"),
        ("2021-09-30", "2021-09-30", "None", "2021-12-29"),
        ("2021-09-30", "2021-09-30", None, "2021-12-29"),
        ("2021-09-30", "2021-09-30", "2021-09-30", "2021-12-29"),  # not before its end, and not on it
        ("2021-09-30", "2021-09-30", "2011-10-28", "2021-12-29"),
        ("2021-09-30", "2021-09-30", "2031-10-28", "2021-12-29"),
    ],
)
def test_a_quarter_is_public_on_its_report_date_or_safely_later(end, of, reported, public):
    assert str(published(date.fromisoformat(end), earnings(of, reported))) == public


@settings(deadline=None)
@given(
    st.dates(date(2000, 1, 1), date(2030, 1, 1)),
    st.dictionaries(
        st.dates(date(2000, 1, 1), date(2030, 1, 1)),
        st.fixed_dictionaries({"reportedDate": st.none() | st.text() | st.dates().map(str)}),
    ),
)
def test_no_quarter_is_public_at_its_end(end, dates):
    assert published(end, dates) > end


wild = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["symbol", "quarterlyReports", "quarterlyEarnings", "fiscalDateEnding", "Note", "x"]),
            inner | st.just("X"),
            max_size=3,
        )
    ),
)


@settings(deadline=None)
@given(wild, st.sampled_from(FUNCTIONS))
def test_any_json_is_read_or_refused(payload, function):
    try:
        found = reports(payload, "X", function, KEY)
    except LearnFinanceError:
        return
    assert payload["symbol"] == "X"
    assert all(isinstance(end, date) for end in found)


def test_two_different_reports_of_a_quarter_are_an_error():
    with pytest.raises(DataError, match="two different reports for 2025-09-30"):
        reports(statement("X", INCOME, income(), income(netIncome="7")), "X", INCOME, KEY)


# --- answers --------------------------------------------------------------------------------------------------------


def test_the_statements_of_a_name_come_with_the_days_they_became_public(source):
    answer = source.filings(["AAPL"], NOW)
    Fundamentals.validate(answer.filings)
    assert answer.filings["total_revenue"].tolist() == [1000, 1000]
    assert [str(day) for day in answer.filings["available_on"]] == ["2025-07-31", "2025-10-30"]
    assert set(answer.filings["source"]) == {"alpha_vantage"}


def test_a_statement_counts_from_the_day_after_its_report_and_not_from_the_end_of_its_quarter(source):
    """D8: fundamentals usable from the fiscal period's end."""
    reported = datetime(2025, 10, 30, 16, tzinfo=UTC)
    assert str(value(source, "fiscal_date_ending", reported - timedelta(days=29))) == "2025-06-30"
    assert str(value(source, "fiscal_date_ending", reported)) == "2025-06-30"
    assert str(value(source, "fiscal_date_ending", reported + timedelta(days=1))) == "2025-09-30"


def test_before_its_first_report_a_name_is_missing_with_the_reason(source):
    answer = source.filings(["AAPL"], datetime(2025, 7, 1, 12, tzinfo=UTC))
    assert answer.missing == {"AAPL": "no public filing is known"}


@pytest.mark.parametrize(("name", "ticker"), [("BRK.B", "BRK-B"), ("META", "META"), ("FB", "META")])
def test_a_name_is_asked_under_its_current_ticker(source, vendor, name, ticker):
    answer = source.filings([name], NOW)
    assert {symbol for symbol, _ in asked(vendor)} == {ticker}
    assert answer.missing == {}


def test_a_quarter_that_is_in_one_statement_only_has_no_numbers_of_the_other(source, vendor):
    serve_alpha_vantage(
        vendor,
        lambda symbol, function: (
            usual(symbol, function, ("2025-06-30",)) if function == BALANCE else usual(symbol, function)
        ),
    )
    newest = source.filings(["AAPL"], NOW).filings.iloc[-1]
    assert newest["total_revenue"] == 1000
    assert math.isnan(newest["total_assets"])


def test_statements_in_another_currency_are_never_taken_for_dollars(source, vendor):
    def taiwan(symbol, function):
        rows = {INCOME: income(reportedCurrency="TWD"), BALANCE: balance(reportedCurrency="TWD")}
        return statement(symbol, function, *([rows[function]] if function in rows else []))

    serve_alpha_vantage(vendor, taiwan)
    assert source.filings(["TSM"], NOW).missing == {"TSM": "the statements of TSM are not in USD"}


def test_a_number_that_is_none_makes_the_name_missing_and_names_the_place(source, vendor):
    def broken(symbol, function):
        return statement(symbol, function, income(netIncome="12 bn")) if function == INCOME else usual(symbol, function)

    serve_alpha_vantage(vendor, broken)
    assert "AAPL 2025-09-30: netIncome is '12 bn'" in source.filings(["AAPL"], NOW).missing["AAPL"]


@pytest.mark.parametrize("key", [None, "", " "])
def test_without_a_key_nothing_is_asked_and_every_name_is_told_where_to_get_one(vendor, tmp_path, key):
    answer = make(vendor, tmp_path, key=key).filings(["AAPL", "MSFT"], NOW)
    assert set(answer.missing) == {"AAPL", "MSFT"}
    assert "ALPHA_VANTAGE_API_KEY" in answer.missing["AAPL"]
    assert "https://www.alphavantage.co" in answer.missing["AAPL"]
    assert vendor.seen == []


# --- the archive ----------------------------------------------------------------------------------------------------


def test_what_was_fetched_is_what_is_read(vendor, tmp_path):
    """D13: the refresh wrote where the loader never read."""
    fetched = make(vendor, tmp_path).filings(["AAPL"], NOW)
    vendor.answers("/query", Reply(status=500))
    read = make(vendor, tmp_path).filings(["AAPL"], NOW)
    assert fetched.filings.equals(read.filings)
    assert len(fetched.filings) == 2
    assert len(vendor.seen) == 3


def test_answers_are_kept_as_they_came(vendor, tmp_path):
    make(vendor, tmp_path).filings(["AAPL"], NOW)
    (kept,) = RoundStore(tmp_path / "alpha_vantage.sqlite").rounds("AAPL")
    assert kept.answers == {function: usual("AAPL", function) for function in FUNCTIONS}
    assert kept.last_day == date(2025, 12, 29)


def test_a_name_is_not_asked_again_before_its_next_quarter_can_be_there(source, vendor, clock):
    source.filings(["AAPL"], clock())
    clock.now = datetime(2026, 1, 12, 12, tzinfo=UTC)  # 104 days after the quarter's end
    source.filings(["AAPL"], clock())
    assert len(vendor.seen) == 3
    clock.now = datetime(2026, 1, 13, 12, tzinfo=UTC)
    source.filings(["AAPL"], clock())
    assert asked(vendor)[3:] == [("AAPL", INCOME)]


def test_a_name_without_a_new_quarter_costs_one_call_a_week(source, vendor, clock):
    source.filings(["AAPL"], clock())
    clock.now = datetime(2026, 1, 20, 12, tzinfo=UTC)
    for _ in range(9):
        source.filings(["AAPL"], clock())
        clock.now += timedelta(days=1)
    assert asked(vendor)[3:] == [("AAPL", INCOME)] * 2


def test_a_new_quarter_is_fetched_with_all_its_statements(source, vendor, clock):
    source.filings(["AAPL"], clock())
    serve_alpha_vantage(vendor, lambda symbol, function: usual(symbol, function, ("2025-12-31", "2025-09-30")))
    clock.now = datetime(2026, 2, 2, 12, tzinfo=UTC)
    answer = source.filings(["AAPL"], clock())
    assert len(vendor.seen) == 6
    days = [str(day) for day in answer.filings["available_on"]]
    assert days == ["2025-07-31", "2025-10-30", "2026-01-29"]


def test_a_question_about_the_past_costs_nothing_where_the_archive_reaches_further(source, vendor, clock):
    source.filings(["AAPL"], clock())
    clock.now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    source.filings(["AAPL"], NOW)
    assert len(vendor.seen) == 3


def test_what_the_vendor_corrects_later_is_a_later_row(source, vendor, clock):
    before = source.filings(["AAPL"], clock()).filings

    def corrected(symbol, function):
        ends = ("2025-12-31", "2025-09-30", "2025-06-30")
        if function == INCOME:
            return statement(symbol, function, *(income(end, netIncome="150") for end in ends))
        return usual(symbol, function, ends)

    serve_alpha_vantage(vendor, corrected)
    clock.now = datetime(2026, 2, 2, 12, tzinfo=UTC)
    after = source.filings(["AAPL"], clock() + timedelta(days=1)).filings
    history = after[after["fiscal_date_ending"] == date(2025, 9, 30)]
    assert history["net_income"].tolist() == [200, 150]
    assert [str(day) for day in history["available_on"]] == ["2025-10-30", "2026-02-02"]
    assert source.filings(["AAPL"], NOW).filings.equals(before)


def test_a_damaged_archive_is_for_a_person_who_is_told_which_file_to_delete(source, tmp_path):
    path = tmp_path / "alpha_vantage.sqlite"
    source.filings(["AAPL"], NOW)
    path.write_bytes(b"these are somebody's holiday plans, and no database" * 400)
    with pytest.raises(ConfigurationError, match=r"alpha_vantage\.sqlite is damaged .*: delete it"):
        source.filings(["AAPL"], NOW)


def test_an_archive_whose_pages_are_torn_is_for_a_person(source, tmp_path):
    path = tmp_path / "alpha_vantage.sqlite"
    source.filings(["AAPL"], NOW)
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(ConfigurationError, match=r"alpha_vantage\.sqlite is damaged .*: delete it"):
        source.filings(["AAPL"], NOW)


@pytest.mark.parametrize("body", [b"no pack", zlib.compress(b"no JSON"), zlib.compress(b"\xff"), 7])
def test_an_answer_in_the_archive_that_cannot_be_unpacked_is_for_a_person(source, tmp_path, body):
    path = tmp_path / "alpha_vantage.sqlite"
    source.filings(["AAPL"], NOW)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE answers SET body = ?", (body,))
    with pytest.raises(ConfigurationError, match=r"alpha_vantage\.sqlite is damaged .*: delete it"):
        source.filings(["AAPL"], NOW)


def test_an_archive_that_another_process_holds_is_tried_again_later(tmp_path, monkeypatch):
    monkeypatch.setattr("resources.filings.rounds.WAIT", 0.01)
    path = tmp_path / "alpha_vantage.sqlite"
    RoundStore(path).use_up(NOW.date(), 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TransientError, match=r"alpha_vantage\.sqlite: .*locked"):
            RoundStore(path).spend(NOW.date(), 25)


def test_a_full_disk_is_for_a_person(tmp_path, monkeypatch):
    path, real = tmp_path / "alpha_vantage.sqlite", sqlite3.connect
    RoundStore(path).use_up(NOW.date(), 1)

    def cramped(*args, **options):
        connection = real(*args, **options)
        connection.execute("PRAGMA max_page_count = 1")
        return connection

    monkeypatch.setattr(sqlite3, "connect", cramped)
    with pytest.raises(ConfigurationError, match=r"alpha_vantage\.sqlite: .*full"):
        RoundStore(path).keep("AAPL", 1, INCOME, NOW.date(), list(range(99_999)))


def test_a_place_where_no_file_can_be_is_for_a_person(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "alpha_vantage.sqlite", tmp_path):
        with pytest.raises(ConfigurationError, match="its folder must be writable"):
            RoundStore(path).calls(NOW.date())


# --- twenty-five calls a day ----------------------------------------------------------------------------------------


def test_a_day_sees_twenty_five_calls_and_the_rest_is_left_for_tomorrow(source, vendor):
    answer = source.filings(NAMES, NOW)
    assert len(vendor.seen) == 25
    assert set(answer.filings["symbol"]) == set(NAMES[:8])
    reason = "Alpha Vantage allows 25 calls a day: 4 names left for tomorrow"
    assert answer.missing == dict.fromkeys(NAMES[8:], reason)


def test_another_process_of_the_day_has_no_calls_left(source, vendor, tmp_path):
    source.filings(NAMES, NOW)
    again = make(vendor, tmp_path).filings(NAMES, NOW)
    assert len(vendor.seen) == 25
    assert len(again.missing) == 4


def test_tomorrow_goes_on_where_today_stopped(source, vendor, clock):
    source.filings(NAMES, clock())
    clock.now += timedelta(days=1)
    answer = source.filings(NAMES, clock())
    assert answer.missing == {}
    assert sorted(asked(vendor)) == sorted((name, function) for name in NAMES for function in FUNCTIONS)


def test_the_day_of_the_budget_is_utcs(source, vendor, clock):
    clock.now = datetime(2025, 12, 29, 23, 59, tzinfo=UTC)
    source.filings(NAMES, NOW)
    clock.now += timedelta(minutes=2)  # still the 29th in New York
    source.filings(NAMES, NOW)
    assert len(vendor.seen) == 36


def test_names_that_were_never_fetched_come_before_those_that_are_old(source, vendor, clock):
    source.filings(NAMES[4:], clock())
    clock.now = datetime(2026, 2, 9, 12, tzinfo=UTC)
    source.filings(NAMES, clock())
    first = [symbol for symbol, _ in asked(vendor)[24:36]]
    assert first == [name for name in NAMES[:4] for _ in FUNCTIONS]


def test_beyond_the_budget_an_older_answer_is_used(vendor, tmp_path, clock):
    make(vendor, tmp_path, clock).filings(["AAPL"], clock())
    clock.now = datetime(2026, 2, 9, 12, tzinfo=UTC)
    answer = make(vendor, tmp_path, clock, calls_a_day=0).filings(["AAPL", "MSFT"], clock())
    assert set(answer.filings["symbol"]) == {"AAPL"}
    assert answer.missing == {"MSFT": "Alpha Vantage allows 0 calls a day: 2 names left for tomorrow"}


def test_a_call_counts_when_it_is_sent_and_not_when_it_succeeds(source, vendor, tmp_path):
    vendor.answers("/query", Reply(status=500))
    source.filings(NAMES, NOW)
    database = tmp_path / "alpha_vantage.sqlite"
    assert RoundStore(database).calls(date(2025, 12, 29)) == len(vendor.seen) == 9


def test_a_round_that_was_begun_long_ago_is_begun_anew(vendor, tmp_path, clock):
    make(vendor, tmp_path, clock, calls_a_day=2).filings(["AAPL"], clock())
    clock.now += AGAIN
    make(vendor, tmp_path, clock).filings(["AAPL"], clock())
    assert [function for _, function in asked(vendor)] == [INCOME, BALANCE, INCOME, BALANCE, EARNINGS]


# --- errors, all of them with HTTP 200 ------------------------------------------------------------------------------


def test_the_limit_is_no_statement_and_nothing_more_is_asked_today(source, vendor, tmp_path):
    """D14: the limit's text was accepted as a statement."""
    serve_alpha_vantage(vendor, lambda _symbol, _function: LIMIT)
    answer = source.filings(NAMES, NOW)
    assert len(vendor.seen) == 1
    assert answer.filings.empty
    assert answer.missing["N00"] == "Alpha Vantage allows 25 calls a day: 12 names left for tomorrow"
    assert RoundStore(tmp_path / "alpha_vantage.sqlite").rounds("N00") == ()
    make(vendor, tmp_path).filings(NAMES, NOW)
    assert len(vendor.seen) == 1


def test_who_asks_too_fast_waits_and_asks_again(vendor, tmp_path):
    vendor.answers("/query", Reply(SLOWER), lambda seen: Reply(usual(seen.query["symbol"], seen.query["function"])))
    waited = []
    answer = make(vendor, tmp_path, sleep=waited.append).filings(["AAPL"], NOW)
    assert answer.missing == {}
    assert max(waited) == 12
    assert RoundStore(tmp_path / "alpha_vantage.sqlite").calls(date(2025, 12, 29)) == 4


def test_who_is_always_too_fast_stops(source, vendor):
    serve_alpha_vantage(vendor, lambda _symbol, _function: SLOWER)
    answer = source.filings(NAMES, NOW)
    assert len(vendor.seen) == 3
    assert "sparingly" in answer.missing["N00"]
    assert answer.missing["N05"].startswith("not asked")


def test_a_symbol_that_the_vendor_does_not_know_is_missing_and_is_not_asked_again_for_a_week(source, vendor, clock):
    serve_alpha_vantage(vendor, lambda symbol, function: {} if symbol == "ZZZZ" else usual(symbol, function))
    for _ in range(7):
        answer = source.filings(["AAPL", "ZZZZ"], NOW)
        assert set(answer.filings["symbol"]) == {"AAPL"}
        assert answer.missing == {"ZZZZ": "Alpha Vantage does not know ZZZZ: INCOME_STATEMENT is empty"}
        clock.now += timedelta(days=1)
    assert [symbol for symbol, _ in asked(vendor)].count("ZZZZ") == 1
    source.filings(["ZZZZ"], NOW)
    assert [symbol for symbol, _ in asked(vendor)].count("ZZZZ") == 2


def test_a_bad_call_is_the_reason_of_its_name_only(source, vendor):
    bad = {"Error Message": "Invalid API call. Please retry or visit the documentation."}
    serve_alpha_vantage(vendor, lambda symbol, function: bad if symbol == "MSFT" else usual(symbol, function))
    answer = source.filings(["AAPL", "MSFT", "NVDA"], NOW)
    assert set(answer.missing) == {"MSFT"}
    assert "Invalid API call" in answer.missing["MSFT"]


def test_a_key_that_is_not_accepted_stops_everything(source, vendor):
    bad = {"Error Message": f"the parameter apikey {KEY} is invalid or missing. Please claim your free API key."}
    serve_alpha_vantage(vendor, lambda _symbol, _function: bad)
    answer = source.filings(["AAPL", "MSFT"], NOW)
    assert len(vendor.seen) == 1
    assert all("ALPHA_VANTAGE_API_KEY" in reason for reason in answer.missing.values())


@pytest.mark.parametrize(
    "word",
    ["rate_limit_per_second_current", "rate_limit_daily", "rate_limit_legacy_note", "unknown_symbol", "bad_call"],
)
def test_no_recorded_error_is_a_statement(source, vendor, word):
    payload = recorded("error_payloads.json")[word]
    serve_alpha_vantage(vendor, lambda _symbol, _function: payload)
    answer = source.filings(["AAPL"], NOW)
    assert answer.filings.empty
    assert answer.missing["AAPL"]
    slow = word in ("rate_limit_per_second_current", "rate_limit_legacy_note")
    assert len(vendor.seen) == (3 if slow else 1)


FAULTS = {
    "a server error": (Reply(b"no", status=503), "answers 503"),
    "an answer that is cut off": (Reply(usual("MSFT", INCOME), cut=50), "connection failed"),
    "half a document": (Reply(json.dumps(usual("MSFT", INCOME)).encode()[:-9]), "not whole JSON"),
    "too many requests": (Reply({}, status=429, headers={"Retry-After": "7"}), "asks to wait 7 s"),
    "another symbol": (Reply(usual("NVDA", INCOME)), "not about MSFT"),
    "a list": (Reply([1, 2]), "is a list"),
    "reports of another shape": (Reply({"symbol": "MSFT", "quarterlyReports": {"2025": 1}}), "no quarterlyReports"),
    "a report without a date": (
        Reply(statement("MSFT", INCOME, {"netIncome": "1"})),
        "fiscalDateEnding: None is no date",
    ),
    "no reports": (Reply(statement("MSFT", INCOME)), "no quarterly reports"),
    "unknown words": (Reply({"Information": f"Something new about {KEY}"}), "Something new about ***"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_one_name_is_a_reason_and_the_others_have_their_filings(source, vendor, fault):
    reply, reason = FAULTS[fault]
    serve_alpha_vantage(vendor, lambda symbol, function: reply if symbol == "MSFT" else usual(symbol, function))
    answer = source.filings(["AAPL", "MSFT", "NVDA"], NOW)
    assert set(answer.filings["symbol"]) == {"AAPL", "NVDA"}
    assert set(answer.missing) == {"MSFT"}
    assert reason in answer.missing["MSFT"]


@pytest.mark.parametrize("reply", [Reply(status=500), Reply({}, status=429)])
def test_a_passing_fault_is_asked_again(source, vendor, reply):
    vendor.answers("/query", reply, lambda seen: Reply(usual(seen.query["symbol"], seen.query["function"])))
    assert source.filings(["AAPL"], NOW).missing == {}


def test_a_vendor_that_is_down_is_not_asked_for_every_name(source, vendor):
    vendor.answers("/query", Reply(status=500))
    answer = source.filings(NAMES, NOW)
    assert {symbol for symbol, _ in asked(vendor)} == set(NAMES[:3])
    assert answer.missing["N05"].startswith("not asked")


@pytest.mark.parametrize(
    ("silence", "says"), [(Reply({}, delay=0.6), "took too long"), (Reply(reset=True), "connection failed")]
)
def test_a_vendor_that_is_silent_is_asked_for_one_name_only(source, vendor, silence, says):
    """Each silence costs a minute, and a Monday has no minute for each name."""
    vendor.answers("/query", silence)
    answer = source.filings(NAMES, NOW)
    assert asked(vendor) == [("N00", INCOME)] * 3
    assert set(answer.missing) == set(NAMES)
    assert all(says in reason for reason in answer.missing.values())
    assert answer.missing["N05"].startswith("not asked")


def test_the_key_is_in_no_reason_no_log_no_progress_and_no_file(vendor, tmp_path, caplog):
    told = {"Information": f"We have detected your API key as {KEY} and our standard API rate limit is 25 a day."}
    odd = {"Error Message": f"Something odd with {KEY}"}
    script = {"AAPL": usual("AAPL", INCOME), "MSFT": odd, "NVDA": Reply(b"no", status=404), "ZZZZ": told}
    serve_alpha_vantage(
        vendor, lambda symbol, function: script[symbol] if symbol != "AAPL" else usual(symbol, function)
    )
    heard = []
    with caplog.at_level(logging.DEBUG):
        answer = make(vendor, tmp_path, say=heard.append).filings(list(script), NOW)
    assert {request.query["apikey"] for request in vendor.seen} == {KEY}
    assert KEY not in repr(answer.missing) + repr(heard) + caplog.text
    assert all(KEY.encode() not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    with closing(sqlite3.connect(tmp_path / "alpha_vantage.sqlite")) as db:
        assert KEY not in "\n".join(db.iterdump())


# --- recorded answers -----------------------------------------------------------------------------------------------


@pytest.fixture
def real(vendor, source):
    for symbol in ("AAPL", "MSFT", "NVDA", "ADBE"):
        recorded(f"{symbol}_{INCOME}.json")
    serve_alpha_vantage(vendor, lambda symbol, function: recorded(f"{symbol}_{function}.json"))
    frame = source.filings(["AAPL", "MSFT", "NVDA", "ADBE"], NOW).filings
    return frame.set_index(["symbol", "fiscal_date_ending"])


def test_twenty_real_quarters_of_four_names_are_read(real):
    assert real.groupby("symbol").size().to_dict() == {"AAPL": 20, "ADBE": 20, "MSFT": 20, "NVDA": 20}
    Fundamentals.validate(real.reset_index()[list(Fundamentals.to_schema().columns)])


def test_apples_last_quarter_of_2021_is_what_it_reported(real):
    row = real.loc[("AAPL", date(2021, 9, 30))]
    assert str(row["available_on"]) == "2021-10-28"
    billions = {
        "gross_profit": 35.174,
        "operating_income": 23.786,
        "net_income": 20.551,
        "total_assets": 351.002,
        "total_current_assets": 134.836,
        "cash_and_equivalents": 62.639,
        "net_receivables": 51.506,
        "total_current_liabilities": 125.481,
        "total_liabilities": 287.912,
        "total_shareholder_equity": 63.090,
    }
    assert {item: row[item] / 1e9 for item in billions} == pytest.approx(billions)
    assert row["total_revenue"] / 1e9 == pytest.approx(82.688)  # the vendor's: less than the reported 83.360
    assert row["total_debt"] / 1e9 == pytest.approx(124.798)  # 15.692 + 109.106; the vendor's total says 241.783
    assert row["shares_outstanding"] == 16_426_786_000


@pytest.mark.parametrize(
    ("symbol", "end", "public"),
    [
        ("MSFT", date(2021, 9, 30), "2021-10-26"),
        ("NVDA", date(2021, 8, 1), "2021-08-18"),
        ("ADBE", date(2021, 9, 3), "2021-09-21"),
    ],
)
def test_real_quarters_became_public_when_they_were_reported(real, symbol, end, public):
    assert str(real.loc[(symbol, end), "available_on"]) == public


def test_every_real_quarter_became_public_within_a_quarter(real):
    delays = [(public - end).days for (_, end), public in real["available_on"].items()]
    assert min(delays) >= 9
    assert max(delays) <= 50
