import copy
import gzip
import json
import math
from datetime import UTC, date, datetime, timedelta

import pytest
from filing_vendors import AGENT, FILED, NOW, YEAR, Clock, a_year, company, filing, quarterly, serve_sec, yearly
from hypothesis import given, settings
from hypothesis import strategies as st
from vendor_server import Reply, VendorServer

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.schemas.market import Fundamentals
from resources.filings import edgar
from resources.filings.edgar import EdgarFilings
from resources.filings.edgar_items import ITEMS, statements
from resources.http import PatientSession

AAPL, BRK, META, ASML, MSFT = 320193, 1067983, 1326801, 937966, 789019


def rows(document):
    return statements(document, "X", "edgar")[0]


def why(document):
    return statements(document, "X", "edgar")[1]


def value(document, item, period=YEAR[4], number=-1):
    frame = rows(document)
    return frame.loc[frame["fiscal_date_ending"] == date.fromisoformat(period), item].iloc[number]


def balance_sheet(**facts):
    """A 10-Q whose balance sheet shows these lines."""
    lines = {tag: (YEAR[1], amount) for tag, amount in facts.items()}
    return company(filing("q1", "10-Q", FILED[0], {"Assets": (YEAR[1], 1000), **lines}))


# --- quarters -------------------------------------------------------------------------------------------------------


def test_each_filing_is_a_row_with_its_own_quarter_and_the_day_it_was_filed():
    frame = rows(a_year())
    assert frame["total_revenue"].tolist() == [10, 20, 30, 40]
    assert frame["total_assets"].tolist() == [1001, 1002, 1003, 1004]
    assert [str(day) for day in frame["fiscal_date_ending"]] == list(YEAR[1:])
    assert [str(day) for day in frame["available_on"]] == list(FILED)
    Fundamentals.validate(frame)


def test_the_fourth_quarter_is_the_year_less_nine_months():
    assert value(a_year(), "total_revenue") == 40


def test_without_nine_months_the_fourth_quarter_is_the_year_less_three_quarters():
    document = a_year()
    facts = document["facts"]["us-gaap"]["Revenues"]["units"]["USD"]
    facts[:] = [fact for fact in facts if (fact["start"], fact["end"]) != (YEAR[0], YEAR[3])]
    assert value(document, "total_revenue") == 40


def test_a_fourth_quarter_that_the_year_states_is_taken_as_it_is():
    year = yearly(100)
    stated = filing("k", "10-K", FILED[3], {"Revenues": ("2024-10-01", YEAR[4], 41)})
    assert value(company(*(quarterly(n, (10, 20, 30)) for n in (1, 2, 3)), year, stated), "total_revenue") == 41


def test_a_fourth_quarter_that_cannot_be_derived_is_missing_and_never_the_year():
    frame = rows(company(quarterly(1, (10, 20, 30)), quarterly(2, (10, 20, 30)), yearly(100)))
    assert math.isnan(frame["total_revenue"].iloc[-1])
    assert frame["total_assets"].iloc[-1] == 1004


def test_a_quarter_that_only_gives_the_year_to_date_is_derived_too():
    half = filing("q2", "10-Q", FILED[1], {"Revenues": (YEAR[0], YEAR[2], 30), "Assets": (YEAR[2], 1)})
    assert value(company(quarterly(1, (10,)), half), "total_revenue", YEAR[2]) == 20


def test_a_quarter_is_never_derived_from_another_tag():
    others = filing("q3", "10-Q", FILED[2], {"SalesRevenueNet": (YEAR[0], YEAR[3], 60), "Assets": (YEAR[3], 1)})
    assert math.isnan(value(company(others, yearly(100)), "total_revenue"))


def test_the_second_tag_is_used_where_the_first_gives_no_quarter():
    tag = "RevenueFromContractWithCustomerExcludingAssessedTax"
    nine = filing("q3", "10-Q", FILED[2], {tag: (YEAR[0], YEAR[3], 60), "Assets": (YEAR[3], 1)})
    assert value(company(nine, yearly(100, **{tag: (YEAR[0], YEAR[4], 95)})), "total_revenue") == 35


@pytest.mark.parametrize(
    ("ends", "quarters"),
    [
        (("2022-01-29", "2022-04-30", "2022-07-30", "2022-10-29", "2023-01-28"), "13 13 13 13 weeks"),
        (("2022-12-31", "2023-04-01", "2023-07-01", "2023-09-30", "2024-01-06"), "13 13 13 14 weeks"),
        (("2023-09-03", "2023-11-26", "2024-02-18", "2024-05-12", "2024-09-01"), "12 12 12 16 weeks"),
    ],
)
def test_calendars_of_52_and_53_weeks_have_four_quarters(ends, quarters):
    days = [date.fromisoformat(end) for end in ends]
    starts = [str(day + timedelta(days=1)) for day in days]
    filed = [str(day + timedelta(days=35)) for day in days]
    parts = [
        filing(f"q{n}", "10-Q", filed[n], {"Revenues": [(starts[n - 1], ends[n], n), (starts[0], ends[n], n * n)]})
        for n in (2, 3)
    ]
    first = filing("q1", "10-Q", filed[1], {"Revenues": (starts[0], ends[1], 1)})
    year = filing("k", "10-K", filed[4], {"Revenues": (starts[0], ends[4], 100)})
    assert rows(company(first, *parts, year))["total_revenue"].tolist() == [1, 2, 3, 91], quarters


def test_a_year_that_starts_a_day_off_by_a_typing_error_is_the_same_year():
    document = a_year()
    for fact in document["facts"]["us-gaap"]["Revenues"]["units"]["USD"]:
        if fact["accn"] == "k":
            fact["start"] = "2024-01-02"
    assert value(document, "total_revenue") == 40


# --- publications ---------------------------------------------------------------------------------------------------


def test_comparatives_in_a_later_filing_are_no_publication_of_the_earlier_quarter():
    later = filing(
        "later",
        "10-Q",
        "2025-05-01",
        {
            "Revenues": [("2025-01-01", "2025-03-31", 15), ("2024-01-01", "2024-03-31", 11)],
            "Assets": [("2025-03-31", 2), (YEAR[4], 3)],
        },
    )
    frame = rows(company(quarterly(1, (10,)), later))
    assert [str(day) for day in frame["fiscal_date_ending"]] == [YEAR[1], "2025-03-31"]
    assert frame["total_revenue"].tolist() == [10, 15]


def test_an_amendment_is_a_later_row_and_the_first_row_stays_as_it_was():
    amended = quarterly(1, (12,), number="q1a", filed="2024-06-20", form="10-Q/A")
    frame = rows(company(quarterly(1, (10,)), amended))
    assert frame["total_revenue"].tolist() == [10, 12]
    assert [str(day) for day in frame["available_on"]] == [FILED[0], "2024-06-20"]


def test_what_an_amendment_leaves_out_is_still_what_the_first_filing_said():
    amended = filing("q1a", "10-Q/A", "2024-06-20", {"Revenues": (YEAR[0], YEAR[1], 12)})
    assert value(company(quarterly(1, (10,)), amended), "total_assets", YEAR[1]) == 1001


def test_two_filings_about_a_quarter_on_one_day_are_one_row():
    amended = quarterly(1, (12,), number="q1a", filed=FILED[0], form="10-Q/A")
    assert rows(company(quarterly(1, (10,)), amended))["total_revenue"].tolist() == [12]


def test_nine_months_that_were_restated_before_the_year_was_filed_are_used_restated():
    restated = filing("q3a", "10-Q/A", "2025-01-10", {"Revenues": (YEAR[0], YEAR[3], 58)})
    document = company(*(quarterly(n, (10, 20, 30)) for n in (1, 2, 3)), restated, yearly(100))
    assert value(document, "total_revenue") == 42


def test_nine_months_that_were_restated_afterwards_change_nothing():
    restated = filing("q3a", "10-Q/A", "2025-03-10", {"Revenues": (YEAR[0], YEAR[3], 58)})
    document = company(*(quarterly(n, (10, 20, 30)) for n in (1, 2, 3)), yearly(100), restated)
    assert value(document, "total_revenue") == 40


def test_a_period_that_was_not_over_when_it_was_filed_is_a_typing_error():
    typed = filing(
        "q1", "10-Q", FILED[0], {"Revenues": (YEAR[0], YEAR[1], 10), "Assets": [(YEAR[1], 5), ("2042-03-31", 9)]}
    )
    frame = rows(company(typed))
    assert frame[["total_revenue", "total_assets"]].to_numpy().tolist() == [[10, 5]]
    assert str(frame["fiscal_date_ending"].iloc[0]) == YEAR[1]


def test_current_reports_and_prospectuses_are_no_publications():
    assert rows(company(filing("x", "8-K", FILED[0], {"Assets": (YEAR[1], 1)}))).empty


@settings(deadline=None)
@given(st.dates(date(2024, 4, 1), date(2025, 6, 30)))
def test_what_was_filed_after_a_day_changes_no_row_of_that_day(day):
    restated = filing("q3a", "10-Q/A", "2025-01-10", {"Revenues": (YEAR[0], YEAR[3], 58), "Assets": (YEAR[3], 7)})
    amended = yearly(103, number="ka", filed="2025-04-01", form="10-K/A")
    document = company(*(quarterly(n, (10, 20, 30)) for n in (1, 2, 3)), restated, yearly(100), amended)
    early = copy.deepcopy(document)
    for concept in early["facts"]["us-gaap"].values():
        for unit, facts in concept["units"].items():
            concept["units"][unit] = [fact for fact in facts if fact["filed"] <= str(day)]
    full = rows(document)
    known = full[[each <= day for each in full["available_on"]]].reset_index(drop=True)
    assert known.equals(rows(early))


# --- items ----------------------------------------------------------------------------------------------------------


def test_gross_profit_that_is_not_stated_is_revenue_less_its_cost():
    document = company(quarterly(1, (10,), CostOfRevenue=(YEAR[0], YEAR[1], 4)))
    assert value(document, "gross_profit", YEAR[1]) == 6


def test_the_fourth_quarters_gross_profit_is_derived_from_both_lines():
    costs = [(YEAR[0], YEAR[3], 24)]
    nine = quarterly(3, (10, 20, 30), CostOfRevenue=costs)
    assert value(company(nine, yearly(100, CostOfRevenue=(YEAR[0], YEAR[4], 44))), "gross_profit") == 20


def test_a_name_without_a_cost_of_revenue_has_no_gross_profit():
    assert math.isnan(value(a_year(), "gross_profit"))


@pytest.mark.parametrize(
    ("lines", "debt"),
    [
        ({"LongTermDebtNoncurrent": 70, "LongTermDebtCurrent": 20, "CommercialPaper": 5, "LongTermDebt": 90}, 95),
        ({"LongTermDebt": 90, "LongTermDebtCurrent": 20}, 90),
        ({"LongTermDebt": 90, "CommercialPaper": 5}, 95),
        ({"LongTermDebt": 90, "LongTermDebtCurrent": 20, "DebtCurrent": 25}, 95),
        ({"LongTermDebtNoncurrent": 70, "LongTermDebtCurrent": 20, "DebtCurrent": 25, "CommercialPaper": 5}, 95),
        ({"LongTermDebtNoncurrent": 70, "ShortTermBorrowings": 8, "CommercialPaper": 5}, 78),
        ({"LongTermDebtNoncurrent": 70}, 70),
        ({"DebtCurrent": 25}, 25),
        ({"LongTermDebtNoncurrent": 0}, 0),
        ({"DebtLongtermAndShorttermCombinedAmount": 95}, 95),
    ],
)
def test_no_part_of_the_debt_is_counted_twice(lines, debt):
    assert value(balance_sheet(**lines), "total_debt", YEAR[1]) == debt


def test_apples_filing_of_2021_gives_its_125_billion_of_debt_and_its_51_billion_of_receivables():
    document = balance_sheet(
        CommercialPaper=6_000,
        LongTermDebtCurrent=9_613,
        LongTermDebtNoncurrent=109_106,
        LongTermDebt=118_719,
        AccountsReceivableNetCurrent=26_278,
        NontradeReceivablesCurrent=25_228,
        CashAndCashEquivalentsAtCarryingValue=34_940,
        MarketableSecuritiesCurrent=27_699,
    )
    assert value(document, "total_debt", YEAR[1]) == 124_719
    assert value(document, "net_receivables", YEAR[1]) == 51_506
    assert value(document, "cash_and_equivalents", YEAR[1]) == 62_639


def test_debt_that_nobody_reports_is_unknown_and_not_zero():
    assert math.isnan(value(balance_sheet(), "total_debt", YEAR[1]))


@pytest.mark.parametrize(
    ("lines", "liabilities"),
    [
        ({"Liabilities": 600, "StockholdersEquity": 390}, 600),
        ({"StockholdersEquity": 390}, 610),
        ({"StockholdersEquity": 390, "MinorityInterest": 10}, 600),
        (
            {"StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest": 400, "StockholdersEquity": 390},
            600,
        ),
        ({"StockholdersEquity": 390, "RedeemableNoncontrollingInterestEquityCarryingAmount": 5}, 605),
    ],
)
def test_liabilities_that_are_not_stated_are_what_belongs_to_no_shareholder(lines, liabilities):
    assert value(balance_sheet(**lines), "total_liabilities", YEAR[1]) == liabilities


def test_shares_come_from_the_cover_although_its_day_is_later_than_the_quarter():
    cover = {"EntityCommonStockSharesOutstanding": ("2024-04-19", 16), "CommonStockSharesOutstanding": (YEAR[1], 15)}
    document = company(quarterly(1, (10,), **cover))
    assert value(document, "shares_outstanding", YEAR[1]) == 16
    assert str(rows(document)["fiscal_date_ending"].iloc[0]) == YEAR[1]


def test_a_true_zero_stays_zero():
    assert value(company(quarterly(1, (0,))), "total_revenue", YEAR[1]) == 0


# --- what cannot be used --------------------------------------------------------------------------------------------


def test_amounts_in_another_currency_are_never_taken_for_dollars():
    document = company(filing("q1", "10-Q", FILED[0], {"Assets": (YEAR[1], 1)}, unit="EUR"))
    assert rows(document).empty
    assert why(document) == "reports in EUR, not in USD"


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (company(filing("f", "20-F", FILED[0], {"Assets": (YEAR[1], 1)})), "files 20-F"),
        ({"facts": {"ifrs-full": {}}}, "not in US-GAAP"),
        ({"facts": {}}, "not in US-GAAP"),
        (company(filing("x", "8-K", FILED[0], {"Assets": (YEAR[1], 1)})), "no 10-Q or 10-K"),
    ],
)
def test_a_company_without_quarterly_statements_is_told_why(document, reason):
    assert reason in why(document)


@pytest.mark.parametrize("document", [None, [], "x", {}, {"facts": None}, {"facts": []}, {"facts": {"us-gaap": 3}}])
def test_an_answer_of_another_shape_is_an_error(document):
    with pytest.raises(DataError):
        statements(document, "X", "edgar")


@pytest.mark.parametrize(
    "fault",
    [
        {"val": "10"},
        {"val": None},
        {"val": True},
        {"val": math.nan},
        {"end": "31.3.2024"},
        {"end": None},
        {"filed": 3},
        {"accn": None},
        {"form": 7},
        {"start": "2024-12-31", "end": "2024-03-31"},
    ],
)
def test_a_fact_of_a_wrong_type_is_an_error_that_names_its_tag(fault):
    document = a_year()
    document["facts"]["us-gaap"]["Revenues"]["units"]["USD"][0] |= fault
    with pytest.raises(DataError, match="Revenues"):
        statements(document, "X", "edgar")


def wild_fact(end, days, form, number, after):
    """A fact as the SEC writes it, about any period, filed before or after that ended."""
    start = {"start": str(end - timedelta(days=days - 1))} if days else {}
    filed = str(date(2023, 1, 1) + timedelta(days=after))
    return {**start, "end": str(end), "val": days + 1, "accn": number, "form": form, "filed": filed}


wild_facts = st.builds(
    wild_fact,
    st.sampled_from([date(2022, 12, 31), date(2023, 4, 1), date(2023, 7, 1), date(2023, 9, 30), date(2023, 12, 30)]),
    st.sampled_from([0, 30, 84, 91, 98, 182, 273, 364, 371]),
    st.sampled_from(["10-Q", "10-K", "10-K/A", "8-K"]),
    st.sampled_from("abcde"),
    st.integers(0, 700),
)
tags = st.sampled_from(["Revenues", "CostOfRevenue", "Assets", "LongTermDebt", "StockholdersEquity", "NetIncomeLoss"])


@settings(deadline=None)
@given(st.dictionaries(tags, st.lists(wild_facts, max_size=12)))
def test_facts_of_any_periods_give_a_valid_frame_or_a_reason(facts):
    document = {"facts": {"us-gaap": {tag: {"units": {"USD": given}} for tag, given in facts.items()}}}
    frame, reason = statements(document, "X", "edgar")
    Fundamentals.validate(frame)
    assert frame.empty == bool(reason)
    assert not frame.duplicated(["fiscal_date_ending", "available_on"]).any()
    assert all(row.fiscal_date_ending < row.available_on for row in frame.itertuples())
    assert not frame[list(ITEMS)].isna().all(axis=1).any()


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["facts", "us-gaap", "dei", "Assets", "units", "USD", "end"]), inner)
        ),
    )
)
def test_any_json_is_read_or_refused(document):
    try:
        frame, reason = statements(document, "X", "edgar")
    except DataError:
        return
    assert frame.empty
    assert reason


# --- over the network -----------------------------------------------------------------------------------------------


@pytest.fixture
def vendor():
    with VendorServer() as server:
        serve_sec(server, {AAPL: a_year(), MSFT: a_year(), META: a_year(), BRK: a_year()})
        yield server


@pytest.fixture
def source(vendor, tmp_path):
    return make(vendor, tmp_path)


def make(vendor, folder, clock=None, agent=AGENT, **more):
    knobs = {"per_second": 10_000, "attempts": 3, "timeout": (1.0, 0.3), "sleep": lambda _seconds: None}
    session = PatientSession(**knobs)
    return EdgarFilings(agent, folder, clock or Clock(), session=session, base=vendor.url, files=vendor.url, **more)


def facts_path(cik):
    return f"/api/xbrl/companyfacts/CIK{cik:010d}.json"


def test_the_filings_of_several_companies_come_sorted(source):
    answer = source.filings(["MSFT", "AAPL"], NOW)
    assert answer.filings["symbol"].tolist() == ["AAPL"] * 4 + ["MSFT"] * 4
    assert set(answer.filings["source"]) == {"edgar"}
    assert answer.missing == {}


def test_every_request_says_who_asks(source, vendor):
    source.filings(["AAPL"], NOW)
    assert {request.headers["user-agent"] for request in vendor.seen} == {AGENT}


@pytest.mark.parametrize("agent", [None, "", "  "])
def test_without_a_user_agent_nothing_is_asked_and_every_name_is_told_what_to_set(vendor, tmp_path, agent):
    answer = make(vendor, tmp_path, agent=agent).filings(["AAPL", "MSFT"], NOW)
    assert answer.filings.empty
    assert set(answer.missing) == {"AAPL", "MSFT"}
    assert "LEARNFINANCE_EDGAR_USER_AGENT" in answer.missing["AAPL"]
    assert vendor.seen == []


@pytest.mark.parametrize(("name", "cik"), [("BRK.B", BRK), ("META", META)])
def test_a_name_is_asked_under_the_ticker_of_the_sec(source, vendor, name, cik):
    assert set(source.filings([name], NOW).filings["symbol"]) == {name}
    assert facts_path(cik) in vendor.paths()


def test_a_filing_counts_from_the_day_after_it_was_filed(source):
    noon = datetime(2024, 10, 31, 16, tzinfo=UTC)
    assert len(source.filings(["AAPL"], noon).filings) == 2
    assert len(source.filings(["AAPL"], noon + timedelta(days=1)).filings) == 3


def test_the_day_is_new_yorks(source):
    late = datetime(2024, 11, 1, 3, tzinfo=UTC)  # 23:00 of 31 October in New York
    assert len(source.filings(["AAPL"], late).filings) == 2


def test_before_its_first_filing_a_name_is_missing_with_the_reason(source):
    answer = source.filings(["AAPL"], datetime(2024, 1, 8, 12, tzinfo=UTC))
    assert answer.missing == {"AAPL": "no public filing is known"}


def test_a_second_run_of_the_day_asks_nothing_and_says_the_same(vendor, tmp_path):
    first = make(vendor, tmp_path).filings(["AAPL"], NOW)
    asked = len(vendor.seen)
    second = make(vendor, tmp_path).filings(["AAPL"], NOW)
    assert len(vendor.seen) == asked
    assert first.filings.equals(second.filings)


def test_a_back_fill_over_past_weeks_asks_once(vendor, tmp_path):
    source = make(vendor, tmp_path)
    for weeks in range(5):
        source.filings(["AAPL"], NOW - timedelta(weeks=weeks))
    assert vendor.paths().count(facts_path(AAPL)) == 1


def test_the_next_day_asks_again_and_keeps_one_answer_only(vendor, tmp_path):
    clock = Clock()
    source = make(vendor, tmp_path, clock)
    source.filings(["AAPL"], clock())
    clock.now += timedelta(days=1)
    source.filings(["AAPL"], clock())
    assert vendor.paths().count(facts_path(AAPL)) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "CIK0000320193.2025-12-30.json.gz",
        "company_tickers.2025-12-30.json.gz",
    ]


def test_what_is_kept_is_the_answer_as_it_came(source, tmp_path):
    source.filings(["AAPL"], NOW)
    kept = tmp_path / "CIK0000320193.2025-12-29.json.gz"
    assert json.loads(gzip.decompress(kept.read_bytes())) == a_year()


def test_a_kept_file_that_is_broken_is_asked_for_again(vendor, tmp_path):
    make(vendor, tmp_path).filings(["AAPL"], NOW)
    (tmp_path / "CIK0000320193.2025-12-29.json.gz").write_bytes(b"half")
    assert len(make(vendor, tmp_path).filings(["AAPL"], NOW).filings) == 4


def test_a_name_that_the_sec_does_not_list_is_missing_and_costs_no_request(source, vendor):
    assert source.filings(["ZZZZ"], NOW).missing == {"ZZZZ": "the SEC's list of tickers has no ZZZZ"}
    assert vendor.paths() == ["/files/company_tickers.json"]


FAULTS = {
    "a server error": (Reply(b"no", status=503), "answers 503"),
    "an answer that is cut off": (Reply(a_year(), cut=200), "connection failed"),
    "half a document": (Reply(json.dumps(a_year()).encode()[:-90]), "not whole JSON"),
    "too many requests": (Reply({}, status=429, headers={"Retry-After": "7"}), "asks to wait 7 s"),
    "a page that is gone": (Reply({}, status=404), "no facts of it"),
    "another shape": (Reply([1, 2]), "cannot be read"),
    "a company abroad": (Reply(company(filing("f", "20-F", FILED[0], {"Assets": (YEAR[1], 1)}))), "files 20-F"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_one_name_is_a_reason_and_the_others_have_their_filings(source, vendor, fault):
    reply, reason = FAULTS[fault]
    serve_sec(vendor, {ASML: reply})
    answer = source.filings(["AAPL", "ASML", "MSFT"], NOW)
    assert set(answer.filings["symbol"]) == {"AAPL", "MSFT"}
    assert set(answer.missing) == {"ASML"}
    assert reason in answer.missing["ASML"]


def test_a_passing_fault_is_asked_again(source, vendor):
    vendor.answers(facts_path(AAPL), Reply(status=500), Reply({}, status=429), Reply(a_year()))
    assert len(source.filings(["AAPL"], NOW).filings) == 4


def test_an_answer_that_cannot_be_read_is_not_kept(source, vendor):
    vendor.answers(facts_path(AAPL), Reply({"facts": 3}), Reply(a_year()))
    assert "cannot be read" in source.filings(["AAPL"], NOW).missing["AAPL"]
    assert len(source.filings(["AAPL"], NOW).filings) == 4


def test_who_is_locked_out_stops_asking(source, vendor):
    serve_sec(vendor, {AAPL: Reply({}, status=403)})
    answer = source.filings(["AAPL", "META", "MSFT"], NOW)
    assert set(answer.missing) == {"AAPL", "META", "MSFT"}
    assert len(vendor.seen) == 2


def test_a_vendor_that_is_down_is_not_asked_for_hundreds_of_names(vendor, tmp_path):
    serve_sec(vendor, dict.fromkeys((AAPL, ASML, BRK, META, MSFT), Reply(status=500)))
    answer = make(vendor, tmp_path).filings(["AAPL", "ASML", "BRK.B", "META", "MSFT"], NOW)
    assert len(vendor.seen) == 1 + 3 * 3
    assert answer.missing["MSFT"].startswith("not asked: the SEC gave no answer before")


SILENCES = [(Reply(a_year(), delay=0.6), "took too long"), (Reply(reset=True), "connection failed")]


@pytest.mark.parametrize(("silence", "says"), SILENCES)
def test_a_vendor_that_is_silent_is_asked_for_one_name_only(source, vendor, silence, says):
    """Each silence costs a minute, and a Monday has no minute for each name."""
    serve_sec(vendor, dict.fromkeys((AAPL, ASML, META, MSFT), silence))
    answer = source.filings(["AAPL", "ASML", "META", "MSFT"], NOW)
    assert vendor.paths()[1:] == [facts_path(AAPL)] * 3
    assert set(answer.missing) == {"AAPL", "ASML", "META", "MSFT"}
    assert all(says in reason for reason in answer.missing.values())
    assert answer.missing["MSFT"].startswith("not asked")


@pytest.mark.parametrize(("silence", "says"), SILENCES)
def test_a_vendor_that_is_silent_from_the_start_is_asked_for_its_list_only(source, vendor, silence, says):
    vendor.answers("/files/company_tickers.json", silence)
    answer = source.filings(["AAPL", "MSFT"], NOW)
    assert vendor.paths() == ["/files/company_tickers.json"] * 3
    assert all(says in reason for reason in answer.missing.values())


def test_names_that_are_kept_are_answered_although_the_vendor_is_down(vendor, tmp_path):
    make(vendor, tmp_path).filings(["MSFT"], NOW)
    serve_sec(vendor, dict.fromkeys((AAPL, ASML, BRK, META), Reply(status=500)))
    answer = make(vendor, tmp_path).filings(["AAPL", "ASML", "BRK.B", "META", "MSFT"], NOW)
    assert set(answer.filings["symbol"]) == {"MSFT"}


@pytest.mark.parametrize("reply", [Reply(status=500), Reply([1]), Reply({"0": {"ticker": "AAPL"}})])
def test_without_the_list_of_tickers_every_name_is_missing(source, vendor, reply):
    vendor.answers("/files/company_tickers.json", reply)
    answer = source.filings(["AAPL", "MSFT"], NOW)
    assert set(answer.missing) == {"AAPL", "MSFT"}
    assert answer.missing["AAPL"].startswith("the SEC's list of tickers")


def test_progress_is_told_now_and_then(vendor, tmp_path, monkeypatch):
    monkeypatch.setattr(edgar, "REPORT_EVERY", 2)
    heard = []
    make(vendor, tmp_path, say=heard.append).filings(["AAPL", "META", "MSFT"], NOW)
    assert heard == ["edgar: 2 of 3 names"]
